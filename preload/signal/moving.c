/* moving.c - another file under the same address: a copy for a new uploader, or an empty one. */
/* SPDX-License-Identifier: MIT */
#include "signal/moving.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "signal/blocks.h"
#include "signal/join.h"
#include "signal/pulse.h"
#include "signal/recording.h"
#include "signal/roster.h"

#include "signal/law.h"

#define SECOND	 UINT64_C(1000000000)
#define PATIENCE (60 * SECOND) /* between two attempts to move, if the first one failed ... */
#define DOUBLED	 10	       /* ... or so many uploaders, one after another, have died soon */
#define RENEWED	 SECOND	       /* between two renewals, if the last one gave room */
#define CROWDED	 (64 * SECOND) /* if it gave little, again and again */
#define REFUSED	 (10 * SECOND) /* if there was none to be had */
#define RARELY	 100	       /* of the time at most one part in so many renews */
#define YIELDS	 50000
#define MOMENT	 (SECOND / 100) /* for others to leave, when there will be no other moment */

/* By the one thread that moved the phase to MOVING; read by a forked child. */
static struct {
	uint32_t *_Atomic map;
	struct cp_recording *_Atomic fresh; /* mapped elsewhere as yet */
	size_t size, map_size;
	uint64_t interval;
	unsigned deaths; /* of uploaders, each less than PATIENCE after it was found */
} moving;

/* ---- the exchange ---- */

/* Pointers of other threads stay good: what they write to the header while this goes on is written
 * to the one file or the other. */
static int put_in_place(struct cp_recording *new, struct cp_recording *old)
{
	atomic_store_explicit(&moving.fresh, NULL, memory_order_relaxed);
	if (mremap(new, new->size, new->size, MREMAP_MAYMOVE | MREMAP_FIXED, old) == MAP_FAILED) {
		cp_recording_drop(new);
		return -1;
	}
	return 0;
}

/* An empty one of the size of this. */
static struct cp_recording *another(int *fd)
{
	struct cp_recording *new = cp_recording_make(fd);

	if (!new)
		return NULL;
	if (new->size != cp_state.rec->size) {
		cp_recording_drop(new);
		close(*fd);
		return NULL;
	}
	moving.size = new->size;
	atomic_store_explicit(&moving.fresh, new, memory_order_relaxed);
	return new;
}

static void drop(struct cp_recording *new)
{
	atomic_store_explicit(&moving.fresh, NULL, memory_order_relaxed);
	cp_recording_drop(new);
}

/* From here on ends are counted by who sees them. Those who saw MOVING and left word after this has
 * looked for it see that it is over (blocks.c, roster.c). */
static void settle(void)
{
	cp_set_phase(CP_RUNNING);
	cp_blocks_settle();
	cp_roster_settle();
}

/* ---- to another uploader ---- */

/* The same contents in a new file, by who is alone: what others would add to rows between the copy
 * and the exchange would be lost. */
static int move(void)
{
	struct cp_recording *rec = cp_state.rec, *new;
	int fd, failed;

	new = another(&fd);
	if (!new)
		return -1;
	cp_recording_copy(new, rec);
	failed = put_in_place(new, rec) != 0 || cp_join(rec, fd, rec->token) == CP_JOIN_FAILED;
	close(fd);
	return failed ? -1 : 0;
}

/* Others who are inside may have a row's number in hand. Who comes now sees the phase, and leaves
 * the rows alone. */
static int is_alone(void)
{
	return atomic_load(cp_state.inside) == 1;
}

static void set(_Atomic uint64_t *word, uint64_t ns)
{
	atomic_store_explicit(word, ns, memory_order_relaxed);
}

/* Where no uploader lives (the memory of a cgroup is used up), starting one every 3 s, and copying
 * the recording for it, would be a burden: from a sixteenth of a second on it is twice as long each
 * time. */
static uint64_t patience(uint64_t now)
{
	uint64_t came = atomic_load_explicit(&cp_state.joined_ns, memory_order_relaxed);

	moving.deaths = now - came < PATIENCE ? moving.deaths + 1 : 0;
	if (moving.deaths > DOUBLED)
		moving.deaths = DOUBLED;
	return moving.deaths == DOUBLED ? PATIENCE : (SECOND / 32 << moving.deaths) - SECOND / 32;
}

/* 0: others are inside, and it may be tried again. Who forbids the way home waits for the phase, so
 * it is asked of again under it, as before a renewal. */
static int go(uint64_t now)
{
	int alone;

	if (!cp_is_time(&cp_state.next_join_ns, now, now + PATIENCE) ||
	    !cp_change_phase(CP_RUNNING, CP_MOVING))
		return 1;
	alone = is_alone();
	if (!alone) {
		set(&cp_state.next_join_ns, now);
	} else if (!cp_is_homeless() && move() == 0) {
		set(&cp_state.next_join_ns, now + patience(now));
		set(&cp_state.joined_ns, now);
	}
	settle();
	return alone;
}

