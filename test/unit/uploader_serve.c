/* uploader_serve.c - proves serve, family and peers: a real uploader, good company and bad. */
/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "fake_recording.h"
#include "unit.h"
#include "uploader/rendezvous.h"
#include "uploader/serve.h"
#include "uploader/status.h"

static char name[32], base[64];
static pid_t uploader;

static void pause_ms(long ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	nanosleep(&ts, NULL);
}

static int start(void **state)
{
	(void)state;
	snprintf(name, sizeof name, "conprof-%016x", (unsigned)getpid());
	strcpy(base, "/tmp/conprof-unit-XXXXXX");
	if (!mkdtemp(base))
		return -1;
	fflush(NULL);
	uploader = fork();
	if (!uploader)
		_exit(cp_serve(name, NULL));
	int fd = -1;
	for (int i = 0; i < 200 && (fd = cp_rendezvous_connect(name)) < 0; i++)
		pause_ms(10);
	close(fd);
	return fd < 0;
}

static int stop(void **state)
{
	char command[128];
	(void)state;
	kill(uploader, SIGKILL);
	waitpid(uploader, NULL, 0);
	snprintf(command, sizeof command, "rm -rf %s", base);
	return system(command);
}

static void make(struct fake *fake)
{
	struct cp_config *config;
	fake_new(fake);
	config = &fake->rec->config;
	fake->rec->start_monotonic_ns = 7;
	config->period_s = 60;
	config->upload_timeout_s = 2;
	config->spool_max_bytes = 1 << 20;
	snprintf(config->agent_socket, sizeof config->agent_socket, "dir://%s/out", base);
	snprintf(config->spool_dir, sizeof config->spool_dir, "%s/spool", base);
	uint64_t pc = 0x1000;
	fake_count(fake, fake_row(fake, CP_KIND_CPU, CP_ROW_LEAF_IS_PC, &pc, 1), CP_CPU_SAMPLES, 1);
}

static void send_recording(const struct fake *fake)
{
	int fd = cp_rendezvous_connect(name);
	assert_true(fd >= 0);
	assert_int_equal(cp_rendezvous_send(fd, getpid(), fake->fd), 0);
	close(fd);
}

static long value(const char *kind, const char *key)
{
	struct cp_text answer = {0};
	char text[32] = "-1";
	assert_int_equal(cp_status_ask(name, &answer), 0);
	for (const char *line = answer.data; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, kind, strlen(kind)) == 0 && line[strlen(kind)] == '\t')
			cp_status_field(line, key, text, sizeof text);
	}
	cp_text_free(&answer);
	return strtol(text, NULL, 10);
}

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
	for (int i = 0; i < 300 && !fake.rec->delivered; i++)
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

static void bad_company_does_no_harm(void **state)
{
	char garbage[300] = "garbage";
	int null = open("/dev/null", O_RDWR);
	int unsealed = memfd_create("x", MFD_CLOEXEC);
	struct fake fake;
	(void)state;
	int fd = cp_rendezvous_connect(name);
	assert_int_equal(send(fd, garbage, sizeof garbage, 0), sizeof garbage);
	close(fd);
	const int passed[] = {null, unsealed};
	for (int i = 0; i < 2; i++) {
		fd = cp_rendezvous_connect(name);
		assert_int_equal(cp_rendezvous_send(fd, getpid(), passed[i]), 0);
		assert_int_equal(cp_rendezvous_send(fd, CP_PEER_HANDOVER, passed[i]), 0);
		close(fd);
	}
	fd = cp_rendezvous_connect(name);
	assert_int_equal(cp_rendezvous_send(fd, 1, -1), 0); /* farewell of a stranger */
	close(fd);
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
	for (int i = 0; i < 800 && waitpid(uploader, &status, WNOHANG) == 0; i++)
		pause_ms(10);
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
#define SERVED(test) cmocka_unit_test_setup_teardown(test, start, stop)
	const struct CMUnitTest tests[] = {
	    SERVED(a_farewell_is_answered_by_delivery),
	    SERVED(a_moved_recording_replaces_the_old_one),
	    SERVED(an_image_that_comes_late_takes_nobodys_place),
	    SERVED(bad_company_does_no_harm),
	    SERVED(sigterm_delivers_and_leaves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
