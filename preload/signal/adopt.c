/* adopt.c - who slept gets a ledger, a child with its live blocks. */
/* SPDX-License-Identifier: MIT */
#include "signal/adopt.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "signal/apart.h"
#include "signal/blocks.h"
#include "signal/itimer.h"
#include "signal/join.h"
#include "signal/log.h"
#include "signal/modules.h"
#include "signal/moving.h"
#include "signal/recording.h"
#include "signal/reserved.h"
#include "signal/roster.h"
#include "signal/shared.h"
#include "signal/timer.h"

#include "signal/law.h"

const char *cp_begin_recording(void)
{
	int fd, failed, why;
	struct cp_recording *rec = cp_recording_make(&fd);

	if (!rec) {
		errno = -fd;
		return "no shared memory for a recording";
	}
	cp_recording_sign(rec);
	cp_state.rec = rec;
	cp_modules_look();
	failed = cp_join(rec, fd, rec->token) == CP_JOIN_FAILED;
	why = errno;
	close(fd);
	if (!failed)
		return NULL;
	cp_state.rec = NULL;
	cp_recording_drop(rec);
	errno = why;
	return "the uploader can't be reached or started";
}

/* An image that slept: the constructor would have said it. */
static int begin_late(void)
{
	const char *why = cp_begin_recording();
	struct cp_line line = {0};
	int fd;

	if (!why)
		return 0;
	if (cp_home.config->log_level >= 2) {
		cp_line_add(&line, "conprof: ");
		cp_line_add(&line, why);
		fd = cp_log_open(cp_home.config);
		cp_log_write(fd, &line);
		cp_log_close(fd);
	}
	return -1;
}

/* A handler may have forked that interrupted us near (near.h), and may go back there: then what it
 * interrupted still knows the old place. */
static void let_go_of(struct cp_recording *old, struct cp_thread *self)
{
	if (!self->near)
		cp_recording_drop(old);
	self->near = 0; /* the word that it is counted in began anew */
}

static int begin_anew(struct cp_thread *self)
{
	int fd, joined;
	struct cp_recording *parents = cp_state.rec, *mine = cp_recording_make(&fd);

	if (!mine)
		return -1;
	cp_recording_inherit(mine, parents);
	mine->is_fork = 1;
	cp_state.rec = mine;
	cp_roster_forked();
	if (cp_state.heap_interval)
		cp_blocks_adopt(parents, cp_moving_map());
	cp_moving_forked();
	cp_recording_keep(mine);
	let_go_of(parents, self);
	joined = cp_join(mine, fd, mine->token);
	close(fd);
	return joined == CP_JOIN_FAILED ? -1 : 0;
}

/* Whether our ticks would end this process: it was made without handlers (CLONE_CLEAR_SIGHAND). */
static int deadly(void)
{
	uint64_t action[4] = {0}; /* the kernel's: the handler comes first */

	syscall(SYS_rt_sigaction, CP_TICK_SIGNAL, NULL, action, sizeof action[0]);
	return action[0] == 0;
}

/* A child of a raw clone or of _Fork(), of which life/fork.c does not hear, takes its parent's
 * timer for its own: it gets one if that does it no harm. The kernel passes on no ITIMER_PROF
 * either; but where life/fork.c has started it, it is as it was left: paused, before an exec. */
static void know_yourself(struct cp_thread *self)
{
	int tid = (int)syscall(SYS_gettid);

	if (self->tid != tid) {
		cp_thread_forked(self);
		cp_itimer_forked();
		self->due = 0;
		if (!deadly())
			self->timer_armed = 0;
	}
	cp_shared_forked();
}

/* There can be no recording. A timer that ran on would end the process, or the next image: its
 * signal would be taken for the application's. */
static void give_up(struct cp_thread *self)
{
	cp_timer_disarm(self);
	if (cp_itimer_stop())
		cp_shared_close();
	cp_set_phase(CP_OFF);
}

static int adopt(struct cp_thread *self)
{
	if (!cp_change_phase(CP_ASLEEP, CP_BUSY))
		return 0;
	know_yourself(self);
	if (cp_is_homeless() || (cp_state.rec ? begin_anew(self) : begin_late()) != 0) {
		give_up(self);
		return 0;
	}
	cp_state.wiped->pid = cp_state.rec->pid;
	cp_roster_first(self);
	cp_timer_arm(self);
	cp_set_phase(CP_RUNNING);
	return 1;
}

/* A vfork child sees the parent's page and memory, but is another process: it does not record, nor
 * wake its parent. A child of which nobody has told us yet has no number in its page. */
int cp_awake(struct cp_thread *self)
{
	uint32_t phase = cp_phase();
	int32_t pid = cp_state.wiped->pid;

	if (phase == CP_ASLEEP && !pid)
		return adopt(self);
	if (phase == CP_OFF || phase == CP_BUSY || pid != (int32_t)syscall(SYS_getpid))
		return 0;
	if (phase == CP_MOVING)
		return -1;
	return phase == CP_RUNNING || adopt(self);
}

static void wake(const struct cp_apart *apart, void *unused)
{
	(void)unused;
	(void)cp_awake(apart->self);
}

void cp_wake(void)
{
	if (cp_phase() == CP_ASLEEP && !cp_state.rec)
		cp_apart(wake, NULL);
}
