/* uploader_lines.c - lines that others write, and what is made of those that are cut or too long.
 */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "encoder/procmaps.h"
#include "test/unit/unit.h"
#include "uploader/await.h"

static size_t found_in(const char *text, uint64_t address)
{
	struct cp_procmaps maps = {0};
	int fd = memfd_create("maps", MFD_CLOEXEC);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	cp_procmaps_take(&maps, fd);
	const struct cp_procmap *map = cp_procmaps_find(&maps, address);
	size_t len = map ? strlen(map->path) : 0;
	cp_procmaps_free(&maps);
	close(fd);
	return len;
}

/* A path of 4095 newlines is 16380 characters there: the lines behind it are none the worse. */
static void a_line_without_end(void **state)
{
	static const char twice[] = "1000-2000 r-xp 00000000 00:01 7    /a/file\n"
				    "5000-6000 r-xp 00000000 00:01 7    /a/file\n";
	static const size_t lens[] = {1, 4000, 8100, 8190, 8191, 8192, 16380, 16382, 24573};
	char *text = malloc(60000);
	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
		char *to = stpcpy(text, "0-1000 r-xp 00000000 00:01 6    /");
		to = mempcpy(to, memset(to, 'x', lens[i]), lens[i]);
		stpcpy(stpcpy(to, "\n"), twice);
		assert_int_equal(found_in(text, 0x5800), 7);
		assert_int_equal(found_in(text, 0x800), 0);
		/* what its end looks like is no line */
		stpcpy(stpcpy(to, "\n7000-8000 r-xp 00000000 00:01 7    /a/file\n"), twice + 43);
		assert_int_equal(found_in(text, 0x7800), 7);
	}
	free(text);
}

static void files_that_are_not_all_named(void **state)
{
	char *cut = strdup(".heap");
	(void)state;
	assert_int_equal(cp_await_file(".heap.pprof.cpu.pprof"), 11);
	assert_int_equal(cp_await_file(".cpu.pprof"), 10);
	assert_int_equal(cp_await_file(cut), 0);
	assert_int_equal(cp_await_file(cut + 5), 0);
	assert_int_equal(cp_await_file("-"), 0);
	free(cut);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_without_end),
	    cmocka_unit_test(files_that_are_not_all_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
