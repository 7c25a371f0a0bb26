/* uploader_serve_hello.c - proves of a real uploader that who says hello and sleeps is seen. */
/* SPDX-License-Identifier: MIT */
#include <sys/un.h>

#include "served.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    SERVED(who_sleeps_is_seen_and_gives_way_to_itself),
	    SERVED(who_slept_through_its_life_was_not_there),
	    SERVED(a_hello_is_believed_of_what_came_before_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
