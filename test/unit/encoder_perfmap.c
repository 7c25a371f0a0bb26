/* encoder_perfmap.c - a file of names as it grows, as it is written anew, and as an enemy made it.
 */
/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "encoder/perfmap.h"
#include "test/unit/fake_recording.h"
#include "test/unit/unit.h"

struct bench {
	char path[64];
	FILE *file;
	size_t room;
	struct cp_perfmap *map;
};

static void set_up(struct bench *bench)
{
	snprintf(bench->path, sizeof(bench->path), "/tmp/perf-%d.map", (int)getpid());
	unlink(bench->path);
	bench->file = fopen(bench->path, "w");
	assert_non_null(bench->file);
	bench->room = CP_CODE_ROOM;
	bench->map = cp_perfmap_new(getpid(), getpid(), &bench->room);
	assert_non_null(bench->map);
}

static void tear_down(struct bench *bench)
{
	cp_perfmap_free(bench->map);
	assert_int_equal(bench->room, CP_CODE_ROOM);
	fclose(bench->file);
	unlink(bench->path);
}

static void write_text(struct bench *bench, const char *text)
{
	assert_true(fputs(text, bench->file) >= 0 && !fflush(bench->file));
}

/* What the code at the address is called now; "" when it has no name. */
static const char *look(struct cp_perfmap *map, uint64_t address)
{
	static char name[CP_CODE_NAME_MAX];
	uint64_t start;
	return cp_perfmap_find(map, address, name, &start) ? name : "";
}

static const char *name_of(struct bench *bench, uint64_t address)
{
	cp_perfmap_begin(bench->map);
	return look(bench->map, address);
}

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

static void what_lies_there(struct bench *bench, const char *expected)
{
	cp_perfmap_free(bench->map);
	bench->map = cp_perfmap_new(getpid(), getpid(), &bench->room);
	assert_string_equal(name_of(bench, 0x1000), expected);
	if (!*expected)
		assert_int_equal(bench->map->fd, -1);
}

/* Anybody may put anything there. */
static void strangers_are_not_read(void **state)
{
	struct bench bench;
	char other[80];
	const struct timespec old[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
	const struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
	(void)state;
	set_up(&bench);
	write_text(&bench, "1000 10 mine\n");
	what_lies_there(&bench, "mine");
	/* left by a process of the same number */
	assert_int_equal(futimens(fileno(bench.file), old), 0);
	what_lies_there(&bench, "");
	assert_int_equal(futimens(fileno(bench.file), now), 0);
	snprintf(other, sizeof(other), "%s.other", bench.path);
	assert_int_equal(link(bench.path, other), 0);
	what_lies_there(&bench, "");
	unlink(bench.path);
	assert_int_equal(symlink(other, bench.path), 0);
	what_lies_there(&bench, "");
	unlink(bench.path);
	assert_int_equal(rename(other, bench.path), 0);
	what_lies_there(&bench, "mine");
	if (geteuid() == 0) {
		assert_int_equal(fchown(fileno(bench.file), 12345, 12345), 0);
		what_lies_there(&bench, "");
	}
	unlink(bench.path);
	assert_int_equal(mkfifo(bench.path, 0600), 0);
	what_lies_there(&bench, "");
	unlink(bench.path);
	assert_int_equal(mkdir(bench.path, 0700), 0);
	what_lies_there(&bench, "");
	rmdir(bench.path);
	what_lies_there(&bench, "");
	assert_int_equal(symlink("/dev/zero", bench.path), 0);
	what_lies_there(&bench, "");
	tear_down(&bench);
}

/* After exec another program writes there: of the old one what was read before is known. */
static void another_programs_file_is_not_read(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench);
	write_text(&bench, "1000 10 old\n");
	assert_string_equal(name_of(&bench, 0x1000), "old");
	cp_perfmap_replaced(bench.map);
	write_text(&bench, "2000 10 new\n");
	assert_string_equal(name_of(&bench, 0x1000), "old");
	assert_string_equal(look(bench.map, 0x2000), "");
	assert_non_null(freopen(bench.path, "w", bench.file));
	write_text(&bench, "1000 08 newer\n");
	assert_string_equal(name_of(&bench, 0x1000), "");
	tear_down(&bench);
}

/* A child with a root and a number of its own, by which it calls its file; then it is gone. */
static void a_process_is_looked_at_where_it_lives(void **state)
{
	char dir[] = "/tmp/conprof-perfmap-XXXXXX", path[64];
	size_t room = CP_CODE_ROOM;
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/var", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/tmp", dir);
	/* an absolute link leads to where it leads the child */
	assert_int_equal(symlink("/var", path), 0);
	pid_t child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
		FILE *file = chroot(dir) ? NULL : fopen("/tmp/perf-7.map", "w");
		_exit(!file || fputs("1000 10 inside\n", file) < 0 || fclose(file) || pause());
	}
	struct cp_perfmap *map = cp_perfmap_new(child, 7, &room);
	snprintf(path, sizeof(path), "%s/var/perf-7.map", dir);
	for (struct stat st; stat(path, &st) || !st.st_size;)
		usleep(1000);
	cp_perfmap_look(map);
	assert_true(map->fd >= 0);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	unlink(path);
	cp_perfmap_begin(map);
	assert_string_equal(look(map, 0x1000), "inside");
	cp_perfmap_free(map);
	path[strlen(dir) + 4] = 0;
	rmdir(path);
	snprintf(path, sizeof(path), "%s/tmp", dir);
	unlink(path);
	rmdir(dir);
}

/* What the parent wrote before holds for its child; what it writes then does not; the child's own
 * lines win; and the parent's file stays open as long as somebody needs it. */
static void a_forked_child_has_its_parents_code(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench);
	write_text(&bench, "1000 10 ours\n2000 10 ours, too\n");
	cp_perfmap_look(bench.map);
	struct cp_perfmap *child = cp_perfmap_new(0, 0, &bench.room);
	cp_perfmap_inherit(child, bench.map);
	write_text(&bench, "3000 10 only mine\n");
	cp_perfmap_begin(child);
	assert_string_equal(look(child, 0x1000), "ours");
	assert_string_equal(look(child, 0x3000), "");
	assert_string_equal(look(bench.map, 0x3000), "only mine");
	cp_perfmap_free(bench.map);
	cp_perfmap_begin(child);
	assert_string_equal(look(child, 0x2000), "ours, too");
	struct cp_perfmap *grandchild = cp_perfmap_new(0, 0, &bench.room);
	cp_perfmap_inherit(grandchild, child);
	cp_perfmap_free(child);
	cp_perfmap_begin(grandchild);
	assert_string_equal(look(grandchild, 0x1000), "ours");
	bench.map = grandchild;
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
	    cmocka_unit_test(strangers_are_not_read),
	    cmocka_unit_test(another_programs_file_is_not_read),
	    cmocka_unit_test(a_process_is_looked_at_where_it_lives),
	    cmocka_unit_test(a_forked_child_has_its_parents_code),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
