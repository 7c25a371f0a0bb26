/* state.h - what the library knows of its process: the phase, the recording, how to reach home. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/recording.h"

/* Every event asks for the phase first. Zero is what the kernel leaves of the page in a forked
 * child (MADV_WIPEONFORK), however the child was made: it wakes up unrecorded, and its first
 * event, a tick or a sampled allocation, makes it a recording of its own (adopt.c). */
enum cp_phase {
	CP_ASLEEP,  /* a forked child, or an image that just began, not recorded yet */
	CP_OFF,	    /* before the constructor, or staying out */
	CP_RUNNING, /* recorded */
	CP_BUSY,    /* the first recording is being made: events are lost */
	CP_MOVING   /* recorded, but the recording is being exchanged for another (moving.c): events
		     * are lost and counted, ends of blocks and threads are kept until it is there */
};

struct cp_wiped {
	_Atomic uint32_t phase;
	int32_t pid; /* whose page it is, 0 in a new child: one of vfork shares all but the number
		      */
	_Atomic uint64_t scratch; /* a bit for each buffer in use; a child has all of them again */
};

/* All that the kernel wipes in a forked child, in one mapping. */
#define CP_TIMERS (1u << 14)
/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): the room between is on purpose */
struct cp_wiped_pages {
	_Atomic uint32_t inside; /* often written: far from the phase, which is often read */
	_Alignas(128) struct cp_wiped wiped;
	_Alignas(128) _Atomic uint32_t timers[CP_TIMERS]; /* of most, the first page alone */
};

/* Room for one stack's addresses, and for a handler to work in: neither a fiber's stack nor a small
 * alternate one has it. The unwinder needs 5 KiB (measured), adopting and joining 2 KiB. */
#define CP_DEPTH 512
struct cp_scratch {
	uint64_t pcs[CP_DEPTH];
	_Alignas(16) char stack[28 * 1024];
};

/* Who we are, and how to start the uploader; filled by the constructor, read for as long as the
 * process lives. Who has become another user since (phase BUSY) has a name of that user's, too. */
struct cp_home {
	char name[32];	/* the rendezvous, after its NUL byte */
	char elder[32]; /* the first user's rendezvous, where our token is known; or none */
	uint32_t uid;	/* whose name it is */
	char program[1024];
	char env[2048]; /* the uploader's environment: strings, one after another; secrets:
			   elsewhere */
	char *envp[12];
	const struct cp_config *config;
	char argv0[256], cwd[512];
	char cgroup[512];   /* the text of /proc/self/cgroup, cut */
	int foreign_malloc; /* another's stands before ours */
};

#define CP_NO_CLONE 1 /* looked for in vain */

struct cp_state {
	/* by the constructor, before the phase is RUNNING; by a child that adopts itself */
	struct cp_wiped *wiped;
	struct cp_recording *rec;
	_Atomic uint32_t *inside;    /* threads that hold a ticket (thread.h); wiped, too */
	_Atomic uint32_t *timers;    /* number + 1 (timers.h); wiped, too */
	uint32_t filtered;	     /* there was a seccomp filter before us */
	uint32_t small;		     /* address space is scarce: a small recording */
	_Atomic uint32_t locked;     /* new mappings are locked, and so are there, page by page */
	uint64_t own_start, own_end; /* our own code, left out of stacks */
	uint32_t types;		     /* enum cp_types */
	uint32_t sample_labels;	     /* enum cp_labels */
	uint64_t heap_interval;
	uint64_t cpu_period_ns;	     /* 0: no CPU profile */
	uint64_t inherited_control;  /* of the parent's recording, when this process was forked */
	uint64_t tick_room;	     /* what a tick needs of an alternate stack */
	uint32_t cpu_timer;	     /* enum cp_cpu_timer */
	uint64_t entry;		     /* the program's entry point, for the main thread's stack */
	_Atomic uint32_t kept_names; /* of the recording's, so many were there at the beginning */
	_Atomic uint64_t
	    clone; /* the frame that every thread's stack begins with; 0: not met yet */
	struct cp_scratch *scratch; /* CP_SCRATCHES of them */
	int thread_key_made;
	int sees_exit; /* libc will tell us of it, and with which status */
	unsigned thread_key;

