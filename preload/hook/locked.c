/* locked.c - mlockall: the memory that it locks is the program's, not the room we keep in reserve.
 */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/attrs.h"
#include "hook/real.h"
#include "signal/adopt.h"
#include "signal/live.h"
#include "signal/log.h"
#include "signal/modules.h"
#include "signal/quiet.h"
#include "signal/state.h"

#include "hook/law.h"

#define PAGE UINT64_C(4096)
/* A recording's tables; the scratch, the modules, the live blocks. */
#define TABLES 10
#define RANGES (TABLES + 3)

/* Of a recording's 24 MiB the pages that were never touched cost nothing. Locked, all of them would
 * be there; and without the privilege the call fails where it would have succeeded without us,
 * because the kernel counts address space. */
struct range {
	char *at;
	size_t size;
};

/* What nobody touches while this process keeps quiet: all but rows and threads that are there,
 * whose ends are still counted. */
static size_t reserve(struct range *to)
{
	struct cp_recording *rec = cp_state.rec;
	const struct {
		const struct cp_table *table;
		uint64_t used, entry;
	} tables[TABLES] = {
	    {&rec->strings, 0, 1},
	    {&rec->modules, 0, sizeof(struct cp_module)},
	    {&rec->threads, rec->threads_used, sizeof(struct cp_thread_slot)},
	    {&rec->rows, rec->rows_used, sizeof(struct cp_row)},
	    {&rec->index, 0, sizeof(uint64_t)},
	    {&rec->rests, 0, sizeof(uint32_t)},
	    {&rec->frames, 0, sizeof(uint64_t)},
	    {&rec->marks, 0, sizeof(struct cp_mark)},
	    {&rec->moves, 0, sizeof(struct cp_move)},
	    {&rec->names, 0, sizeof(struct cp_name)},
	};
	size_t n = 0;

	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		const struct cp_table *t = tables[i].table;
		uint64_t from = t->at + tables[i].used * tables[i].entry;
		uint64_t to_end = t->at + t->max * tables[i].entry;

		from = (from + PAGE - 1) & ~(PAGE - 1);
		to_end = (to_end + PAGE - 1) & ~(PAGE - 1);
		if (from < to_end)
			to[n++] = (struct range){(char *)rec + from, to_end - from};
	}
	to[n++] = (struct range){(char *)cp_state.scratch, CP_SCRATCHES * sizeof *cp_state.scratch};
	to[n].at = cp_modules_room(&to[n].size);
	n++;
	to[n].at = cp_live_unused(&to[n].size);
	return n + (to[n].at != NULL);
}

/* Whether it would be few enough pages without these. */
static int would_help(const struct range *r, size_t n)
{
	struct rlimit limit;
	char text[64], *at = text;
	uint64_t pages = 0;
	long fd, len = 0;

	fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		len = syscall(SYS_read, fd, text, sizeof text - 1);
		syscall(SYS_close, fd);
	}
	text[len > 0 ? len : 0] = 0;
	for (; *at >= '0' && *at <= '9'; at++)
		pages = pages * 10 + (uint64_t)(*at - '0');
	for (size_t i = 0; i < n; i++)
		pages -= r[i].size / PAGE;
	return len > 0 && syscall(SYS_prlimit64, 0, RLIMIT_MEMLOCK, NULL, &limit) == 0 &&
	       pages <= limit.rlim_cur / PAGE;
}

static void tell(void)
{
	struct cp_line line = {0};
	int fd;

	if (cp_state.rec->config.log_level < 2)
		return;
	cp_line_add(&line, "conprof: mlockall leaves no room (RLIMIT_MEMLOCK): nothing more is "
			   "recorded");
	fd = cp_log_open(&cp_state.rec->config);
	cp_log_write(fd, &line);
	cp_log_close(fd);
}

/* Gives the reserve up, and with it the recording; for good. */
static int again(int flags, const struct range *r, size_t n)
{
	size_t size;

	if (cp_live_unused(&size))
		cp_live_without();
	for (size_t i = 0; i < n; i++)
		munmap(r[i].at, r[i].size);
	atomic_store_explicit(&cp_state.rec->silenced, CP_SILENCED_BY_LOCK, memory_order_relaxed);
	tell();
	return cp_real_calls()->mlockall(flags);
}

CP_EXPORT int mlockall(int flags)
{
	struct range ranges[RANGES];
	size_t n;
	int result, saved;

	cp_wake();
	if (!cp_state.rec || !cp_quiet_begin(0))
		return cp_real_calls()->mlockall(flags);
	if (!cp_quiet_alone()) {
		cp_quiet_end();
		return cp_real_calls()->mlockall(flags);
	}
	n = reserve(ranges);
	for (size_t i = 0; i < n; i++) /* without access no page is made for the lock's sake */
		syscall(SYS_mprotect, ranges[i].at, ranges[i].size, PROT_NONE);
	result = cp_real_calls()->mlockall(flags);
	saved = errno;
	if (result != 0 && would_help(ranges, n))
		return again(flags, ranges, n);
	syscall(SYS_munlock, cp_state.rec, cp_state.rec->size);
	for (size_t i = 0; i < n; i++) {
		syscall(SYS_munlock, ranges[i].at, ranges[i].size);
		syscall(SYS_mprotect, ranges[i].at, ranges[i].size, PROT_READ | PROT_WRITE);
	}
	if (result == 0 && flags & MCL_FUTURE)
		atomic_store_explicit(&cp_state.locked, 1, memory_order_relaxed);
	cp_quiet_end();
	errno = saved;
	return result;
}
