/* top_ask.c - what there is to be looked at by `conprof top`, and the looks. */
/* SPDX-License-Identifier: MIT */
#include "uploader/top_ask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "uploader/rendezvous.h"
#include "uploader/status.h"

#define PROFILE_MAX ((off_t)256 << 20)

static unsigned long long field(const char *line, const char *key)
{
	char value[32];
	return cp_status_field(line, key, value, sizeof value) ? strtoull(value, NULL, 10) : 0;
}

/* Of an answer: which program a process is of; 0: of none. */
static uint64_t program_of(const char *answer, unsigned long long pid)
{
	for (const char *line = answer; line; line = cp_status_next(line))
		if (cp_status_is_kind(line, "process") && field(line, "pid") == pid)
			return field(line, "program");
	return 0;
}

static size_t find_in(const char *name, const char *answer, const char *wanted,
		      struct cp_top_target *targets, size_t most)
{
	size_t count = 0;
	int numeric = wanted && *wanted && strspn(wanted, "0123456789") == strlen(wanted);
	uint64_t of_pid = numeric ? program_of(answer, strtoull(wanted, NULL, 10)) : 0;
	for (const char *line = answer; line && count < most; line = cp_status_next(line)) {
		struct cp_top_target one = {0};
		char exe[1024] = "";
		if (!cp_status_is_kind(line, "program") || !field(line, "processes"))
			continue;
		one.program = field(line, "id");
		one.processes = (unsigned)field(line, "processes");
		snprintf(one.name, sizeof one.name, "%s", name);
		cp_status_field(line, "name", one.service, sizeof one.service);
		cp_status_field(line, "exe", exe, sizeof exe);
		if (numeric && one.program == of_pid)
			one.pid = (pid_t)strtoull(wanted, NULL, 10);
		else if (wanted && strcmp(wanted, one.service) != 0 && strcmp(wanted, exe) != 0 &&
			 strcmp(wanted, cp_text_base(exe)) != 0)
			continue;
		targets[count++] = one;
	}
	return count;
}

size_t cp_top_find(const char *wanted, struct cp_top_target *targets, size_t most)
{
	char name[32];
	size_t count = 0;
	uint64_t until = cp_text_monotonic() + CP_STATUS_WAIT_NS;
	FILE *stream = fopen("/proc/net/unix", "re");
	if (!stream)
		return 0;
	while (count < most && cp_rendezvous_next(stream, name)) {
		struct cp_text answer = {0};
		if (!cp_status_wait(name, until, &answer))
			count += find_in(name, answer.data, wanted, targets + count, most - count);
		cp_text_free(&answer);
	}
	fclose(stream);
	return count;
}

int cp_top_ask(const struct cp_top_target *target, enum cp_profile profile, unsigned length_ms)
{
	struct cp_join join = {.magic = CP_MAGIC, .abi = CP_ABI, .pid = CP_PEER_GLANCE};
	const struct cp_glance glance = {(uint32_t)target->program, target->pid, (uint32_t)profile,
					 length_ms};
	int fd = cp_rendezvous_connect(target->name);
	if (fd < 0)
		return fd;
	uid_t uid = 0;
	pid_t pid = 0;
	memcpy(join.token, &glance, sizeof glance);
	int error = cp_rendezvous_peer(fd, &pid, &uid);
	if (!error && uid != geteuid() && uid != 0 && geteuid() != 0)
		error = -EPERM;
	if (!error)
		error = cp_rendezvous_send_message(fd, &join, -1);
	if (!error)
		return fd;
	close(fd);
	return error;
}

static int read_all(int fd, struct cp_bytes *bytes)
{
	struct stat st;
	if (fstat(fd, &st) || st.st_size > PROFILE_MAX)
		return -EIO;
	if (!st.st_size)
		return 0;
	bytes->data = malloc((size_t)st.st_size);
	while (bytes->data && bytes->len < (size_t)st.st_size) {
		ssize_t n = pread(fd, bytes->data + bytes->len, (size_t)st.st_size - bytes->len,
				  (off_t)bytes->len);
		if (n <= 0) {
			free(bytes->data);
			*bytes = (struct cp_bytes){0};
			return -EIO;
		}
		bytes->len += (size_t)n;
	}
	return bytes->data ? 0 : -ENOMEM;
}

int cp_top_hear(int socket, struct cp_bytes *bytes)
{
	struct cp_join answer;
	int fd = -1;
	*bytes = (struct cp_bytes){0};
	int got = cp_rendezvous_receive(socket, &answer, &fd);
	int error = got < 0 ? got : got == 0 ? -ECONNRESET : answer.pid;
	if (!error)
		error = fd < 0 ? -EBADMSG : read_all(fd, bytes);
	if (fd >= 0)
		close(fd);
	close(socket);
	return error > 0 ? -EBADMSG : error;
}