	/* by anyone, atomically */
	_Atomic(struct cp_wiped *) quiet; /* the page, while this process keeps quiet (quiet.h) */
	_Atomic uint32_t homeless;	  /* a filter forbids the way to an uploader */
	_Atomic uint32_t itimer_on;	  /* ITIMER_PROF is ours; 2: for rare ticks */
	_Atomic uint32_t itimer_setters;  /* so many set it at this moment ... */
	_Atomic uint32_t itimer_pauses;	  /* ... which nobody may: so many are about to exec */
	_Atomic uint64_t itimer_ns;	  /* its period */
	_Atomic uint32_t turn; /* how often it has begun to tick; grows when it was rare before */
	_Atomic uint32_t itimer_app; /* the application uses ITIMER_PROF: it is not ours to take */
	_Atomic uint32_t leaving;    /* who ends waits on a word of the recording */
	_Atomic uint64_t next_join_ns;	  /* not before: an attempt to find an uploader */
	_Atomic uint64_t next_look_ns;	  /* not before: a look whether ours is dead */
	_Atomic uint64_t joined_ns;	  /* when this file was handed over, if not at the start */
	_Atomic uint64_t next_renewal_ns; /* not before: an attempt to renew the recording */
	_Atomic uint64_t least_tick_ns;	  /* of the ticks that were measured (tick.c) */
};

extern CP_HIDDEN struct cp_state cp_state;
extern struct cp_home cp_home;

static inline uint32_t cp_phase(void)
{
	return atomic_load_explicit(&cp_state.wiped->phase, memory_order_acquire);
}

/* This process, or the one that lent it its memory, has a recording: maybe not this moment's. */
static inline int cp_is_recorded(void)
{
	uint32_t phase = cp_phase();

	return phase == CP_RUNNING || phase == CP_MOVING;
}

static inline int cp_is_homeless(void)
{
	return (int)atomic_load(&cp_state.homeless);
}

/* For who has said something that whoever moves the recording has to see, or has counted himself
 * inside: either he sees MOVING, or he was seen. */
static inline int cp_is_moving(void)
{
	return atomic_load(&cp_state.wiped->phase) == CP_MOVING;
}

static inline int cp_change_phase(uint32_t from, uint32_t to)
{
	return atomic_compare_exchange_strong(&cp_state.wiped->phase, &from, to);
}

static inline void cp_set_phase(uint32_t to)
{
	atomic_store(&cp_state.wiped->phase, to);
}

/* Only one at a time, and not before it is time: the word, one of those above, is moved on. */
static inline int cp_is_time(_Atomic uint64_t *word, uint64_t now, uint64_t next)
{
	uint64_t was = atomic_load_explicit(word, memory_order_relaxed);

	return now >= was && atomic_compare_exchange_strong_explicit(
				 word, &was, next, memory_order_relaxed, memory_order_relaxed);
}

/* Which recording of this image it is; numbers of rows mean that one's. */
static inline uint32_t cp_renewals(void)
{
	return cp_state.rec ? cp_state.rec->renewals : 0;
}

/* Whether what is only memory is still to be counted: ends of blocks and threads. In a quiet
 * process it is; in a child of one it is not. */
static inline int cp_remembers(void)
{
	const struct cp_wiped *quiet;

	if (cp_is_recorded())
		return 1;
	quiet = atomic_load_explicit(&cp_state.quiet, memory_order_acquire);
	return quiet && quiet->pid != 0 && cp_state.rec && cp_state.rec->pid == quiet->pid;
}

/* A buffer for one stack, NULL if all are in use; given back by cp_scratch_give. Runs anywhere. */
#define CP_SCRATCHES 64
struct cp_scratch *cp_scratch_take(void);
void cp_scratch_give(struct cp_scratch **scratch);

/* Private memory that appears as it is touched, by the page: a huge page would be 2 MiB for a word.
 * NULL when there is none. Runs anywhere. */
void *cp_room(size_t size);
/* The same for what the constructor needs, out of one mapping as long as that has room: a mapping
 * each would cost a start 15 us. */
void *cp_room_at_start(size_t size);

/* CLOCK_MONOTONIC in ns. Signal-safe. */
uint64_t cp_now_ns(void);
/* The same by a call: to touch the kernel's clock page for the first time takes a start longer. */
uint64_t cp_now_at_start(void);
