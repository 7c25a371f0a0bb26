/* guard.c - files that are read as memory and may shrink under our eyes.
 *
 * Debug files are too large to be copied, and libdw wants them whole: so they are mapped, and a
 * file that is truncated in place would end us with SIGBUS. The handler lays zeros over what is
 * gone; libelf and libdw take those for damage, as they would on disk (doc/why/016). */
/* SPDX-License-Identifier: MIT */
#include "encoder/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Three files for each image, the parts of programs whose debug information is split, and some that
 * are open for a moment. Who gets none is not read. */
#define CP_GUARDS_MAX 1024

/* start is set last and taken away first: a slot without one is free. */
static struct {
	_Atomic uintptr_t start;
	_Atomic uintptr_t end;
	_Atomic bool damaged;
} guarded[CP_GUARDS_MAX];
static atomic_flag installed = ATOMIC_FLAG_INIT;
static _Thread_local unsigned reading;

static bool lay_zeros(uintptr_t start, uintptr_t end)
{
	void *want = (void *)start; // NOLINT(performance-no-int-to-ptr)
	return mmap(want, end - start, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	       want;
}

/* All that lies behind the missing page is missing, too, and is laid over at once: page by page
 * there could come to be more mappings than a process may have. */
static bool repair(uintptr_t address)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = address & ~(page - 1);
	for (int i = 0; i < CP_GUARDS_MAX; i++) {
		uintptr_t from = atomic_load_explicit(&guarded[i].start, memory_order_acquire);
		uintptr_t to = atomic_load_explicit(&guarded[i].end, memory_order_relaxed);
		if (!from || address < from || address >= to)
			continue;
		atomic_store_explicit(&guarded[i].damaged, true, memory_order_relaxed);
		return lay_zeros(start, (to + page - 1) & ~(page - 1));
	}
	return reading && lay_zeros(start, start + page);
}

static void on_sigbus(int signal_number, siginfo_t *info, void *context)
{
	int error = errno;
	(void)context;
	/* not ours: with the handler gone, the same access does what it would have done */
	if (info->si_code != BUS_ADRERR || !repair((uintptr_t)info->si_addr))
		signal(signal_number, SIG_DFL);
	errno = error;
}

static void install(void)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_RESTART};
	if (!atomic_flag_test_and_set(&installed))
		sigaction(SIGBUS, &action, NULL);
}

int cp_guard_add(const void *start, size_t size)
{
	uintptr_t from = (uintptr_t)start;
	install();
	for (int i = 0; from && size && i < CP_GUARDS_MAX; i++) {
		uintptr_t none = 0;
		/* 1: claimed, not yet shown */
		if (!atomic_compare_exchange_strong(&guarded[i].end, &none, 1))
			continue;
		atomic_store_explicit(&guarded[i].damaged, false, memory_order_relaxed);
		atomic_store_explicit(&guarded[i].end, from + size, memory_order_relaxed);
		atomic_store_explicit(&guarded[i].start, from, memory_order_release);
		return i;
	}
	return -1;
}

void cp_guard_remove(int number)
{
	if (number < 0)
		return;
	atomic_store_explicit(&guarded[number].start, 0, memory_order_release);
	atomic_store_explicit(&guarded[number].end, 0, memory_order_release);
}

bool cp_guard_is_damaged(int number)
{
	return number >= 0 && atomic_load_explicit(&guarded[number].damaged, memory_order_relaxed);
}

void cp_guard_enter(void)
{
	install();
	reading++;
}

void cp_guard_leave(void)
{
	reading--;
}
