/* packed.h - a library whose debug information is compressed, and what is known of it once it is
 * unpacked on disk. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "encoder/image.h"
#define WORKSHOP "/var/tmp/conprof-scratch-XXXXXX"
#include "test/unit/workshop.h"

#define SECOND	 UINT64_C(1000000000)
#define HOUR	 (3600 * SECOND)
#define MOST	 ((uint64_t)16 << 20)
#define FUNCTION "function_of_many_lines"

static uint64_t start, end; /* of the function */
static uint8_t build_id[20];
static char said[2000];
static int sayings;

static void hear(void *ctx, const char *line)
{
	size_t len = strlen(said);
	(void)ctx;
	snprintf(said + len, sizeof(said) - len, "%s\n", line);
	sayings++;
}

/* plain.so; packed.so, the same with compressed sections; bare.so without, whose debug file is
 * compressed. */
static int make_library(void **state)
{
	(void)state;
	if (workshop_open(NULL, NULL))
		return -1;
	shell("mkdir spool && awk 'BEGIN { print \"int sink;\\nstatic inline void in(int n)"
	      " { sink -= n; }\\nvoid " FUNCTION "(int n)\\n{\"; for (i = 0; i < 200; i++) print "
	      "\"\\tsink += n * \" i \";\\n\\tin(n);\"; print \"}\" }' >a.c && "
	      "gcc -g -gz=none -O1 -fPIC -shared -Wl,--build-id=sha1 -o plain.so a.c && "
	      "objcopy --compress-debug-sections=zlib-gabi plain.so packed.so && "
	      "objcopy --only-keep-debug packed.so bare.debug && strip -g -o bare.so plain.so && "
	      "objcopy --add-gnu-debuglink=bare.debug bare.so");
	assert_int_equal(build_id_of("plain.so", build_id), 20);
	start = address_of("plain.so", FUNCTION, &end);
	signal(SIGXFSZ, SIG_IGN); /* as the uploader has it */
	return 0;
}

static struct cp_symbols *symbols_with(uint64_t above, uint64_t most)
{
	struct cp_symbols *symbols = cp_symbols_new();
	cp_symbols_listen(symbols, hear, NULL);
	cp_symbols_unpack(symbols, path_of("spool"), above, most);
	said[0] = 0;
	sayings = 0;
	return symbols;
}

struct sums {
	uint64_t lines, inlined, files;
};

/* All addresses: each has the function's name, whatever else is known. A file that was asked may
 * be asked again: which is forgotten here. */
static struct sums ask(struct cp_symbols *symbols, const char *name)
{
	char path[256];
	struct sums sums = {0};
	snprintf(path, sizeof(path), "%s", path_of(name));
	struct cp_module_id id = {.path = path, .build_id = build_id, .build_id_len = 20};
	struct cp_image *image = cp_symbols_image(symbols, &id);
	for (uint64_t at = start; at < end; at++) {
		struct cp_lines found = cp_image_lines(image, at);
		assert_in_range(found.count, 1, 2);
		assert_string_equal(found.lines[found.count - 1].name, FUNCTION);
		sums.lines += found.lines[0].line * (at - start + 1);
		sums.inlined += found.count == 2;
		sums.files += strlen(found.lines[0].file);
	}
	return sums;
}

/* The disk that the test was given may be memory, or so full that nothing is put there. */
static void need_disk(void)
{
	struct statfs disk;
	assert_int_equal(statfs(dir, &disk), 0);
	if (disk.f_type == TMPFS_MAGIC || disk.f_bavail < disk.f_blocks / 8 ||
	    (uint64_t)disk.f_bavail * (uint64_t)disk.f_bsize < UINT64_C(2) << 30)
		skip();
}

static unsigned count_files(void)
{
	unsigned count = 0;
	DIR *folder = opendir(path_of("spool"));
	while (readdir(folder)) /* NOLINT(concurrency-mt-unsafe) */
		count++;
	closedir(folder);
	return count - 2;
}

static struct sums plain_sums(void)
{
	struct cp_symbols *symbols = cp_symbols_new();
	const struct sums sums = ask(symbols, "plain.so");
	assert_true(sums.lines > 0 && sums.inlined > 0);
	cp_symbols_free(symbols);
	return sums;
}

/* Closes all files, and no answer is kept. */
static void forget(struct cp_symbols *symbols)
{
	struct cp_symbols_status status;
	cp_symbols_limit(symbols, 0, 10 * SECOND);
	cp_symbols_image(symbols, &(struct cp_module_id){.path = "/nowhere"});
	cp_symbols_limit(symbols, MOST, 10 * SECOND);
	cp_symbols_status(symbols, &status);
	assert_int_equal(status.images, 1);
	assert_int_equal(status.open, 0);
}

/* No lines, which is said, and not tried again when the file is opened again. */
static void ask_refused(struct cp_symbols *symbols, const char *name, const char *why)
{
	assert_int_equal(ask(symbols, name).lines, 0);
	assert_non_null(strstr(said, why));
	const uint64_t spent = symbols->scratches.spent_ns;
	forget(symbols);
	cp_symbols_rest(symbols, HOUR);
	assert_int_equal(ask(symbols, name).lines, 0);
	assert_int_equal(symbols->scratches.spent_ns, spent);
	assert_int_equal(symbols->scratches.size, 0);
	assert_int_equal(symbols->scratches.files[0].readers, 0);
	assert_int_equal(sayings, 2); /* of each image once */
	assert_int_equal(count_files(), 0);
	cp_symbols_free(symbols);
}
