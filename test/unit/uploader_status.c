/* uploader_status.c - proves that who listens and does not answer is shown, and who is slow waited
 * for. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"
#include "uploader/rendezvous.h"
#include "uploader/status.h"

static char name[32];

/* Who connects need not be accepted to be able to send. */
static void who_does_not_answer_is_named(void **state)
{
	struct cp_text out = {0}, plain = {0};
	char want[100];
	int listener = cp_rendezvous_listen(name);
	(void)state;
	assert_true(listener >= 0);
	assert_int_equal(cp_status_ask(name, &out), -EAGAIN);
	assert_null(out.data);
	assert_int_equal(cp_status_wait(name, 0, &out), -EAGAIN);
	snprintf(want, sizeof want, "uploader\tname=%s\tpid=%d\tanswers=no\n", name, (int)getpid());
	assert_string_equal(out.data, want);
	cp_status_plain(out.data, 1, &plain);
	snprintf(want, sizeof want, "uploader name=%s pid=%d answers=no\n", name, (int)getpid());
	assert_string_equal(plain.data, want);
	cp_text_free(&out);
	cp_text_free(&plain);
	close(listener);
}

static void who_is_gone_is_not(void **state)
{
	struct cp_text out = {0};
	(void)state;
	assert_int_equal(cp_status_wait(name, UINT64_MAX, &out), -ECONNREFUSED);
	assert_null(out.data);
}

/* Answers when the one who asks has waited for longer than cp_status_ask does. */
static void *answer_late(void *arg)
{
	const int *listener = arg;
	struct pollfd there = {.fd = *listener, .events = POLLIN};
	struct timespec late = {.tv_nsec = 500000000};
	struct cp_join asked;
	int none = -1;
	assert_int_equal(poll(&there, 1, -1), 1);
	int fd = accept(*listener, NULL, NULL);
	nanosleep(&late, NULL);
	assert_int_equal(cp_rendezvous_receive(fd, &asked, &none), 1);
	assert_int_equal(send(fd, "uploader\tpid=1\n", 15, MSG_NOSIGNAL), 15);
	close(fd);
	return NULL;
}

static void who_is_slow_is_waited_for(void **state)
{
	struct cp_text out = {0};
	pthread_t thread;
	int listener = cp_rendezvous_listen(name);
	(void)state;
	assert_true(listener >= 0);
	assert_int_equal(pthread_create(&thread, NULL, answer_late, &listener), 0);
	uint64_t until = cp_text_monotonic() + UINT64_C(100000000000);
	assert_int_equal(cp_status_wait(name, until, &out), 0);
	assert_string_equal(out.data, "uploader\tpid=1\n");
	pthread_join(thread, NULL);
	cp_text_free(&out);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_does_not_answer_is_named),
	    cmocka_unit_test(who_is_gone_is_not),
	    cmocka_unit_test(who_is_slow_is_waited_for),
	};
	snprintf(name, sizeof name, "conprof-%016x", (unsigned)getpid());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
