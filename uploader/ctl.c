/* ctl.c - `conprof ctl`: finds who records a process, and tells it what is wanted. */
/* SPDX-License-Identifier: MIT */
#include "uploader/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "uploader/control.h"
#include "uploader/rendezvous.h"
#include "uploader/status.h"

struct request {
	struct cp_command command;
	const char *who; /* as it was written; NULL: everybody */
	int pid;	 /* 0: who is a program's name */
	int ask;	 /* only how it is */
	unsigned done;
	int error;
	uint64_t until; /* so long an answer is waited for */
	int silent;	/* somebody did not answer */
};

static int complain(const char *what, const char *word)
{
	fprintf(stderr, "conprof ctl: %s%s%s (conprof -h helps)\n", word, *word ? ": " : "", what);
	return 2;
}

/* A number without anything else; -1. */
static long number(const char *text, long most)
{
	char *end;
	errno = 0;
	long value = strtol(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && value <= most ? value : -1;
}

static int read_order(const char *word, struct request *request)
{
	for (int i = 0; i < CP_ORDERS; i++)
		if (strcmp(word, cp_control_word((enum cp_order)i)) == 0) {
			request->command.order = (uint8_t)i;
			return 0;
		}
	request->ask = strcmp(word, "status") == 0;
	return request->ask ? 0 : complain("is none of stop, start, rate, status", word);
}

static int read_rate(const char *text, struct request *request)
{
	long hz = text ? number(text, 10000) : -1;
	if (hz < 0)
		return complain("a rate is a number from 1 to 10000 Hz, or 0: as it was set",
				text ? text : "rate");
	request->command.hz = (uint32_t)hz;
	return 0;
}

static int parse(char **args, struct request *request)
{
	if (!*args)
		return complain("what is to be done is not said", "");
	int error = read_order(*args++, request);
	if (error)
		return error;
	if (*args && (strcmp(*args, "-a") == 0 || strcmp(*args, "--family") == 0)) {
		request->command.scope = CP_SCOPE_FAMILY;
		args++;
	}
	if (!*args)
		return request->ask ? 0 : complain("of which process is not said", "");
	request->who = *args++;
	long pid = number(request->who, 0x7fffffff);
	request->pid = pid > 0 ? (int)pid : 0;
	if (!request->ask && request->command.order == CP_ORDER_RATE) {
		error = read_rate(*args, request);
		args += *args != NULL;
	}
	if (!error && *args)
		return complain("there is nothing more to say", *args);
	return error;
}

/* ---- one uploader ---- */

/* How many processes it was for, or -errno. */
static int send_command(const char *name, const struct cp_command *command)
{
	struct timeval patience = {.tv_sec = 2};
	char answer[64] = "", count[16] = "0";
	int fd = cp_rendezvous_connect(name);
	if (fd < 0)
		return fd;
	struct cp_join join = {.magic = CP_MAGIC, .abi = CP_ABI, .pid = CP_PEER_COMMAND};
	memcpy(join.token, command, sizeof *command);
	int error = cp_rendezvous_send_message(fd, &join, -1);
	if (!error && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience))
		error = -errno;
	ssize_t n = error ? -1 : recv(fd, answer, sizeof answer - 1, 0);
	if (!error && n <= 0)
		error = n ? -errno : -EPERM;
	close(fd);
	if (!error)
		cp_status_field(answer, "processes", count, sizeof count);
	return error ? error : (int)number(count, 1000000);
}

static void tell(const char *name, struct request *request)
{
	int count = send_command(name, &request->command);
	if (count < 0)
		request->error = count;
	else
		request->done += (unsigned)count;
}

/* A process of an uploader's answer. */
struct process {
	int pid;
	char program[24], name[256], state[16], rate[16];
};

static void name_of(const char *status, struct process *process)
{
	char id[24];
	for (const char *line = status; line; line = cp_status_next(line))
		if (cp_status_is_kind(line, "program") &&
		    cp_status_field(line, "id", id, sizeof id) &&
		    strcmp(id, process->program) == 0 &&
		    cp_status_field(line, "name", process->name, sizeof process->name))
			return;
	snprintf(process->name, sizeof process->name, "?");
}

