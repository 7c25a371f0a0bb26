/* uploader_log.c - the uploader's own log is nobody else's file. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/unit/unit.h"
#include "uploader/log.h"

/* In a spool for several users anybody may put a link under the log's name. */
static void the_log_follows_no_link(void **state)
{
	char dir[] = "/tmp/conprof-family-XXXXXX", log[64], victim[64];
	struct stat st;
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(log, sizeof log, "%s/conprof.log", dir);
	snprintf(victim, sizeof victim, "%s/victim", dir);
	close(open(victim, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	assert_int_equal(symlink(victim, log), 0);
	for (int hard = 0; hard < 2; hard++) {
		struct cp_log *it = cp_log_new();
		assert_true(cp_log_open(it, log, CP_DEBUG, 1) < 0);
		assert_int_equal(stat(victim, &st), 0);
		assert_int_equal(st.st_size, 0);
		assert_int_equal(unlink(log), 0);
		assert_int_equal(link(victim, log), 0);
		cp_log_free(it);
	}
	unlink(log);
	struct cp_log *own = cp_log_new();
	assert_int_equal(cp_log_open(own, log, CP_DEBUG, 1), 0);
	cp_log_line(own, CP_ERROR, "a line");
	assert_int_equal(stat(log, &st), 0);
	assert_true(st.st_size > 0);
	cp_log_free(own);
	unlink(log);
	unlink(victim);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_log_follows_no_link),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