static void move_if_silent(uint64_t now)
{
	if (CP_LIKELY(cp_pulse_stillness(now) <= CP_PULSE_STILL) || cp_is_homeless() ||
	    !is_alone() ||
	    now < atomic_load_explicit(&cp_state.next_join_ns, memory_order_relaxed) ||
	    !cp_pulse_is_dead(now))
		return;
	set(&cp_state.next_look_ns, now);
	go(now);
}

/* Who has become quiet since the caller looked (quiet.c) may make no call any more. */
void cp_moving_end(void)
{
	uint64_t began = cp_now_ns(), now = began;

	if (cp_phase() != CP_RUNNING || cp_is_homeless() || !cp_pulse_has_stopped(now))
		return;
	while ((!is_alone() || !go(now)) && now - began < MOMENT) {
		syscall(SYS_sched_yield);
		now = cp_now_ns();
	}
}

/* ---- to an empty one ---- */

/* The same image, its modules, its threads, its live blocks. */
static int fill(struct cp_recording *new, struct cp_recording *old)
{
	uint32_t *map;

	moving.map_size = old->rows.max * sizeof *map;
	map = cp_room(moving.map_size);
	if (!map)
		return -1;
	cp_recording_inherit(new, old);
	new->renewals = old->renewals + 1;
	new->start_realtime_ns = old->start_realtime_ns;
	new->start_monotonic_ns = old->start_monotonic_ns;
	new->measured = old->measured;
	new->took_ns = old->took_ns;
	cp_roster_copy(new, old, map);
	cp_blocks_copy(new, old, map);
	cp_recording_keep(new);
	atomic_store_explicit(&moving.map, map, memory_order_release);
	return 0;
}

static void forget_map(void)
{
	uint32_t *map = atomic_exchange_explicit(&moving.map, NULL, memory_order_relaxed);

	if (map)
		munmap(map, moving.map_size);
}

/* The uploader is there and hears of the new one as soon as nobody writes to the old one any more:
 * then it takes the rest of that. */
static int hand_over(struct cp_recording *new, int fd)
{
	struct cp_recording *rec = cp_state.rec;
	int sock = cp_join_reach();

	if (sock < 0) {
		drop(new);
		return -1;
	}
	if (put_in_place(new, rec) != 0) {
		close(sock);
		return -1;
	}
	cp_blocks_turn(atomic_load_explicit(&moving.map, memory_order_relaxed));
	cp_join_over(sock, rec, fd);
	close(sock);
	return 0;
}

static int renew(void)
{
	struct cp_recording *new;
	int fd, failed;

	new = another(&fd);
	if (!new)
		return -1;
	failed = fill(new, cp_state.rec);
	if (failed)
		drop(new);
	else
		failed = hand_over(new, fd);
	close(fd);
	forget_map();
	return failed;
}

/* Most of it alive: little was won, and the next one would be full as soon. */
static uint64_t interval(void)
{
	const struct cp_recording *rec = cp_state.rec;
	int crowded = rec->kept_rows > rec->rows.max / 2 ||
		      rec->kept_frames > rec->frames.max / 2 ||
		      cp_state.kept_names > rec->names.max / 2;

	if (!crowded)
		moving.interval = RENEWED;
	else
		moving.interval =
		    moving.interval < CROWDED / 2 ? 2 * moving.interval + RENEWED : CROWDED;
	return moving.interval;
}

static void renew_if_may(uint64_t now)
{
	uint64_t next, took;

	if (now < atomic_load_explicit(&cp_state.next_renewal_ns, memory_order_relaxed) ||
	    cp_is_homeless() || atomic_load(&cp_state.leaving) || !cp_pulse_is_read(now) ||
	    !is_alone() || !cp_change_phase(CP_RUNNING, CP_MOVING))
		return;
	if (is_alone() && !cp_is_homeless() && !atomic_load(&cp_state.leaving)) {
		next = renew() == 0 ? interval() : REFUSED;
		took = cp_now_ns() - now;
		next = next > took * RARELY ? next : took * RARELY;
		atomic_store_explicit(&cp_state.next_renewal_ns, now + next, memory_order_relaxed);
		/* nobody has had the time to look at it */
		set(&cp_state.joined_ns, now);
	}
	settle();
}

void cp_moving_look(void)
{
	uint64_t now = cp_now_ns();

	move_if_silent(now);
	if (CP_UNLIKELY(cp_recording_is_full(cp_state.rec)))
		renew_if_may(now);
}

/* ---- and those who need it to stay ---- */

void cp_moving_wait(void)
{
	for (int i = 0; i < YIELDS && cp_is_moving(); i++)
		syscall(SYS_sched_yield);
}

void cp_moving_stop(void)
{
	atomic_store(&cp_state.leaving, 1);
	cp_moving_wait();
}

uint32_t *cp_moving_map(void)
{
	return atomic_load_explicit(&moving.map, memory_order_relaxed);
}

void cp_moving_forked(void)
{
	struct cp_recording *fresh =
	    atomic_exchange_explicit(&moving.fresh, NULL, memory_order_relaxed);

	forget_map();
	if (fresh)
		munmap(fresh, moving.size);
}
