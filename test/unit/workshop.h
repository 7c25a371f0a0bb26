/* workshop.h - a folder of a test's own, in which compilers make what it then looks at. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <elfutils/libdwelf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encoder/elffile.h"
#include "test/unit/fake_recording.h"
#include "test/unit/unit.h"

#ifndef WORKSHOP
#define WORKSHOP "/tmp/conprof-workshop-XXXXXX" /* where it is */
#endif
static char dir[] = WORKSHOP;

/* A command in that folder, which must succeed. */
__attribute__((format(printf, 1, 2))) static inline void shell(const char *format, ...)
{
	char command[4096], text[4000];
	va_list words;
	va_start(words, format);
	vsnprintf(text, sizeof(text), format, words);
	va_end(words);
	snprintf(command, sizeof(command), "cd %s && %s", dir, text);
	if (system(command)) /* NOLINT: a test's own tools */
		fake_die(command);
}

/* A file in that folder; the path is static, the next call's takes its place. */
static inline char *path_of(const char *name)
{
	static char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/* Makes the folder and, when there is a name, the first file in it. */
static inline int workshop_open(const char *name, const char *text)
{
	if (!mkdtemp(dir))
		return -1;
	FILE *out = name ? fopen(path_of(name), "we") : NULL;
	if (!name)
		return 0;
	return !out || fputs(text, out) < 0 || fclose(out) ? -1 : 0;
}

/* As a group's last act. */
static inline int workshop_close(void **state)
{
	(void)state;
	shell("cd / && rm -r %s", dir);
	return 0;
}

/* The build-id of a file in that folder, 36 bytes of room; how long it is, 0: none. */
static inline uint32_t build_id_of(const char *name, uint8_t *build_id)
{
	struct cp_elf elf;
	const void *id = NULL;
	assert_int_equal(cp_elf_open(path_of(name), &elf), 0);
	ssize_t len = dwelf_elf_gnu_build_id(elf.elf, &id);
	if (len > 0)
		memcpy(build_id, id, (size_t)len);
	cp_elf_close(&elf);
	return len > 0 ? (uint32_t)len : 0;
}

/* Where a function of such a file begins, as nm says, and if asked where it ends. */
static inline uint64_t address_of(const char *name, const char *function, uint64_t *end)
{
	char command[400];
	unsigned long at = 0, size = 0;
	snprintf(command, sizeof(command), "nm %s %s | grep ' %s$'", end ? "-S" : "", path_of(name),
		 function);
	FILE *in = popen(command, "r"); /* NOLINT */
	assert_non_null(in);
	assert_int_equal(fscanf(in, end ? "%lx %lx" : "%lx", &at, &size), end ? 2 : 1); /* NOLINT */
	pclose(in);
	if (end)
		*end = at + size;
	return at;
}
