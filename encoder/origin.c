/* origin.c - where a process's files are to be looked for: its root, its executable, its memory. */
/* SPDX-License-Identifier: MIT */
#include "encoder/origin.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Descriptors kept for processes that may soon be gone. Beyond that, files are found by path. */
#define CP_HELD_MAX 512u
#define SECOND	    INT64_C(1000000000)
#define FLAGS	    (O_RDONLY | O_CLOEXEC | O_NOCTTY)
#define PLACE	    (O_PATH | O_CLOEXEC)

struct cp_held {
	struct cp_held *next;
	uint32_t users;
	int fd;
	bool is_root;
	uint64_t mount; /* of a root: two of the same inode may show different files below */
	struct cp_file_id id;
};

/* Processes join on one thread, and profiles with their addresses are made on another. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct cp_held *all_held; /* under the lock, as all users are */
static uint32_t held_count;

/* Each process that is watched takes a descriptor as well: most are left for those. */
static bool is_full(void)
{
	struct rlimit limit;
	return held_count >= CP_HELD_MAX ||
	       (!getrlimit(RLIMIT_NOFILE, &limit) && held_count >= limit.rlim_cur / 8);
}

static bool identify(int dir, const char *path, int flags, struct cp_held *held)
{
	struct statx st;
	if (statx(dir, path, flags, STATX_INO | STATX_MNT_ID, &st))
		return false;
	held->id.device = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor;
	held->id.inode = st.stx_ino;
	held->mount = (st.stx_mask & STATX_MNT_ID) && held->is_root ? st.stx_mnt_id : 0;
	return true;
}

static bool is_same(const struct cp_held *a, const struct cp_held *b)
{
	return a->is_root == b->is_root && a->mount == b->mount && a->id.device == b->id.device &&
	       a->id.inode == b->id.inode;
}

/* Whose path this is, held once for all who have the same; NULL when it can not be had. */
static struct cp_held *hold(const char *path, bool is_root)
{
	struct cp_held fresh = {.users = 1, .fd = -1, .is_root = is_root}, ours = fresh;
	if (!identify(AT_FDCWD, path, 0, &fresh))
		return NULL;
	/* an older kernel does not name mounts: then every root is held */
	if (is_root && identify(AT_FDCWD, "/", 0, &ours) && ours.mount && is_same(&ours, &fresh))
		return NULL;
	for (struct cp_held *held = all_held; held; held = held->next)
		if (is_same(held, &fresh)) {
			held->users++;
			return held;
		}
	struct cp_held *held = is_full() ? NULL : malloc(sizeof(*held));
	if (!held)
		return NULL;
	fresh.fd = open(path, is_root ? O_PATH | O_DIRECTORY | O_CLOEXEC : FLAGS);
	if (fresh.fd < 0 || !identify(fresh.fd, "", AT_EMPTY_PATH, &fresh)) {
		if (fresh.fd >= 0)
			close(fresh.fd);
		free(held);
		return NULL;
	}
	*held = fresh;
	held->next = all_held;
	all_held = held;
	held_count++;
	return held;
}

static void let_go(struct cp_held *held)
{
	if (!held || --held->users)
		return;
	for (struct cp_held **at = &all_held; *at; at = &(*at)->next)
		if (*at == held) {
			*at = held->next;
			break;
		}
	held_count--;
	close(held->fd);
	free(held);
}

/* When the process began, by the kernel: field 22 of its stat, in ticks since the machine began. */
static uint64_t start_of(pid_t pid)
{
	char path[64], text[1024];
	unsigned long long ticks = 0;
	struct timespec now, up;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	int fd = open(path, FLAGS);
	ssize_t len = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		close(fd);
	text[len > 0 ? len : 0] = 0;
	const char *end = strrchr(text, ')');
	if (!end ||
	    sscanf(end + 1, " %*c%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s %llu",
		   &ticks) != 1)
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	int64_t began = (now.tv_sec - up.tv_sec) * SECOND + now.tv_nsec - up.tv_nsec;
	return (uint64_t)began + ticks * (uint64_t)(SECOND / sysconf(_SC_CLK_TCK));
}

struct cp_origin *cp_origin_new(pid_t pid, bool forked)
{
	char path[64];
	struct cp_origin *origin = calloc(1, sizeof(*origin));
	if (!origin)
		return NULL;
	*origin = (struct cp_origin){.users = 1, .pid = pid};
	if (!forked)
		origin->start_ns = start_of(pid);
	pthread_mutex_lock(&lock);
	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	origin->root = hold(path, true);
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	origin->exe = hold(path, false);
	pthread_mutex_unlock(&lock);
	return origin;
}

struct cp_origin *cp_origin_use(struct cp_origin *origin)
{
	pthread_mutex_lock(&lock);
	if (origin)
		origin->users++;
	pthread_mutex_unlock(&lock);
	return origin;
}

