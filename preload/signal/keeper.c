/* keeper.c - a process of one page that waits for the uploader, so that the target need not. */
/* SPDX-License-Identifier: MIT */
#include "signal/keeper.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attrs.h"
#include "signal/state.h"

#include "signal/law.h"

#define INLINE static inline __attribute__((always_inline))

/* By hand, because libc, its errno and the thread pointer's memory are among what is given up. */
INLINE long raw(long number, long a, long b, long c, long d)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return result;
#else
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	return x0;
#endif
}

int cp_keeper_needed(void)
{
	int yes = 0;

	return syscall(SYS_getpid) == 1 ||
	       (syscall(SYS_prctl, PR_GET_CHILD_SUBREAPER, &yes, 0, 0, 0) == 0 && yes);
}

INLINE void unmap(uintptr_t from, uintptr_t to)
{
	if (from < to)
		raw(SYS_munmap, (long)from, (long)(to - from), 0, 0);
}

/* How high memory reaches differs by machine and by kernel; one that is too high is refused. */
INLINE void unmap_above(uintptr_t from)
{
	for (int bits = 56; bits >= 36; bits--) {
		uintptr_t top = ((uintptr_t)1 << bits) - 4096;

		if (from < top && raw(SYS_munmap, (long)from, (long)(top - from), 0, 0) == 0)
			return;
	}
}

/* Segments begin and end at multiples of this on every machine: no mapping is cut in two. */
#define GRAIN ((uintptr_t)64 * 1024)

#if __has_attribute(no_stack_protector)
#define NO_CANARY __attribute__((no_stack_protector))
#else
#define NO_CANARY
#endif

/* No call, no constant in memory, no canary: from the first unmapping on there is only what stands
 * in this function and in registers. */
NO_CANARY void cp_keeper_stay(uintptr_t stack, size_t size, _Atomic uint32_t *ready)
{
	uintptr_t low = (uintptr_t)cp_state.own_start & ~(GRAIN - 1);
	uintptr_t low_end = ((uintptr_t)cp_state.own_end + GRAIN - 1) & ~(GRAIN - 1);
	uintptr_t high = stack, high_end = stack + size;

	if (low > high) {
		high = low;
		high_end = low_end;
		low = stack;
		low_end = stack + size;
	}
	unmap(0, low);
	unmap(low_end, high);
	unmap_above(high_end);
	atomic_store_explicit(ready, 1, memory_order_release);
	raw(SYS_futex, (long)ready, FUTEX_WAKE, 1, 0);
	while (raw(SYS_wait4, -1, 0, __WALL, 0) != -ECHILD)
		;
	for (;;)
		raw(SYS_exit_group, 0, 0, 0, 0);
}
