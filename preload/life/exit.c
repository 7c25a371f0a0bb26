/* exit.c - the last word: nothing, or a wait for the last profile's delivery. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "signal/join.h"
#include "signal/state.h"

/* The uploader holds the memory and delivers after our end. Only where it ends with us, as in a
 * container whose process 1 we are, is there a reason to wait: then by the upload's timeout. */
static unsigned seconds(const struct cp_recording *rec)
{
	if (rec->config.exit_wait_set)
		return rec->config.exit_wait_s;
	return rec->pid == 1 ? rec->config.upload_timeout_s : 0;
}

__attribute__((destructor)) static void finish(void)
{
	struct cp_recording *rec = cp_state.rec;
	struct timespec limit = {0, 200000000};
	uint64_t end;
	unsigned wait;

	if (!rec || cp_phase() != CP_RUNNING || cp_state.wiped->pid != (int32_t)getpid())
		return;
	wait = seconds(rec);
	if (!wait)
		return;
	atomic_store_explicit(&rec->ended, CP_ENDED_EXIT, memory_order_release);
	if (cp_join_goodbye(rec) != 0)
		return;
	end = cp_now_ns() + wait * UINT64_C(1000000000);
	while (!atomic_load_explicit(&rec->delivered, memory_order_acquire) && cp_now_ns() < end)
		syscall(SYS_futex, &rec->delivered, FUTEX_WAIT, 0, &limit, NULL, 0);
}