void cp_origin_drop(struct cp_origin *origin)
{
	if (!origin)
		return;
	pthread_mutex_lock(&lock);
	bool last = !--origin->users;
	if (last) {
		let_go(origin->root);
		let_go(origin->exe);
	}
	pthread_mutex_unlock(&lock);
	if (last)
		free(origin);
}

void cp_origin_ended(struct cp_origin *origin)
{
	/* relaxed: a look at its mappings that has begun may end as it likes */
	if (origin)
		__atomic_store_n(&origin->pid, 0, __ATOMIC_RELAXED);
}

void cp_origin_exe_id(const struct cp_origin *origin, struct cp_file_id *id)
{
	if (origin && origin->exe)
		*id = origin->exe->id;
}

/* A descriptor of its own, with a place in the file of its own. */
int cp_origin_exe(const struct cp_origin *origin, struct cp_file_id *id)
{
	char path[64];
	if (!origin || !origin->exe)
		return -1;
	if (id)
		*id = origin->exe->id;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", origin->exe->fd);
	int fd = open(path, FLAGS);
	return fd >= 0 ? fd : fcntl(origin->exe->fd, F_DUPFD_CLOEXEC, 0);
}

bool cp_origin_has_root(const struct cp_origin *origin)
{
	return origin && origin->root;
}

/* A module's path is what a process says, perhaps another user's: opening a device may already do
 * something, and a pipe holds who opens it. So the place comes first, and is opened if it is a
 * file. */
static int open_file(int place)
{
	char path[32];
	struct stat st;
	if (place < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", place);
	int fd = !fstat(place, &st) && S_ISREG(st.st_mode) ? open(path, FLAGS) : -1;
	close(place);
	return fd;
}

int cp_origin_open_ours(const char *path)
{
	return open_file(open(path, PLACE));
}

int cp_origin_open(const struct cp_origin *origin, const char *path, bool checked)
{
	struct open_how how = {.flags = PLACE, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	if (!cp_origin_has_root(origin))
		return cp_origin_open_ours(path);
	long place = syscall(SYS_openat2, origin->root->fd, path, &how, sizeof(how));
	if (place >= 0 || (errno != ENOSYS && errno != EPERM))
		return open_file((int)place);
	/* A kernel before 5.6, or a filter that does not know the call: an absolute link in there
	 * leads to a file of ours. */
	path += strspn(path, "/");
	return checked ? open_file(openat(origin->root->fd, path, PLACE)) : -1;
}

/* START-END perms OFFSET MAJOR:MINOR INODE   PATH */
static int parse(char *line, struct cp_mapped *mapped)
{
	static const char mark[] = " (deleted)";
	unsigned long long start, end, inode;
	unsigned major, minor;
	int at = 0;
	if (sscanf(line, "%llx-%llx %*s %*s %x:%x %llu %n", &start, &end, &major, &minor, &inode,
		   &at) != 5 ||
	    line[at] != '/')
		return -1;
	size_t len = strcspn(line + at, "\n");
	*mapped = (struct cp_mapped){.start = start, .end = end};
	mapped->id = (struct cp_file_id){(uint64_t)major << 32 | minor, inode};
	if (len > sizeof(mark) &&
	    !memcmp(line + at + len - (sizeof(mark) - 1), mark, sizeof(mark) - 1)) {
		mapped->deleted = true;
		len -= sizeof(mark) - 1;
	}
	len = len < sizeof(mapped->path) ? len : sizeof(mapped->path) - 1;
	memcpy(mapped->path, line + at, len);
	mapped->path[len] = 0;
	return 0;
}

int cp_origin_mapped(const struct cp_origin *origin, uint64_t address, struct cp_mapped *mapped)
{
	char path[64], line[4400];
	int found = -1;
	pid_t pid = origin ? __atomic_load_n(&origin->pid, __ATOMIC_RELAXED) : 0;
	if (!pid || !address)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	FILE *maps = fopen(path, "re");
	/* The kernel lets a process have 65,530 by default. */
	for (int i = 0; maps && i < (1 << 20) && fgets(line, sizeof(line), maps); i++) {
		unsigned long long start, end;
		if (sscanf(line, "%llx-%llx", &start, &end) != 2 || address >= end)
			continue;
		found = address >= start ? parse(line, mapped) : -1;
		break;
	}
	if (maps)
		fclose(maps);
	return found;
}

int cp_origin_open_mapped(const struct cp_origin *origin, const struct cp_mapped *mapped)
{
	char path[96];
	pid_t pid = __atomic_load_n(&origin->pid, __ATOMIC_RELAXED);
	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)pid,
		 (unsigned long long)mapped->start, (unsigned long long)mapped->end);
	return pid > 0 ? open(path, FLAGS) : -1;
}
