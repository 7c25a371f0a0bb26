/* encoder_origin.c - what is held of a process: shared, given back, and never out of its root. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "encoder/origin.h"
#include "test/unit/unit.h"

static int descriptors(void)
{
	int count = 0;
	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* A child that waits in another root (if not NULL) until it is killed; -1: we may not. */
static pid_t start_child(const char *root)
{
	int ready[2];
	char word = 0;
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
		word = root && (chroot(root) || chdir("/")) ? 'n' : 'y';
		if (write(ready[1], &word, 1) == 1 && word == 'y')
			pause();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &word, 1), 1);
	close(ready[0]);
	if (word == 'y')
		return child;
	waitpid(child, NULL, 0);
	return -1;
}

static void end_child(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void one_executable_is_held_once(void **state)
{
	struct cp_origin *origins[3];
	struct cp_file_id first, other;
	(void)state;
	pid_t child = start_child(NULL);
	int before = descriptors();
	for (int i = 0; i < 3; i++)
		origins[i] = cp_origin_new(i ? child : getpid(), false);
	assert_int_equal(descriptors(), before + 1);
	assert_false(cp_origin_has_root(origins[2]));
	int fd = cp_origin_exe(origins[0], &first);
	assert_true(fd >= 0);
	close(fd);
	end_child(child);
	cp_origin_ended(origins[1]);
	cp_origin_exe_id(origins[2], &other);
	assert_memory_equal(&first, &other, sizeof(first));
	cp_origin_use(origins[0]);
	for (int i = 0; i < 3; i++)
		cp_origin_drop(origins[i]);
	assert_int_equal(descriptors(), before + 1);
	cp_origin_drop(origins[0]);
	assert_int_equal(descriptors(), before);
	assert_non_null(origins[0] = cp_origin_new(child, false)); /* gone: nothing to be held */
	assert_int_equal(cp_origin_exe(origins[0], NULL), -1);
	cp_origin_drop(origins[0]);
	assert_int_equal(descriptors(), before);
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *out = fopen(path, "we");
	assert_true(out && fputs(text, out) >= 0 && !fclose(out));
}

/* The first word of what lies at a path of that root; "" for nothing. */
static void look(const struct cp_origin *origin, const char *path, const char *want)
{
	char text[16] = "";
	int fd = cp_origin_open(origin, path, true);
	if (fd >= 0) {
		assert_true(read(fd, text, sizeof(text) - 1) >= 0);
		close(fd);
	}
	assert_string_equal(text, want);
}

/* Links in a foreign root mean that root, and what is held of it stays when its process is gone. */
static void no_link_leads_out_of_a_root(void **state)
{
	char dir[] = "/tmp/conprof-root-XXXXXX", path[256], outside[256];
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/inner", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	write_file(dir, "outside", "theirs");
	write_file(path, "plain", "inside");
	snprintf(outside, sizeof(outside), "%s/outside", dir);
	static const char *const links[][2] = {{"/plain", "absolute"},
					       {"../../plain", "up"},
					       {"../outside", "escape"},
					       {NULL, "away"}};
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		char link[512];
		snprintf(link, sizeof(link), "%s/%s", path, links[i][1]);
		assert_int_equal(symlink(links[i][0] ? links[i][0] : outside, link), 0);
	}
	pid_t child = start_child(path);
	if (child < 0)
		skip();
	struct cp_origin *origin = cp_origin_new(child, false);
	assert_true(cp_origin_has_root(origin));
	for (int gone = 0; gone < 2; gone++) {
		look(origin, "/plain", "inside");
		look(origin, "/absolute", "inside");
		look(origin, "/up", "inside");
		look(origin, "/../plain", "inside");
		look(origin, "/escape", "");
		look(origin, "/away", "");
		look(origin, outside, "");
		if (!gone)
			end_child(child);
		cp_origin_ended(origin);
	}
	look(NULL, outside, "theirs");
	cp_origin_drop(origin);
	snprintf(path, sizeof(path), "rm -r %s", dir);
	assert_int_equal(system(path), 0); /* NOLINT: a test's own folder */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_executable_is_held_once),
	    cmocka_unit_test(no_link_leads_out_of_a_root),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
