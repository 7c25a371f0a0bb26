/* uploader_serve.c - proves serve, family and peers: a real uploader, good company and bad. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/control.h"
#include "served.h"
#include "uploader/glance.h"

static void a_farewell_is_answered_by_delivery(void **state)
{
	struct fake fake;
	(void)state;
	make(&fake);
	send_recording(&fake);
	assert_int_equal(value("family", "processes"), 1);
	assert_true(fake.rec->heartbeat_ns != CP_HEARTBEAT_NEVER);
	int fd = cp_rendezvous_connect(name);
	assert_int_equal(cp_rendezvous_send(fd, getpid(), -1), 0);
	close(fd);
	for (int i = 0; i < LONG && !fake.rec->delivered; i++)
		pause_ms(10);
	assert_int_equal(fake.rec->delivered, 1);
	assert_int_equal(value("uploads", "sent"), 1);
	fake_free(&fake);
}

static void a_moved_recording_replaces_the_old_one(void **state)
{
	struct fake one, two;
	(void)state;
	make(&one);
	make(&two);
	send_recording(&one);
	send_recording(&two);
	assert_int_equal(value("family", "processes"), 1);
	assert_int_equal(value("ended", "pid"), -1);
	two.rec->start_monotonic_ns = 8; /* now it is another image: exec */
	send_recording(&two);
	assert_int_equal(value("family", "processes"), 1);
	assert_int_equal(value("ended", "pid"), getpid());
	fake_free(&one);
	fake_free(&two);
}

static void an_image_that_comes_late_takes_nobodys_place(void **state)
{
	struct fake late, here;
	(void)state;
	make(&late);
	make(&here);
	late.rec->start_monotonic_ns = 9;
	here.rec->start_monotonic_ns = 10;
	send_recording(&here);
	send_recording(&late);
	assert_int_equal(value("family", "processes"), 1);
	assert_int_equal(late.rec->delivered, 1);
	assert_int_equal(here.rec->delivered, 0);
	fake_free(&late);
	fake_free(&here);
}

static int opens(const struct fake *fake, int open)
{
	for (int i = 0; i < LONG; i++, pause_ms(10))
		if (!(atomic_load(&fake->rec->control) & CP_WANT_CPU) == !open)
			return 1;
	return 0;
}

/* `conprof top` that is ended in the middle of a look. */
static void who_looks_and_goes_gives_the_window_back(void **state)
{
	const struct cp_glance glance = {
	    .pid = getpid(), .profile = CP_PROFILE_CPU, .length_ms = CP_GLANCE_MAX_MS};
	struct cp_join look = {.magic = CP_MAGIC, .abi = CP_ABI, .pid = CP_PEER_GLANCE};
	struct fake fake;
	(void)state;
	make(&fake);
	fake.rec->config.cpu_duration_s = 1;
	send_recording(&fake);
	assert_int_equal(value("family", "processes"), 1);
	assert_true(opens(&fake, 0));
	memcpy(look.token, &glance, sizeof glance);
	int fd = cp_rendezvous_connect(name), second = cp_rendezvous_connect(name);
	assert_int_equal(cp_rendezvous_send_message(fd, &look, -1), 0);
	assert_true(opens(&fake, 1));
	assert_int_equal(cp_rendezvous_send_message(second, &look, -1), 0);
	close(fd);
	assert_int_equal(value("family", "processes"), 1); /* it has been heard */
	assert_true(opens(&fake, 1));
	close(second);
	assert_true(opens(&fake, 0));
	fake_free(&fake);
}

static void bad_company_does_no_harm(void **state)
{
	char garbage[300] = "garbage";
	int null = open("/dev/null", O_RDWR);
	int unsealed = memfd_create("x", MFD_CLOEXEC);
	struct fake fake;
	(void)state;
	int fd = cp_rendezvous_connect(name);
	assert_int_equal(send(fd, garbage, sizeof garbage, 0), sizeof garbage);
	assert_true(recv(fd, garbage, 1, 0) <= 0); /* it has closed that */
	close(fd);
	const int passed[] = {null, unsealed};
	for (int i = 0; i < 2; i++) {
		fd = cp_rendezvous_connect(name);
		assert_int_equal(cp_rendezvous_send(fd, getpid(), passed[i]), 0);
		assert_int_equal(cp_rendezvous_send(fd, CP_PEER_HANDOVER, passed[i]), 0);
		have_heard(fd);
	}
	fd = cp_rendezvous_connect(name);
	assert_int_equal(cp_rendezvous_send(fd, 1, -1), 0); /* farewell of a stranger */
	have_heard(fd);
	assert_int_equal(value("family", "refused"), 5);
	make(&fake);
	send_recording(&fake);
	assert_int_equal(value("family", "processes"), 1);
	fake_free(&fake);
	close(null);
	close(unsealed);
}

static void sigterm_delivers_and_leaves(void **state)
{
	struct fake fake;
	int status = -1;
	(void)state;
	make(&fake);
	send_recording(&fake);
	assert_int_equal(value("family", "processes"), 1);
	kill(uploader, SIGTERM);
	int gone = 0;
	for (int i = 0; i < LONG && !gone; i++, pause_ms(10))
		gone = waitpid(uploader, &status, WNOHANG) == uploader;
	uploader = gone ? 0 : uploader;
	assert_int_equal(status, 0);
	assert_true(fake.rec->heartbeat_ns == CP_HEARTBEAT_LEFT);
	assert_int_equal(fake.rec->delivered, 1);
	char command[160];
	snprintf(command, sizeof command, "ls %s/out/*.cpu.pprof >/dev/null 2>&1", base);
	assert_int_equal(system(command), 0);
	fake_free(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    SERVED(a_farewell_is_answered_by_delivery),
	    SERVED(a_moved_recording_replaces_the_old_one),
	    SERVED(an_image_that_comes_late_takes_nobodys_place),
	    SERVED(who_looks_and_goes_gives_the_window_back),
	    SERVED(bad_company_does_no_harm),
	    SERVED(sigterm_delivers_and_leaves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
