/* exit.c - the last word: the exit status, and if asked a wait for the last profile's delivery. */
/* SPDX-License-Identifier: MIT */
#include "life/exit.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "hook/altstack.h"
#include "signal/apart.h"
#include "signal/join.h"
#include "signal/moving.h"
#include "signal/rest.h"
#include "signal/state.h"

/* The uploader holds the memory and delivers after our end. Only where it ends with us, as in a
 * container whose process 1 we are, is there a reason to wait: then by the upload's timeout. */
static unsigned seconds(const struct cp_recording *rec)
{
	if (rec->config.exit_wait_set)
		return rec->config.exit_wait_s;
	return rec->pid == 1 ? rec->config.upload_timeout_s : 0;
}

#define SECOND UINT64_C(1000000000)
#define BIRTH  (2 * SECOND) /* an uploader that has not come by then will not come */

/* Sleeps until the word is set, or so long. */
static void sleep_on(_Atomic uint32_t *word, long ns)
{
	struct timespec limit = {0, ns};

	syscall(SYS_futex, word, FUTEX_WAIT, 0, &limit, NULL, 0);
}

/* A program of a few milliseconds may end before its uploader listens: then nobody has beaten its
 * heart yet, and it is said again. -1: there is nobody to say it to. */
static int say_goodbye(struct cp_recording *rec, uint64_t end)
{
	uint64_t birth = cp_now_ns() + BIRTH;

	while (cp_join_goodbye(rec) != 0) {
		uint64_t now = cp_now_ns();

		if (now >= end || now >= birth ||
		    atomic_load_explicit(&rec->heartbeat_ns, memory_order_relaxed) !=
			CP_HEARTBEAT_NEVER)
			return -1;
		sleep_on(&rec->delivered, 2000000);
	}
	return 0;
}

/* Else what is in no profile yet would go with the memory, which nobody holds but us. */
static void outlive(const struct cp_apart *apart, void *unused)
{
	(void)unused;
	if (apart->scratch)
		cp_moving_end();
}

static void finish(uint32_t ended)
{
	struct cp_recording *rec;
	uint64_t end;
	unsigned wait;

	if (cp_phase() == CP_ASLEEP)
		cp_rest_leave();
	/* Where we keep quiet a filter may kill for a call; and a vfork child's end is not its
	 * parent's, whose memory this is. */
	if ((cp_phase() != CP_RUNNING && !cp_is_moving()) ||
	    cp_state.wiped->pid != (int32_t)getpid())
		return;
	cp_moving_stop();
	rec = cp_state.rec;
	if (!rec || cp_phase() != CP_RUNNING)
		return;
	cp_altstack_end(&cp_self);
	cp_rest_leave();
	if (!cp_state.homeless)
		cp_apart(outlive, NULL);
	atomic_store_explicit(&rec->ended, ended, memory_order_release);
	if (cp_state.homeless)
		return;
	wait = seconds(rec);
	if (!wait)
		return;
	end = cp_now_ns() + wait * SECOND;
	if (say_goodbye(rec, end) != 0)
		return;
	while (!atomic_load_explicit(&rec->delivered, memory_order_acquire) && cp_now_ns() < end)
		sleep_on(&rec->delivered, 200000000);
}

/* exit() gives its status to those alone who asked by on_exit. Who asks before the program does
 * comes after all that it does at its end, destructors included. */
static void on_end(int status, void *unused)
{
	(void)unused;
	finish(cp_ended_exit(status));
}

__attribute__((destructor)) static void at_end(void)
{
	if (!cp_state.sees_exit)
		finish(CP_ENDED_EXIT);
}

void cp_exit_open(void)
{
	cp_state.sees_exit = on_exit(on_end, NULL) == 0;
}
