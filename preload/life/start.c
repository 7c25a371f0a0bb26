/* start.c - the constructor: from a loaded library to a recorded process, or politely out. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/attrs.h"
#include "base/note.h"
#include "hook/real.h"
#include "hook/spawn.h"
#include "life/chosen.h"
#include "life/exit.h"
#include "life/fork.h"
#include "life/home.h"
#include "life/kernel.h"
#include "life/libunwind.h"
#include "life/operators.h"
#include "life/sandbox.h"
#include "life/settings.h"
#include "signal/adopt.h"
#include "signal/join.h"
#include "signal/live.h"
#include "signal/modules.h"
#include "signal/near.h"
#include "signal/prof.h"
#include "signal/reserved.h"
#include "signal/roster.h"
#include "signal/tick.h"
#include "signal/timer.h"
#include "signal/unwind.h"

static struct cp_config config; /* frozen after the constructor */

/* Kernels before 5.14 do not say how large their frame is; 4 KiB holds AVX-512. */
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

static void choose(void)
{
	uint64_t frame = getauxval(AT_MINSIGSTKSZ);

	cp_state.types = config.types;
	cp_state.sample_labels = config.sample_labels;
	if (config.types & CP_TYPE_CPU)
		cp_state.cpu_period_ns = UINT64_C(1000000000) / config.cpu_rate_hz;
	if (config.types & CP_TYPE_HEAP)
		cp_state.heap_interval = config.heap_interval;
	cp_state.cpu_timer = config.cpu_timer;
	if (config.cpu_timer == CP_TIMER_AUTO && cp_sandbox_has_few_signals())
		cp_state.cpu_timer = CP_TIMER_ITIMER;
	cp_state.tick_room = (frame ? frame : 4096) + CP_TICK_ROOM;
	cp_state.entry = getauxval(AT_ENTRY);
}

/* Below this heap interval the table of live blocks may grow to 38 MiB instead of 2. */
#define MANY_SAMPLES (64 * 1024)

/* Private memory: the page that forks wipe, room for stacks, live blocks. That page comes first, at
 * the edge of the room for a start: from its midst it would make three mappings of one. */
static int reserve(struct cp_wiped **wiped)
{
	struct cp_wiped_pages *all = cp_room_at_start(sizeof *all);

	if (!all)
		return -1;
	madvise(all, sizeof *all, MADV_WIPEONFORK); /* before 4.14: life/fork.c does it */
	cp_state.inside = &all->inside;
	cp_state.timers = all->timers;
	*wiped = &all->wiped;
	(*wiped)->phase = CP_BUSY;
	cp_state.scratch = cp_room_at_start(CP_SCRATCHES * sizeof *cp_state.scratch);
	if (!cp_state.scratch)
		return -1;
	if (!cp_state.heap_interval)
		return 0;
	return cp_live_open(cp_state.heap_interval < MANY_SAMPLES && !cp_state.small);
}

static void open_unwinder(void)
{
	cp_unwind_init(cp_state.own_start, cp_state.own_end);
	if (config.unwinder == CP_UNWINDER_FP)
		return;
	if (config.unwinder != CP_UNWINDER_LIBUNWIND)
		cp_unwind_use_own();
	else if (cp_libunwind_open() != 0)
		cp_life_complain(&config, 1,
				 "libunwind.so.8 can't be used; stacks are found by "
				 "frame pointers",
				 "");
}

/* A short life without an event leaves nothing, and pays little: it says hello, and the rest is
 * done at the first event (015). Not where a promise hangs on the recording, or the moment could be
 * bad: who waits in its end for the delivery; scarce memory, a filter, no timer of one's own. */
static int may_sleep(void)
{
	return !cp_state.small && !cp_state.filtered && config.instance_ppm == CP_WHOLE_FRACTION &&
	       cp_state.cpu_timer != CP_TIMER_ITIMER && config.unwinder != CP_UNWINDER_LIBUNWIND &&
	       !config.exit_wait_set && syscall(SYS_getpid) != 1;
}

