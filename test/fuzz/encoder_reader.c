/* encoder_reader.c - any bytes as a profile's file: read, and added up. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "encoder/reader.h"

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
	free(copy.data);
	return 0;
}
