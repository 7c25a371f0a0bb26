/* encoder_perfmap.c - a file of names as it grows, and as it is written anew, with bad lines. */
/* SPDX-License-Identifier: MIT */
#include "test/unit/written.h"

static void grows(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench);
	write_text(&bench, "1000 100 one\n0x2000 0x10 two words\n30");
	assert_string_equal(name_of(&bench, 0x1000), "one");
	assert_string_equal(look(bench.map, 0x10ff), "one");
	assert_string_equal(look(bench.map, 0x1100), "");
	assert_string_equal(look(bench.map, 0x200f), "two words");
	/* the last line is not whole yet: it says nothing, and nobody is blamed */
	assert_string_equal(look(bench.map, 0x30), "");
	write_text(&bench, "00 10 thr");
	assert_string_equal(name_of(&bench, 0x3000), "");
	write_text(&bench, "ee\n4000 10 four\n");
	/* one look for each snapshot */
	assert_string_equal(look(bench.map, 0x3000), "");
	assert_string_equal(name_of(&bench, 0x3000), "three");
	assert_string_equal(look(bench.map, 0x400f), "four");
	assert_string_equal(look(bench.map, 0x1000), "one");
	assert_int_equal(bench.map->counts.refused, 0);
	tear_down(&bench);
}

static void later_lines_win(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench);
	write_text(&bench, "1000 300 old\n1100 100 new\n");
	assert_string_equal(name_of(&bench, 0x10ff), "old");
	assert_string_equal(look(bench.map, 0x1100), "new");
	assert_string_equal(look(bench.map, 0x1200), "old");
	write_text(&bench, "1000 200 newest\n");
	assert_string_equal(name_of(&bench, 0x1100), "newest");
	assert_string_equal(look(bench.map, 0x1200), "old");
	write_text(&bench, "0800 1000 all\n");
	assert_string_equal(name_of(&bench, 0x1100), "all");
	assert_int_equal(bench.map->codes.count, 1);
	tear_down(&bench);
}

/* Java writes its file anew each time, into the same one; others may put one in its place. */
static void is_written_anew(void **state)
{
	struct bench bench;
	char other[80];
	(void)state;
	set_up(&bench);
	write_text(&bench, "1000 100 one\n2000 100 two\n");
	assert_string_equal(name_of(&bench, 0x1000), "one");
	assert_non_null(freopen(bench.path, "w", bench.file));
	write_text(&bench, "1000 100 uno\n1800 100 nuevo\n2000 100 dos\n");
	assert_string_equal(name_of(&bench, 0x1000), "uno");
	assert_string_equal(look(bench.map, 0x1800), "nuevo");
	assert_non_null(freopen(bench.path, "w", bench.file));
	write_text(&bench, "1000 100 un\n");
	assert_string_equal(name_of(&bench, 0x1000), "un");
	assert_string_equal(look(bench.map, 0x1800), "");
	/* a name that is asked for after its file was emptied is not another's */
	assert_non_null(freopen(bench.path, "w", bench.file));
	write_text(&bench, "9000 100 x\n");
	assert_string_equal(look(bench.map, 0x1000), "");
	snprintf(other, sizeof(other), "%s.new", bench.path);
	assert_non_null(freopen(other, "w", bench.file));
	write_text(&bench, "1000 100 eins\n");
	assert_int_equal(rename(other, bench.path), 0);
	assert_string_equal(name_of(&bench, 0x1000), "eins");
	/* what is gone from the folder is still open here */
	unlink(bench.path);
	write_text(&bench, "2000 100 zwei\n");
	assert_string_equal(name_of(&bench, 0x1000), "eins");
	assert_string_equal(look(bench.map, 0x2000), "zwei");
	tear_down(&bench);
}

static void bad_lines_are_passed_over(void **state)
{
	static const char *const bad[] = {
	    "",
	    "hello",
	    "1000",
	    "1000 ",
	    "1000 10",
	    "1000 10 ",
	    "g000 10 no hex",
	    ":000 10 no hex",
	    "-1000 10 minus",
	    "1000 0 empty",
	    "1000 -1 minus",
	    "0x 10 nothing",
	    "1000\t10\ttabs",
	    "10000000000001000 10 17 digits",
	    "fffffffffffffff0 10 wraps",
	    "1000 50000000 too large",
	};
	struct bench bench;
	(void)state;
	set_up(&bench);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		fprintf(bench.file, "%s\n", bad[i]);
	assert_string_equal((write_text(&bench, "2000 10 good\n"), name_of(&bench, 0x2000)),
			    "good");
	assert_int_equal(bench.map->counts.refused, sizeof(bad) / sizeof(*bad));
	assert_int_equal(bench.map->codes.count, 1);
	assert_string_equal(look(bench.map, 0x1000), "");
	/* a line longer than any, which comes in two parts; one that is just long is cut */
	for (int i = 0; i < 300000; i++)
		fputc('3', bench.file);
	fflush(bench.file);
	assert_string_equal(name_of(&bench, 0x2000), "good");
	fprintf(bench.file, "\n4000 10 %05000d\n5000 10 after\n", 7);
	fflush(bench.file);
	assert_string_equal(name_of(&bench, 0x5000), "after");
	assert_int_equal(bench.map->counts.refused, sizeof(bad) / sizeof(*bad) + 1);
	assert_int_equal(strlen(look(bench.map, 0x4000)), CP_CODE_NAME_MAX - 1);
	tear_down(&bench);
}

/* Holes of a file are zeros without end: one look reads 64 MiB of them. */
static void a_huge_file_is_read_in_parts(void **state)
{
	const uint64_t huge = UINT64_C(1) << 40;
	struct bench bench;
	(void)state;
	set_up(&bench);
	write_text(&bench, "1000 10 first\n");
	if (ftruncate(fileno(bench.file), (off_t)huge)) {
		tear_down(&bench);
		skip();
	}
	assert_string_equal(name_of(&bench, 0x1000), "first");
	assert_in_range(bench.map->counts.unread, huge - (UINT64_C(65) << 20),
			huge - (UINT64_C(64) << 20));
	assert_int_equal(bench.map->counts.refused, 1);
	tear_down(&bench);
}

/* The family's room is the cap: the oldest lines go, and who needs them no more gives room back. */
static void a_full_map_forgets_the_oldest(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench);
	bench.room = 1000;
	for (unsigned i = 1; i <= 5000; i++)
		fprintf(bench.file, "%x 10 f%u\n", i * 0x10, i);
	fflush(bench.file);
	assert_string_equal(name_of(&bench, 5000 * 0x10), "f5000");
	assert_string_equal(look(bench.map, 0x10), "");
	assert_in_range(bench.map->codes.count, 500, 1000);
	assert_int_equal(bench.map->counts.forgotten, 5000 - bench.map->codes.count);
	assert_int_equal(bench.room, 1000 - bench.map->codes.count);
	bench.room += CP_CODE_ROOM - 1000;
	tear_down(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(grows),
	    cmocka_unit_test(later_lines_win),
	    cmocka_unit_test(is_written_anew),
	    cmocka_unit_test(bad_lines_are_passed_over),
	    cmocka_unit_test(a_huge_file_is_read_in_parts),
	    cmocka_unit_test(a_full_map_forgets_the_oldest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