/* The next one in a line from here on, and what stands behind it; NULL: there is none. */
static const char *read_process(const char *status, const char *line, struct process *process)
{
	char pid[16] = "";
	while (line && !cp_status_is_kind(line, "process"))
		line = cp_status_next(line);
	if (!line)
		return NULL;
	*process = (struct process){.state = "?", .rate = "?"};
	cp_status_field(line, "pid", pid, sizeof pid);
	cp_status_field(line, "program", process->program, sizeof process->program);
	cp_status_field(line, "state", process->state, sizeof process->state);
	cp_status_field(line, "rate", process->rate, sizeof process->rate);
	process->pid = (int)number(pid, 0x7fffffff);
	name_of(status, process);
	return strchr(line, '\n') ? strchr(line, '\n') + 1 : "";
}

static int is_meant(const struct process *process, const struct request *request)
{
	if (request->pid)
		return request->pid == process->pid;
	return !request->who || strcmp(request->who, process->name) == 0;
}

/* One of those that are meant is enough, where all of an uploader's are. */
static int first_meant(const char *status, const struct request *request)
{
	struct process one;
	for (const char *at = read_process(status, status, &one); at;
	     at = read_process(status, at, &one))
		if (is_meant(&one, request))
			return one.pid;
	return 0;
}

static void show(const char *status, struct request *request)
{
	struct process one;
	for (const char *at = read_process(status, status, &one); at;
	     at = read_process(status, at, &one)) {
		if (request->command.scope != CP_SCOPE_FAMILY && !is_meant(&one, request))
			continue;
		printf("%d %s %s %s Hz\n", one.pid, one.name, one.state, one.rate);
		request->done++;
	}
}

/* The programs of that name are asked for by the numbers that they have there. */
static void tell_programs(const char *name, const char *status, struct request *request)
{
	char called[256], id[24];
	for (const char *line = status; line; line = cp_status_next(line)) {
		if (!cp_status_is_kind(line, "program") ||
		    !cp_status_field(line, "name", called, sizeof called) ||
		    !cp_status_field(line, "id", id, sizeof id) ||
		    strcmp(called, request->who) != 0)
			continue;
		request->command.number = (int32_t)number(id, 0x7fffffff);
		tell(name, request);
	}
}

/* A pid: the uploader knows whether it has it, however many more it has than its status tells. */
static void ask(const char *name, struct request *request)
{
	struct cp_text status = {0};
	int family = request->command.scope == CP_SCOPE_FAMILY, pid = request->pid;
	int error = cp_status_wait(name, request->until, &status);
	if (error || !status.data) {
		request->silent |= error == -EAGAIN;
		cp_text_free(&status);
		return;
	}
	if (family && !request->pid)
		pid = first_meant(status.data, request);
	request->command.number = pid;
	if (request->ask && (!family || first_meant(status.data, request)))
		show(status.data, request);
	else if (!request->ask && request->command.scope == CP_SCOPE_PROGRAM)
		tell_programs(name, status.data, request);
	else if (!request->ask && pid)
		tell(name, request);
	if (request->error && !first_meant(status.data, request))
		request->error = 0; /* an uploader of another version, which has no such process */
	cp_text_free(&status);
}

static int report(const struct request *request)
{
	static const char silent[] = "an uploader does not answer; conprof status names it";
	const char *what = request->pid ? "process " : "";
	int all = request->ask && !request->who;
	if (all && request->silent)
		fprintf(stderr, "conprof ctl: %s\n", silent);
	if (all || request->done)
		return cp_text_arrived("ctl");
	if (request->error)
		fprintf(stderr, "conprof ctl: %s: %s\n", request->who,
			cp_text_error(request->error));
	else if (request->silent)
		fprintf(stderr, "conprof ctl: %s%s is unknown, but %s\n", what, request->who,
			silent);
	else
		fprintf(stderr, "conprof ctl: %s%s is not being profiled, or is another user's\n",
			what, request->who);
	return 1;
}

int cp_ctl_main(char **args)
{
	struct request request = {.until = cp_text_monotonic() + CP_STATUS_WAIT_NS};
	char name[32];
	int error = parse(args, &request);
	if (error)
		return error;
	FILE *stream = fopen("/proc/net/unix", "re");
	if (!stream) {
		fprintf(stderr, "conprof ctl: /proc/net/unix: %s\n", cp_text_error(errno));
		return 1;
	}
	if (!request.pid && !request.ask && request.command.scope == CP_SCOPE_PROCESS)
		request.command.scope = CP_SCOPE_PROGRAM;
	while (cp_rendezvous_next(stream, name))
		ask(name, &request);
	fclose(stream);
	return report(&request);
}
