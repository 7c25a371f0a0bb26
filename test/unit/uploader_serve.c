/* uploader_serve.c - proves serve, family and peers: a real uploader, good company and bad. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "base/control.h"
#include "fake_recording.h"
#include "unit.h"
#include "uploader/glance.h"
#include "uploader/rendezvous.h"
#include "uploader/serve.h"
#include "uploader/status.h"

static char name[32], base[64];
static pid_t uploader;

/* So often, 10 ms apart, is looked for what must come: only who waits in vain waits so long. */
#define LONG 3000

static void pause_ms(long ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	nanosleep(&ts, NULL);
}

/* What it tells of itself. On a crowded machine it may be late for one who asks. */
static int told(struct cp_text *answer)
{
	int error = -EAGAIN;
	for (int i = 0; i < 100 && error == -EAGAIN; i++) {
		cp_text_free(answer);
		error = cp_status_ask(name, answer);
	}
	return error;
}

/* It has its name before it hears hellos: it is there when its loop answers. */
static int start(void **state)
{
	struct cp_text answer = {0};
	int error = -1;
	(void)state;
	snprintf(name, sizeof name, "conprof-%016x", (unsigned)getpid());
	strcpy(base, "/tmp/conprof-unit-XXXXXX");
	if (!mkdtemp(base))
		return -1;
	fflush(NULL);
	uploader = fork();
	if (!uploader)
		_exit(cp_serve(name, NULL));
	while ((error = told(&answer)) && !waitpid(uploader, NULL, WNOHANG))
		pause_ms(10);
	cp_text_free(&answer);
	return error;
}

static int stop(void **state)
{
	char command[128];
	(void)state;
	if (uploader > 0) {
		kill(uploader, SIGKILL);
		waitpid(uploader, NULL, 0);
	}
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

/* What is said on one connection is heard in its order, what is said on two in any: so an answer
 * here comes when all before it has been heard. */
static void have_heard(int fd)
{
	char letter;
	assert_int_equal(cp_rendezvous_send(fd, CP_PEER_STATUS, -1), 0);
	assert_true(recv(fd, &letter, 1, 0) > 0);
	close(fd);
}

static void send_recording(const struct fake *fake)
{
	int fd = cp_rendezvous_connect(name);
	assert_true(fd >= 0);
	assert_int_equal(cp_rendezvous_send(fd, getpid(), fake->fd), 0);
	have_heard(fd);
}

static long value(const char *kind, const char *key)
{
	struct cp_text answer = {0};
	char text[32] = "-1";
	assert_int_equal(told(&answer), 0);
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

/* As the library says it (preload/signal/join.c): in the last line, all others being full. */
static void say_hello(uint64_t start_ns)
{
	struct cp_hello hello = {.magic = CP_MAGIC, .abi = CP_ABI, .start_monotonic_ns = start_ns};
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	int len =
	    snprintf(to.sun_path + 1, 40, "%s" CP_HELLO_MARK "%c", name, 'a' + CP_HELLO_LINES - 2);
	if (sendto(fd, &hello, sizeof hello, 0, (struct sockaddr *)&to,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)) < 0)
		_exit(9);
	close(fd);
}

/* A child that says hello. When it reads a byte it joins; at the end of the pipe it ends. */
static pid_t sleeper(const struct fake *own, int in[2])
{
	char letter;
	assert_int_equal(pipe(in), 0);
	pid_t pid = fork();
	if (pid)
		return pid;
	close(in[1]);
	say_hello(20);
	while (read(in[0], &letter, 1) == 1) {
		int fd = cp_rendezvous_connect(name);
		if (cp_rendezvous_send(fd, getpid(), own->fd))
			_exit(9);
		close(fd);
	}
	_exit(0);
}

/* -1: that process is not here. */
static long threads_of(pid_t pid)
{
	struct cp_text answer = {0};
	char text[32], line[64];
	long threads = -1;
	assert_int_equal(told(&answer), 0);
	snprintf(line, sizeof line, "\nprocess\tpid=%d\t", (int)pid);
	const char *at = strstr(answer.data, line);
	if (at && cp_status_field(at + 1, "threads", text, sizeof text))
		threads = strtol(text, NULL, 10);
	cp_text_free(&answer);
	return threads;
}

static void until_threads(pid_t pid, long threads)
{
	for (int i = 0; i < LONG && threads_of(pid) != threads; i++)
		pause_ms(10);
	assert_int_equal(threads_of(pid), threads);
}

static void who_sleeps_is_seen_and_gives_way_to_itself(void **state)
{
	struct fake first, own;
	int in[2];
	(void)state;
	make(&first);
	make(&own);
	own.rec->start_monotonic_ns = 30;
	send_recording(&first);
	pid_t pid = sleeper(&own, in);
	until_threads(pid, 1);
	assert_int_equal(value("family", "processes"), 2);
	assert_int_equal(write(in[1], "j", 1), 1); /* now it has a recording of its own */
	until_threads(pid, 0);
	assert_int_equal(value("family", "processes"), 2);
	assert_int_equal(value("ended", "pid"), -1); /* the other was none */
	close(in[1]);
	waitpid(pid, NULL, 0);
	until_threads(pid, -1);
	assert_int_equal(value("ended", "pid"), pid);
	assert_int_equal(value("family", "processes"), 1);
	fake_free(&first);
	fake_free(&own);
}

static void who_slept_through_its_life_was_not_there(void **state)
{
	struct fake first;
	int in[2];
	(void)state;
	make(&first);
	send_recording(&first);
	long joins = value("family", "joins");
	int status = -1;
	kill(uploader, SIGSTOP); /* else it may call the roll before that one's end */
	pid_t pid = sleeper(&first, in);
	close(in[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	kill(uploader, SIGCONT);
	assert_int_equal(status, 0); /* it could say hello */
	pause_ms(2500);		     /* after the roll was called */
	assert_int_equal(value("family", "joins"), joins);
	assert_int_equal(value("ended", "pid"), -1);
	fake_free(&first);
}

static void a_hello_is_believed_of_what_came_before_it(void **state)
{
	struct fake mine;
	(void)state;
	make(&mine);
	mine.rec->start_monotonic_ns = 10;
	send_recording(&mine);
	assert_int_equal(value("family", "processes"), 1);
	say_hello(5); /* its own, overtaken by its join */
	pause_ms(100);
	assert_int_equal(value("family", "processes"), 1);
	say_hello(11); /* another image in the same process */
	until_threads(getpid(), 1);
	assert_int_equal(value("ended", "pid"), getpid());
	fake_free(&mine);
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
#define SERVED(test) cmocka_unit_test_setup_teardown(test, start, stop)
	const struct CMUnitTest tests[] = {
	    SERVED(a_farewell_is_answered_by_delivery),
	    SERVED(a_moved_recording_replaces_the_old_one),
	    SERVED(an_image_that_comes_late_takes_nobodys_place),
	    SERVED(who_looks_and_goes_gives_the_window_back),
	    SERVED(bad_company_does_no_harm),
	    SERVED(who_sleeps_is_seen_and_gives_way_to_itself),
	    SERVED(who_slept_through_its_life_was_not_there),
	    SERVED(a_hello_is_believed_of_what_came_before_it),
	    SERVED(sigterm_delivers_and_leaves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
