/* encoder_reader.c - any bytes as a profile's file: read, added up, and cut into parts that can be
 * read. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "encoder/cut.h"
#include "encoder/reader.h"

static void must(int fine)
{
	if (!fine)
		__builtin_trap();
}

static void cut(const struct cp_bytes *file, int bare)
{
	const struct cp_cut how = {.bytes = 300,
				   .samples = 3,
				   .depth = 5,
				   .text = 100,
				   .types = bare ? 1 : 0,
				   .bare = bare,
				   .duration_ns = -1};
	struct cp_parts parts;
	/* so large a file would take long in parts so small */
	if (file->len > 4096 || cp_cut(file, &how, &parts))
		return;
	must(parts.count > 0);
	for (size_t i = 0; i < parts.count; i++) {
		struct cp_reader *reader = NULL;
		must(!cp_reader_open(&parts.all[i], &reader));
		cp_reader_close(reader);
	}
	cp_parts_free(&parts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cp_bytes copy = {malloc(size ? size : 1), size};
	struct cp_reader *reader = NULL;
	if (!copy.data)
		return 0;
	for (size_t i = 0; i < size; i++)
		copy.data[i] = data[i];
	if (!cp_reader_open(&copy, &reader)) {
		struct cp_function_sum *sums = NULL;
		size_t count = 0;
		int64_t whole;
		cp_reader_first(reader);
		for (size_t i = 0; i < cp_reader_types(reader) && i < 4; i++) {
			if (!cp_reader_sum(reader, i, &sums, &count, &whole))
				free(sums);
			if (!cp_reader_type(reader, i) || !cp_reader_unit(reader, i))
				__builtin_trap();
		}
	}
	cp_reader_close(reader);
	cut(&copy, 0);
	cut(&copy, 1);
	free(copy.data);
	return 0;
}
