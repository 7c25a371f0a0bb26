/* recording.c - the memfd: sized by what the process may have, sealed, sparse. */
/* SPDX-License-Identifier: MIT */
#include "signal/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/control.h"
#include "signal/stacks.h"
#include "signal/step.h"

#include "signal/law.h"

/* 48 Ki distinct stacks of 9 words: 9 MiB of addresses, of which pages appear as they are used (a
 * small program touches some 36 KiB). Stacks share their ends: of python's and node's a new one
 * takes 9 words (doc/why/012). Where the process may not have that much, a sixteenth. */
#define ROWS	(UINT64_C(3) << 14)
#define FRAMES	(ROWS * 9)
#define STRINGS (UINT64_C(1) << 18)
#define MODULES UINT64_C(2048)
#define THREADS (UINT64_C(1) << 14)
#define RESTS	(UINT64_C(1) << 14)
#define NAMES	UINT64_C(1024)
#define MOVES                                                                                      \
	(ROWS / 4) /* rows that change from one upload to the next: more of them wait a period */
#define SHRUNK 4   /* the sixteenth, as a shift */

static struct cp_table place(uint64_t *end, uint64_t max, uint64_t entry)
{
	struct cp_table table = {.at = *end, .max = max};

	*end = (*end + max * entry + 4095) & ~UINT64_C(4095);
	return table;
}

/* Gives the tables their places; the size of the whole. rec NULL: only the size. */
static uint64_t lay_out(struct cp_recording *rec, unsigned shrink)
{
	uint64_t end = (sizeof *rec + 4095) & ~UINT64_C(4095);
	struct cp_table strings = place(&end, STRINGS >> shrink, 1);
	struct cp_table modules = place(&end, MODULES >> shrink, sizeof(struct cp_module));
	struct cp_table threads = place(&end, THREADS >> shrink, sizeof(struct cp_thread_slot));
	struct cp_table rows = place(&end, ROWS >> shrink, sizeof(struct cp_row));
	struct cp_table index = place(&end, CP_INDEX_SLOTS(shrink), sizeof(uint64_t));
	struct cp_table rests = place(&end, RESTS >> shrink, sizeof(uint32_t));
	struct cp_table frames = place(&end, FRAMES >> shrink, sizeof(uint64_t));
	struct cp_table marks = place(&end, ROWS >> shrink, sizeof(struct cp_mark));
	struct cp_table moves =
	    place(&end, (MOVES >> shrink) + CP_MOVES_MORE, sizeof(struct cp_move));
	struct cp_table names = place(&end, NAMES >> shrink, sizeof(struct cp_name));

	if (rec) {
		rec->strings = strings;
		rec->modules = modules;
		rec->threads = threads;
		rec->rows = rows;
		rec->index = index;
		rec->rests = rests;
		rec->frames = frames;
		rec->marks = marks;
		rec->moves = moves;
		rec->names = names;
		rec->size = end;
	}
	return end;
}

/* A file that grows past RLIMIT_FSIZE raises SIGXFSZ, so the limit is asked first. */
static int may_have(uint64_t size)
{
	struct rlimit limit;

	return syscall(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit) == 0 &&
	       (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= size);
}

/* After mlockall(MCL_FUTURE) all of its pages would be made, and stay. Of what can't be accessed
 * none is. */
static void *map_file(int fd, uint64_t size)
{
	int locked = (int)atomic_load_explicit(&cp_state.locked, memory_order_relaxed);
	int access = PROT_READ | PROT_WRITE;
	void *map =
	    mmap(NULL, size, locked ? PROT_NONE : access, MAP_SHARED | MAP_NORESERVE, fd, 0);

	if (map == MAP_FAILED || !locked)
		return map;
	syscall(SYS_munlock, map, size);
	if (syscall(SYS_mprotect, map, size, access) == 0)
		return map;
	munmap(map, size);
	return MAP_FAILED;
}

/* Where the system hands out no more memory than it has (vm.overcommit_memory is 2), a page of such
 * a file is asked for when it is touched first, and a refusal is SIGBUS: in a tick, in malloc, or
 * in the uploader. So there all of it is taken at once, or none, and a small one. */