static void begin_ticks(struct cp_thread *self)
{
	cp_prof_prepare();
	if (cp_reserved_open() != 0)
		cp_state.cpu_timer = CP_TIMER_ITIMER;
	cp_timer_arm(self);
}

/* From here on things happen: the first thread, forks, ticks. */
static void begin(struct cp_wiped *wiped)
{
	wiped->pid = (int32_t)syscall(SYS_getpid);
	cp_state.wiped = wiped;
	CP_INSIDE (self) {
		self->ready = 0;
		self->budget = 0;
		cp_thread_ready(self);
		cp_near_main(self);
		cp_witness_rest(self, 1); /* libc and ld.so allocate in what follows */
		cp_spawn_open();
		cp_spawn_watch_end(self);
		if (cp_state.rec && (cp_state.types & CP_TYPE_THREAD))
			cp_roster_first(self);
		cp_fork_open();
		cp_exit_open();
		if (cp_state.cpu_period_ns)
			begin_ticks(self);
		if (cp_state.heap_interval)
			cp_operators_open();
		cp_witness_rest(self, 0);
		atomic_store_explicit(&wiped->phase, cp_state.rec ? CP_RUNNING : CP_ASLEEP,
				      memory_order_release);
		if (!cp_state.rec && cp_state.cpu_period_ns && !self->timer_armed)
			cp_awake(self);
	}
}

static void stay_out(const char *why, int error)
{
	struct cp_line detail = {0};

	if (error) {
		cp_line_add(&detail, ": errno ");
		cp_line_number(&detail, (uint64_t)error);
	}
	cp_life_complain(&config, 2, why, detail.text);
	cp_life_tell(&config);
}

static void stay_out_of(const char *refused)
{
	cp_life_complain(&config, 2, "a seccomp filter does not allow ", refused);
	cp_life_tell(&config);
}

/* The settings say so, or the lot: only who asks for it hears of it. NULL: they do not. */
static const char *is_switched_off(void)
{
	if (!config.enabled)
		return "CONPROF_ENABLED is 0: nothing is recorded";
	if (!config.types)
		return "CONPROF_PROFILE_TYPES has nothing that can be recorded";
	return cp_chosen(&config) ? NULL : "not chosen by CONPROF_INSTANCE_FRACTION";
}

static void stay_out_quietly(const char *why)
{
	if (config.log_level < 3)
		return;
	cp_life_complain(&config, 3, why, "");
	cp_life_tell(&config);
}

/* Something to record in: now, or at the first event. */
static void record(const char *argv0)
{
	struct cp_wiped *wiped;
	const char *why = NULL;

	if (reserve(&wiped) != 0) {
		why = "no memory to record in";
	} else {
		cp_modules_open();
		open_unwinder();
		cp_life_kernel(&config);
		cp_home_describe(&config, argv0);
		if (!may_sleep() || cp_join_hello() != 0)
			why = cp_begin_recording();
	}
	if (why) {
		stay_out(why, errno);
		return;
	}
	cp_life_tell(&config);
	begin(wiped);
}

__attribute__((constructor)) static void start(int argc, char **argv)
{
	const char *why, *refused;
	int saved = errno, silent;

	(void)cp_real_calls();
	if (getauxval(AT_SECURE)) /* its caller must not have a say in what it sends where */
		return;
	refused = cp_sandbox_refuses(&silent);
	if (silent) {
		errno = saved;
		return;
	}
	cp_life_settings(&config);
	if ((why = is_switched_off())) {
		stay_out_quietly(why);
	} else if (refused) {
		stay_out_of(refused);
	} else if ((why = cp_sandbox_is_short_of())) {
		stay_out(why, 0);
	} else if (cp_home_find() != 0) {
		stay_out("conprof is not beside the library: nothing is recorded", 0);
	} else if (cp_home_stay_out(&why)) {
		if (why)
			stay_out(why, 0);
	} else {
		choose();
		record(argc > 0 ? argv[0] : NULL);
	}
	errno = saved;
}
