/* codefile.c - finds and opens the file in which a process names its code, if it is its own.
 *
 * Anybody may put anything under that name into /tmp: a pipe, a link to a secret, or what another
 * process with this number left there long ago. */
/* SPDX-License-Identifier: MIT */
#include "encoder/codefile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CP_OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
#define CP_SECOND     UINT64_C(1000000000)
/* Clocks are set, and a file's time is up to a tick of the kernel too early. */
#define CP_SLACK CP_SECOND

static uint64_t clock_ns(clockid_t which)
{
	struct timespec now = {0};
	clock_gettime(which, &now);
	return (uint64_t)now.tv_sec * CP_SECOND + (uint64_t)now.tv_nsec;
}

static size_t read_proc(pid_t pid, const char *name, char *text, size_t room)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, text, room - 1);
	if (fd >= 0)
		close(fd);
	text[len > 0 ? len : 0] = 0;
	return len > 0 ? (size_t)len : 0;
}

/* When the process began, by the clock on the wall; 0 when it is gone. */
static uint64_t beginning(pid_t pid)
{
	char text[1024];
	unsigned long long ticks = 0;
	long hz = sysconf(_SC_CLK_TCK);
	read_proc(pid, "stat", text, sizeof(text));
	/* the name may hold anything but ends last with ')'; the 20th word behind it */
	const char *at = strrchr(text, ')');
	for (int i = 0; at && i < 20; i++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, "%llu", &ticks) != 1 || hz <= 0)
		return 0;
	uint64_t now = clock_ns(CLOCK_REALTIME), up = clock_ns(CLOCK_BOOTTIME);
	return now - up + ticks * (CP_SECOND / (uint64_t)hz);
}

/* Root's, or the user's as whom the process runs; of one that is gone, our own. */
static bool is_owner(pid_t pid, uid_t owner)
{
	char text[2048];
	unsigned is[4];
	if (owner == 0)
		return true;
	read_proc(pid, "status", text, sizeof(text));
	const char *at = strstr(text, "\nUid:");
	if (!at || sscanf(at, "\nUid: %u %u %u %u", &is[0], &is[1], &is[2], &is[3]) != 4)
		return owner == geteuid();
	return owner == is[0] || owner == is[1] || owner == is[2] || owner == is[3];
}

static bool is_its_own(int fd, pid_t pid, uint64_t since)
{
	struct stat st;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_nlink > 1 || !is_owner(pid, st.st_uid))
		return false;
	uint64_t began = beginning(pid);
	uint64_t written = (uint64_t)st.st_mtim.tv_sec * CP_SECOND + (uint64_t)st.st_mtim.tv_nsec;
	return written + CP_SLACK >= (began ? began : since);
}

/* Links on the way lead to where they lead the process. */
static int open_inside(pid_t pid, const char *path)
{
	char root[32];
	const struct open_how how = {.flags = CP_OPEN_FLAGS,
				     .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	snprintf(root, sizeof(root), "/proc/%d/root", (int)pid);
	int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -1;
	long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
	if (fd < 0 && errno == ENOSYS)
		fd = openat(dir, path + 1, CP_OPEN_FLAGS);
	close(dir);
	return (int)fd;
}

int cp_codefile_open(pid_t pid, pid_t own_pid, uint64_t since_ns)
{
	char path[48];
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)own_pid);
	int fd = open_inside(pid, path);
	/* Who has the same number for both of us sees the same processes, and most likely files. */
	if (fd < 0 && pid == own_pid)
		fd = open(path, CP_OPEN_FLAGS);
	if (fd < 0 || is_its_own(fd, pid, since_ns))
		return fd;
	close(fd);
	return -1;
}
