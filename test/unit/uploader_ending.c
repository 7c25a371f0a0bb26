/* uploader_ending.c - how a process ended: what the kernel says of real ones, and in which words.
 */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "uploader/ending.h"
#include "uploader/exitcode.h"

struct child {
	pid_t pid;
	int pidfd, go;
};

static void *leave(void *status)
{
	usleep(50000);
	_exit(*(int *)status);
}

/* How a child ends, when it may. */
enum way { EXIT_0, EXIT_7, EXIT_LATER, ABORT, KILLED };

static _Noreturn void end(enum way way)
{
	static int three = 3;
	pthread_t thread;
	switch (way) {
	case EXIT_LATER: /* the first thread goes before the process */
		pthread_create(&thread, NULL, leave, &three);
		syscall(SYS_exit, 0);
		break;
	case ABORT:
		signal(SIGABRT, SIG_DFL);
		raise(SIGABRT);
		break;
	case KILLED:
		raise(SIGKILL);
		break;
	default:
		break;
	}
	_exit(way == EXIT_7 ? 7 : 0);
}

static struct child start(enum way way)
{
	int go[2];
	char c;
	struct rlimit none = {0};
	struct child child;
	assert_int_equal(pipe(go), 0);
	child.pid = fork();
	if (!child.pid) {
		setrlimit(RLIMIT_CORE, &none);
		close(go[1]);
		if (read(go[0], &c, 1) < 0)
			_exit(99);
		end(way);
	}
	close(go[0]);
	child.go = go[1];
	child.pidfd = (int)syscall(SYS_pidfd_open, child.pid, 0);
	return child;
}

static void let_end(const struct child *child)
{
	siginfo_t info;
	close(child->go);
	assert_int_equal(waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT), 0);
}

/* As the parent finds it, without a pidfd and with one, before it is reaped and after. */
static void check(enum way way)
{
	struct child child = start(way);
	int status = -1, truth = -1;
	assert_int_equal(cp_exitcode(child.pidfd, child.pid, -1, &status), -EBUSY);
	assert_false(cp_exitcode_is_over(child.pidfd, child.pid));
	assert_false(cp_exitcode_is_over(-1, child.pid));
	assert_int_equal(cp_exitcode_parent(child.pid), getpid());
	let_end(&child);
	assert_true(cp_exitcode_is_over(child.pidfd, child.pid));
	assert_true(cp_exitcode_is_over(-1, child.pid));
	int by_stat = cp_exitcode(-1, child.pid, -1, &status);
	assert_int_equal(waitpid(child.pid, &truth, 0), child.pid);
	if (!by_stat)
		assert_int_equal(status, truth);
	status = -1;
	int by_pidfd = cp_exitcode(child.pidfd, child.pid, -1, &status);
	if (!by_pidfd)
		assert_int_equal(status, truth);
	assert_int_equal(cp_exitcode(-1, child.pid, -1, &status), -ENOENT);
	assert_true(cp_exitcode_is_over(-1, child.pid));
	/* a zombie's status, but for a zero of which an old kernel can't be sure, is always known
	 */
	assert_true(!by_stat || !truth || way == EXIT_LATER);
	close(child.pidfd);
}

static void the_kernel_says_what_wait_says(void **state)
{
	(void)state;
	check(EXIT_0);
	check(EXIT_7);
	check(ABORT);
	check(KILLED);
}

static void a_first_thread_that_went_is_no_end(void **state)
{
	struct child child = start(EXIT_LATER);
	struct pollfd over = {.fd = child.pidfd, .events = POLLIN};
	(void)state;
	close(child.go);
	for (int looks = 0; !cp_exitcode_is_over(-1, child.pid); looks++)
		if (looks > 1000)
			usleep(1000);
	/* what /proc says and what the pidfd says is the same moment: then all threads are gone */
	assert_int_equal(poll(&over, 1, 10000), 1);
	int status = -1, truth = -1;
	int known = cp_exitcode(child.pidfd, child.pid, -1, &status);
	assert_int_equal(waitpid(child.pid, &truth, 0), child.pid);
	assert_int_equal(truth, 3 << 8);
	if (!known)
		assert_int_equal(status, truth);
	close(child.pidfd);
}

static struct cp_ending of(int status)
{
	struct cp_ending ending;
	cp_ending_of_status(status, &ending);
	ending.at_ns = 1776081645500000000;
	return ending;
}

static void endings_have_words(void **state)
{
	static const struct {
		int status, oom;
		const char *word, *text;
	} rows[] = {
	    {0, 0, "exit", "exit status 0"},
	    {3 << 8, 0, "exit", "exit status 3"},
	    {255 << 8, 0, "exit", "exit status 255"},
	    {11, 0, "SIGSEGV", "SIGSEGV"},
	    {11 | 0x80, 0, "SIGSEGV", "SIGSEGV (core dumped)"},
	    {9, 1, "SIGKILL", "SIGKILL (out of memory)"},
	    {40, 0, "signal 40", "signal 40"},
	    {0x137f, 0, "unknown", "unknown"}, /* stopped: no end */
	};
	char word[CP_ENDING_WORD], text[CP_ENDING_TEXT];
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct cp_ending ending = of(rows[i].status);
		ending.oom = rows[i].oom;
		cp_ending_word(&ending, word);
		cp_ending_text(&ending, text);
		assert_string_equal(word, rows[i].word);
		assert_string_equal(text, rows[i].text);
	}
	struct cp_ending absurd = {.how = CP_END_SIGNAL, .number = -5};
	cp_ending_word(&absurd, word);
}

static void a_tally_says_all_of_them(void **state)
{
	struct cp_endings endings = {0};
	struct cp_text text = {0};
	struct cp_ending segv = of(11), exec = {.how = CP_END_EXEC};
	(void)state;
	cp_endings_add(&endings, &exec, 1);
	assert_int_equal(endings.count, 0);
	cp_endings_add(&endings, &segv, 12);
	cp_endings_say(&endings, &text);
	assert_string_equal(text.data, "process 12 ended by SIGSEGV at 2026-04-13T12:00:45.5Z");
	for (int i = 0; i < 200; i++) {
		struct cp_ending ending = of((i % 20) << 8);
		cp_endings_add(&endings, &ending, 100 + i);
	}
	assert_int_equal(endings.count, 201);
	assert_int_equal(endings.by_signal, 1);
	assert_int_equal(endings.failed, 190);
	assert_int_equal(endings.kinds, CP_ENDINGS_KINDS);
	unsigned said = endings.elsewhere;
	for (unsigned i = 0; i < endings.kinds; i++)
		said += endings.of[i].count;
	assert_int_equal(said, 201);
	cp_text_free(&text);
	cp_endings_say(&endings, &text);
	assert_non_null(strstr(text.data, "processes ended 201: SIGSEGV 1, exit status 0 10,"));
	assert_non_null(strstr(text.data, ", otherwise 50"));
	cp_text_free(&text);
	cp_endings_json(&endings, &text);
	assert_non_null(strstr(text.data, "\"SIGSEGV\":1,\"exit status 0\":10,"));
	cp_text_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_kernel_says_what_wait_says),
	    cmocka_unit_test(a_first_thread_that_went_is_no_end),
	    cmocka_unit_test(endings_have_words),
	    cmocka_unit_test(a_tally_says_all_of_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
