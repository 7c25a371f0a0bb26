/* exitcode.c - what the kernel says of a process that is over.
 *
 * Since Linux 6.15 it keeps the status for as long as a pidfd is open; but only from the moment on
 * at which the parent has taken it. Until then, and on all kernels, it stands in /proc/PID/stat,
 * for those who might trace the process. */
/* SPDX-License-Identifier: MIT */
#include "uploader/exitcode.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The first of struct pidfd_info's sizes (linux/pidfd.h, which is younger than most systems). */
struct info {
	uint64_t mask;
	uint64_t cgroup;
	uint32_t ids[11]; /* pid, tgid, ppid, uids and gids */
	int32_t exit_code;
};
#define INFO_EXIT (UINT64_C(1) << 3)
#define GET_INFO  _IOWR(0xff, 11, struct info)

_Static_assert(sizeof(struct info) == 64, "the kernel knows it by its size");

static int by_pidfd(int pidfd, int *status)
{
	struct info info = {.mask = INFO_EXIT};
	if (pidfd < 0 || ioctl(pidfd, GET_INFO, &info) || !(info.mask & INFO_EXIT))
		return -ENOENT;
	*status = info.exit_code;
	return 0;
}

struct stat_line {
	char state;
	int parent;
	long threads;
	int exit_code; /* the last field */
};

/* Fields are counted behind the name, which may hold anything but ends with the last ')'. */
static int read_stat(pid_t pid, struct stat_line *line)
{
	char path[32], text[1024];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return -ESRCH; /* it went while we read */
	text[n] = '\0';
	const char *at = strrchr(text, ')');
	*line = (struct stat_line){.threads = 1};
	if (!at || sscanf(at + 1,
			  " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
			  "%*d %ld",
			  &line->state, &line->parent, &line->threads) != 3)
		return -EBADMSG;
	const char *last = strrchr(at, ' ');
	line->exit_code = last ? (int)strtol(last, NULL, 10) : 0;
	return 0;
}

/* A first thread that has ended before the others is a zombie, too. */
static int is_zombie(const struct stat_line *line)
{
	return line->state == 'X' || (line->state == 'Z' && line->threads <= 1);
}

/* Who must not know reads 0 there. The same right decides over the link to the program, which leads
 * nowhere now. */
static int may_know(pid_t pid)
{
	char path[32], nothing[8];
	snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
	return readlink(path, nothing, sizeof nothing) >= 0 || errno == ENOENT;
}

/* Before Linux 5.18 the first thread's own status stands there, if it ended before the others. */
static int says_the_process(void)
{
	struct utsname name;
	unsigned major = 0, minor = 0;
	return !uname(&name) && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	       (major > 5 || (major == 5 && minor >= 18));
}

static int by_stat(pid_t pid, int said, int *status)
{
	struct stat_line line = {.threads = 1};
	int may = may_know(pid); /* first: of who is reaped meanwhile there is no line then */
	if (read_stat(pid, &line))
		return -ENOENT;
	if (!is_zombie(&line))
		return -EBUSY;
	if (!line.exit_code && said != 0 && (!may || !says_the_process()))
		return -ENOENT;
	*status = line.exit_code;
	return 0;
}

int cp_exitcode(int pidfd, pid_t pid, int said, int *status)
{
	if (!by_pidfd(pidfd, status))
		return 0;
	int error = by_stat(pid, said, status);
	/* taken by the parent in between */
	return error == -ENOENT ? by_pidfd(pidfd, status) : error;
}

int cp_exitcode_is_over(int pidfd, pid_t pid)
{
	struct pollfd poll_one = {.fd = pidfd, .events = POLLIN};
	struct stat_line line = {.threads = 1};
	if (pidfd >= 0)
		return poll(&poll_one, 1, 0) == 1;
	return read_stat(pid, &line) || is_zombie(&line);
}

pid_t cp_exitcode_parent(pid_t pid)
{
	struct stat_line line = {.threads = 1};
	return read_stat(pid, &line) ? 0 : line.parent;
}
