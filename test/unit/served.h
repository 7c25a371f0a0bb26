/* served.h - a real uploader, a recording that it is handed, and what it tells of itself. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "fake_recording.h"
#include "unit.h"
#include "uploader/rendezvous.h"
#include "uploader/serve.h"
#include "uploader/status.h"

#define SERVED(test) cmocka_unit_test_setup_teardown(test, start, stop)

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
