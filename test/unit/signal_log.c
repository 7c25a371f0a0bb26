/* signal_log.c - a log that nobody reads: no line of ours holds the program, or ends it. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signal/log.h"
#include "test/unit/unit.h"

static volatile sig_atomic_t came;

static void on_pipe(int sig)
{
	came = sig;
}

/* As one that has just been made by mkfifo(1), or whose reader is being restarted. */
static void a_pipe_without_a_reader(void **state)
{
	static struct cp_config config;
	char line[16];
	int reader, fd;

	(void)state;
	snprintf(config.log_file, sizeof config.log_file, "/tmp/conprof-log-%d", (int)getpid());
	assert_int_equal(mkfifo(config.log_file, 0600), 0);
	alarm(20); /* opened as a file is, it would wait for ever */
	assert_int_equal(cp_log_open(&config), STDERR_FILENO);
	reader = open(config.log_file, O_RDONLY | O_NONBLOCK);
	fd = cp_log_open(&config);
	assert_true(fd > STDERR_FILENO && reader >= 0);
	cp_log_write(fd, &(struct cp_line){.text = "here", .len = 4});
	assert_int_equal(read(reader, line, sizeof line), 5);
	assert_memory_equal(line, "here\n", 5);
	alarm(0);
	cp_log_close(fd);
	close(reader);
	unlink(config.log_file);
}

/* Nor does a handler of the program's hear of it; and all is as it was. */
static void a_reader_that_has_gone(void **state)
{
	struct sigaction action = {.sa_handler = on_pipe}, now;
	sigset_t before, after, pending;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	sigaction(SIGPIPE, &action, NULL);
	sigprocmask(SIG_SETMASK, NULL, &before);
	errno = 77;
	cp_log_write(ends[1], &(struct cp_line){.text = "nobody hears", .len = 12});
	assert_int_equal(errno, 77);
	sigprocmask(SIG_SETMASK, NULL, &after);
	assert_memory_equal(&after, &before, 8);
	sigpending(&pending);
	assert_false(sigismember(&pending, SIGPIPE));
	assert_int_equal(came, 0);
	sigaction(SIGPIPE, NULL, &now);
	assert_ptr_equal(now.sa_handler, on_pipe);
	(void)!write(ends[1], "x", 1); /* the program's own is told as always */
	assert_int_equal(came, SIGPIPE);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_pipe_without_a_reader),
	    cmocka_unit_test(a_reader_that_has_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
