/* uploader_hellos.c - proves hellos: one wakes, those right after it wait, many wake again. */
/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit.h"
#include "uploader/hellos.h"
#include "uploader/rollcall.h"

#define NOW 1000000000u

static char name[32];
static struct cp_hellos hellos;
static struct cp_family family;

static int start(void **state)
{
	(void)state;
	snprintf(name, sizeof name, "conprof-%016x", (unsigned)getpid());
	family = (struct cp_family){.epoll = epoll_create1(EPOLL_CLOEXEC)};
	return family.epoll < 0 || cp_hellos_open(&hellos, name, family.epoll);
}

static int stop(void **state)
{
	(void)state;
	cp_rollcall_look(&family, 0); /* nobody's recording is known: they are forgotten */
	cp_hellos_close(&hellos);
	return close(family.epoll);
}

/* A line takes ten (net.unix.max_dgram_qlen), as the kernel has it from the start. */
static void say(unsigned count)
{
	struct cp_hello hello = {.magic = CP_MAGIC, .abi = CP_ABI, .start_monotonic_ns = 1};
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	for (unsigned i = 0; i < count; i++) {
		char letter[2] = {i / 10 ? (char)('a' + i / 10 - 1) : 0, 0};
		int len = snprintf(to.sun_path + 1, 40, "%s" CP_HELLO_MARK "%s", name, letter);
		assert_int_equal(
		    sendto(fd, &hello, sizeof hello, 0, (struct sockaddr *)&to,
			   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)),
		    sizeof hello);
	}
	close(fd);
}

static int wakes(void)
{
	struct epoll_event event;
	int n = epoll_wait(family.epoll, &event, 1, 0);
	if (n == 1)
		assert_ptr_equal(event.data.ptr, &hellos.source);
	return n;
}

static void one_wakes_and_the_next_waits(void **state)
{
	(void)state;
	assert_int_equal(wakes(), 0);
	assert_int_equal(cp_hellos_next(&hellos), UINT64_MAX);
	say(1);
	assert_int_equal(wakes(), 1);
	cp_hellos_woken(&hellos, &family, NOW);
	assert_int_equal(family.sleeping, 1);
	say(2);
	assert_int_equal(wakes(), 0);
	assert_int_equal(cp_hellos_next(&hellos), NOW + CP_HELLOS_REST_NS);
	cp_hellos_tick(&hellos, NOW + CP_HELLOS_REST_NS - 1);
	assert_int_equal(wakes(), 0);
	cp_hellos_tick(&hellos, NOW + CP_HELLOS_REST_NS);
	assert_int_equal(wakes(), 1);
	cp_hellos_woken(&hellos, &family, NOW + CP_HELLOS_REST_NS);
	assert_int_equal(family.sleeping, 3);
}

static void after_a_rest_in_silence_one_wakes(void **state)
{
	(void)state;
	say(1);
	assert_int_equal(wakes(), 1);
	cp_hellos_woken(&hellos, &family, NOW);
	cp_hellos_tick(&hellos, NOW + CP_HELLOS_REST_NS);
	assert_int_equal(wakes(), 0);
	assert_int_equal(cp_hellos_next(&hellos), UINT64_MAX);
	say(1);
	assert_int_equal(wakes(), 1);
}

static void another_event_ends_the_rest(void **state)
{
	(void)state;
	assert_int_equal(cp_hellos_first(&hellos, &family), 0);
	say(1);
	cp_hellos_woken(&hellos, &family, NOW);
	say(3);
	assert_int_equal(cp_hellos_first(&hellos, &family), 1);
	assert_int_equal(family.sleeping, 4);
	assert_int_equal(cp_hellos_first(&hellos, &family), 0);
	say(1);
	assert_int_equal(wakes(), 1);
}

static void where_many_come_there_is_no_rest(void **state)
{
	(void)state;
	say(CP_HELLOS_MANY + 1);
	assert_int_equal(wakes(), 1);
	cp_hellos_woken(&hellos, &family, NOW);
	assert_int_equal(family.sleeping, CP_HELLOS_MANY + 1);
	say(1);
	assert_int_equal(wakes(), 1);
	cp_hellos_woken(&hellos, &family, NOW + CP_HELLOS_BUSY_NS - 1);
	say(1);
	assert_int_equal(wakes(), 1);
	cp_hellos_woken(&hellos, &family, NOW + CP_HELLOS_BUSY_NS);
	say(1);
	assert_int_equal(wakes(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(one_wakes_and_the_next_waits, start, stop),
	    cmocka_unit_test_setup_teardown(after_a_rest_in_silence_one_wakes, start, stop),
	    cmocka_unit_test_setup_teardown(another_event_ends_the_rest, start, stop),
	    cmocka_unit_test_setup_teardown(where_many_come_there_is_no_rest, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
