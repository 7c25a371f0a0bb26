/* lines.c - what we say of addresses, for test/real/lines.py to hold against what others say.
 *
 * lines FILE: addresses of the ELF file on stdin, a hexadecimal number each; for each its frames,
 * innermost first, a line "name<TAB>system name<TAB>file<TAB>line<TAB>start line" each, and then an
 * empty line. What it cost goes to stderr. */
/* SPDX-License-Identifier: MIT */
#include <elfutils/libdwelf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "encoder/symbols.h"

static uint64_t cpu_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The most memory there was, with the pages of files, since the program began. */
static long peak_kib(void)
{
	char line[256];
	long kib = 0;
	FILE *in = fopen("/proc/self/status", "re");
	while (in && fgets(line, sizeof(line), in))
		if (!strncmp(line, "VmHWM:", 6))
			kib = strtol(line + 6, NULL, 10);
	if (in)
		fclose(in);
	return kib;
}

static struct cp_module_id identify(const char *path, struct cp_elf *file)
{
	const void *build_id = NULL;
	if (cp_elf_open(path, file)) {
		fprintf(stderr, "lines: %s is no ELF file\n", path);
		exit(2);
	}
	ssize_t len = dwelf_elf_gnu_build_id(file->elf, &build_id);
	return (struct cp_module_id){
	    .path = path, .build_id = build_id, .build_id_len = len > 0 ? (uint32_t)len : 0};
}

static uint64_t *read_addresses(uint32_t *count)
{
	uint64_t address, *addresses = NULL;
	while (scanf("%" SCNx64, &address) == 1) { /* NOLINT: a test's own numbers */
		if ((*count & (*count - 1)) == 0)
			addresses =
			    realloc(addresses, (*count ? *count * 2 : 1) * sizeof(*addresses));
		if (!addresses)
			exit(2);
		addresses[(*count)++] = address;
	}
	return addresses;
}

static void tell(const struct cp_lines *found)
{
	for (uint32_t i = 0; i < found->count; i++) {
		const struct cp_line *line = &found->lines[i];
		printf("%s\t%s\t%s\t%u\t%u\n", line->name, line->system_name, line->file,
		       line->line, line->start_line);
	}
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct cp_elf file;
	uint32_t count = 0;
	if (argc != 2)
		return 2;
	const struct cp_module_id id = identify(argv[1], &file);
	uint64_t *addresses = read_addresses(&count);
	uint64_t *ordered = calloc(count + 1, sizeof(*ordered));
	struct cp_symbols *symbols = cp_symbols_new();
	if (!symbols || !ordered)
		return 2;
	cp_symbols_limit(symbols, UINT64_MAX, UINT64_MAX);
	if (count)
		memcpy(ordered, addresses, count * sizeof(*ordered));
	uint64_t began = cpu_us();
	struct cp_image *image = cp_symbols_image(symbols, &id);
	bool has_lines = image && cp_image_has_lines(image);
	uint64_t opened = cpu_us();
	long open_kib = peak_kib();
	if (!image)
		return 2;
	cp_image_prepare(image, ordered, count);
	uint64_t asked = cpu_us();
	for (uint32_t i = 0; i < count; i++) {
		const struct cp_lines found = cp_image_lines(image, addresses[i]);
		tell(&found);
	}
	fprintf(stderr,
		"open_us %" PRIu64 " asked %" PRIu32 " ask_us %" PRIu64
		" open_kib %ld kib %ld lines %d\n",
		opened - began, count, asked - opened, open_kib, peak_kib(), has_lines);
	cp_symbols_free(symbols);
	cp_elf_close(&file);
	free(addresses);
	free(ordered);
	return 0;
}
