/* encoder_perfmap_owners.c - whose file of names is read: an enemy's, another program's, a child's.
 */
/* SPDX-License-Identifier: MIT */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "test/unit/written.h"

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
	    cmocka_unit_test(strangers_are_not_read),
	    cmocka_unit_test(another_programs_file_is_not_read),
	    cmocka_unit_test(a_process_is_looked_at_where_it_lives),
	    cmocka_unit_test(a_forked_child_has_its_parents_code),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