static int is_strict(void)
{
	long fd =
	    syscall(SYS_openat, AT_FDCWD, "/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);
	char mode = 0;

	if (fd < 0)
		return 0;
	(void)!syscall(SYS_read, fd, &mode, sizeof mode);
	syscall(SYS_close, fd);
	return mode == '2';
}

static struct cp_recording *try_size(int fd, uint64_t size, int at_once)
{
	void *map;

	if (!may_have(size)) {
		errno = EFBIG;
		return NULL;
	}
	if (ftruncate(fd, (off_t)size) != 0 ||
	    (at_once && syscall(SYS_fallocate, fd, 0, (off_t)0, (off_t)size) != 0))
		return NULL;
	map = map_file(fd, size);
	if (map != MAP_FAILED)
		madvise(map, size, MADV_DONTDUMP);
	return map == MAP_FAILED ? NULL : map;
}

static uint64_t realtime_ns(void)
{
	struct timespec t = {0, 0};

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void begin(struct cp_recording *rec, unsigned shrink)
{
	rec->magic = CP_MAGIC;
	rec->abi = CP_ABI;
	rec->header_size = sizeof *rec;
	rec->pid = (int32_t)syscall(SYS_getpid);
	rec->uid = (uint32_t)syscall(SYS_geteuid);
	rec->start_realtime_ns = realtime_ns();
	rec->start_monotonic_ns = cp_now_ns();
	rec->rules = cp_step_size();
	lay_out(rec, shrink);
}

struct cp_recording *cp_recording_make(int *fd)
{
	struct cp_recording *rec = NULL;
	int strict = is_strict(), why;
	unsigned shrink = cp_state.small || strict ? SHRUNK : 0;

	*fd = (int)syscall(SYS_memfd_create, "conprof", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0) {
		*fd = -errno;
		return NULL;
	}
	rec = try_size(*fd, lay_out(NULL, shrink), strict);
	if (!rec)
		rec = try_size(*fd, lay_out(NULL, shrink = SHRUNK), strict);
	if (rec && fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
		begin(rec, shrink);
		return rec;
	}
	why = errno;
	if (rec)
		munmap(rec, lay_out(NULL, shrink));
	close(*fd);
	*fd = -why;
	return NULL;
}

/* The file may have been replaced since the start. */
static void read_exe(char *path, size_t room)
{
	static const char gone[] = " (deleted)";
	long len = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", path, room - 1);
	const char *named = (const char *)getauxval(AT_EXECFN);
	size_t n = len > 0 ? (size_t)len : 0;

	path[n] = 0;
	if (n >= sizeof gone && memcmp(path + n - (sizeof gone - 1), gone, sizeof gone) == 0)
		path[n - (sizeof gone - 1)] = 0;
	if (!n && named && named[0] == '/' && strlen(named) < room)
		memcpy(path, named, strlen(named) + 1); /* there is no /proc */
}

static void fill_token(struct cp_recording *rec)
{
	uint64_t fallback[2] = {rec->start_monotonic_ns, (uint64_t)(uintptr_t)rec};

	memcpy(rec->token, fallback, sizeof rec->token);
	(void)!syscall(SYS_getrandom, rec->token, sizeof rec->token, 1 /* GRND_NONBLOCK */);
}

/* The switch that stops all: from here on the uploader looks at it. */
static int is_switched_off(void)
{
	const char *path = cp_home.config->kill_switch;
	struct stat st;

	return path[0] && syscall(SYS_newfstatat, AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

void cp_recording_sign(struct cp_recording *rec)
{
	read_exe(rec->exe, sizeof rec->exe);
	memcpy(rec->argv0, cp_home.argv0, sizeof rec->argv0);
	memcpy(rec->cwd, cp_home.cwd, sizeof rec->cwd);
	memcpy(rec->cgroup, cp_home.cgroup, sizeof rec->cgroup);
	rec->config = *cp_home.config;
	rec->cpu_period_ns = cp_state.cpu_period_ns;
	rec->heap_interval = cp_state.heap_interval;
	rec->foreign_malloc = (uint32_t)cp_home.foreign_malloc;
	if (is_switched_off())
		rec->control = CP_WANT_SAID; /* nothing, until the uploader says otherwise */
	fill_token(rec);
}

void cp_recording_drop(struct cp_recording *rec)
{
	munmap(rec, rec->size);
}

/* From three quarters on rows are nobody's (stacks.c). What is there from the beginning can't be
 * thrown out: of the rest at least half must have been used, lest a full one is made from a full
 * one again and again. */
static uint64_t fill(uint64_t max, uint64_t kept)
{
	uint64_t half = kept + (max - kept) / 2;

	return half > max / 4 * 3 ? half : max / 4 * 3;
}

int cp_recording_is_full(const struct cp_recording *rec)
{
	return atomic_load_explicit(&rec->rows_used, memory_order_relaxed) >=
		   fill(rec->rows.max, rec->kept_rows) ||
	       atomic_load_explicit(&rec->frames_used, memory_order_relaxed) >=
		   fill(rec->frames.max, rec->kept_frames) ||
	       atomic_load_explicit(&rec->names_used, memory_order_relaxed) >=
		   fill(rec->names.max, cp_state.kept_names);
}

void cp_recording_keep(struct cp_recording *rec)
{
	rec->kept_rows = atomic_load_explicit(&rec->rows_used, memory_order_relaxed);
	rec->kept_frames = atomic_load_explicit(&rec->frames_used, memory_order_relaxed);
	cp_state.kept_names = atomic_load_explicit(&rec->names_used, memory_order_relaxed);
}

static void copy_table(struct cp_recording *to, const struct cp_table *to_table,
		       const struct cp_recording *from, const struct cp_table *from_table,
		       uint64_t bytes)
{
	memcpy((char *)to + to_table->at, (const char *)from + from_table->at, bytes);
}

static uint64_t used(const _Atomic uint32_t *count, const struct cp_table *table)
{
	uint64_t n = atomic_load_explicit(count, memory_order_acquire);

	return n < table->max ? n : table->max;
}

void cp_recording_copy(struct cp_recording *to, const struct cp_recording *from)
{
	uint64_t rows = used(&from->rows_used, &from->rows);
	uint64_t moves = from->film_moves < from->moves.max ? from->film_moves : from->moves.max;

	memcpy(to, from, sizeof *from);
	copy_table(to, &to->strings, from, &from->strings,
		   used(&from->strings_used, &from->strings));
	copy_table(to, &to->modules, from, &from->modules,
		   used(&from->modules_used, &from->modules) * sizeof(struct cp_module));
	copy_table(to, &to->threads, from, &from->threads,
		   used(&from->threads_used, &from->threads) * sizeof(struct cp_thread_slot));
	copy_table(to, &to->rows, from, &from->rows, rows * sizeof(struct cp_row));
	copy_table(to, &to->frames, from, &from->frames,
		   used(&from->frames_used, &from->frames) * sizeof(uint64_t));
	copy_table(to, &to->marks, from, &from->marks, rows * sizeof(struct cp_mark));
	copy_table(to, &to->moves, from, &from->moves, moves * sizeof(struct cp_move));
	copy_table(to, &to->names, from, &from->names,
		   used(&from->names_used, &from->names) * sizeof(struct cp_name));
	to->config = *cp_home.config;
	to->heartbeat_ns = CP_HEARTBEAT_NEVER;
	cp_stacks_enter(to);
}

/* The larger of two layouts may be the parent's: a child under tighter limits keeps what fits. */
void cp_recording_inherit(struct cp_recording *to, const struct cp_recording *from)
{
	uint64_t strings = used(&from->strings_used, &from->strings);
	uint64_t modules = used(&from->modules_used, &from->modules);

	to->cpu_period_ns = from->cpu_period_ns;
	to->heap_interval = from->heap_interval;
	to->foreign_malloc = from->foreign_malloc;
	memcpy(to->token, from->token, sizeof to->token);
	memcpy(to->exe, from->exe, sizeof to->exe);
	memcpy(to->argv0, from->argv0, sizeof to->argv0);
	memcpy(to->cwd, from->cwd, sizeof to->cwd);
	memcpy(to->cgroup, from->cgroup, sizeof to->cgroup);
	to->config = *cp_home.config; /* not what others, who see that page, may have written */
	to->control = cp_control(from);
	strings = strings < to->strings.max ? strings : to->strings.max;
	modules = modules < to->modules.max ? modules : to->modules.max;
	copy_table(to, &to->strings, from, &from->strings, strings);
	copy_table(to, &to->modules, from, &from->modules, modules * sizeof(struct cp_module));
	to->strings_used = (uint32_t)strings;
	to->modules_used = (uint32_t)modules;
	to->epoch = from->epoch;
	to->is_fork = from->is_fork;
	to->renewals =
	    from->renewals; /* so that the rows' numbers are told apart as there (live.c) */
}
