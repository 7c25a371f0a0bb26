/* recording.h - the one page both programs share: what a target records, where, and who may write.
 *
 * A recording is a sealed memfd: a header, then tables. Imagine a ledger: each distinct stack has a
 * row, and events only ever add to the counters of a row. Nothing is taken back, reset or
 * acknowledged, so a reader needs no lock and no co-operation, and the target may be dead.
 *
 * Rules for writers (the target)
 *  - Tables are filled from the front; entry i is complete when its last-written word is set with
 *    release order (row: kind; module: ready; thread: state; name: head). *_used may run ahead of
 * complete entries and past *_max when a table is full: a reader clamps it and skips unfinished
 * entries.
 *  - Counters are added to with relaxed atomics. Of a block's life, CP_ALLOC_* is added before
 *    CP_FREED_*.
 * Rules for readers (the uploader)
 *  - A recording is hostile input: check every offset, count and string against the file's size.
 *  - Read CP_FREED_* before CP_ALLOC_* and CP_INHERITED_*, CP_THREADS_ENDED before CP_THREADS_MADE:
 *    then a difference is never negative but by damage; clamp it at 0.
 *  - Only the last group of the header and the tables of marks and moves may be written by the
 *    uploader.
 */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

#include "base/config.h"

#define CP_MAGIC UINT64_C(0x31464f5250434e43)
#define CP_ABI	 8u

/* What a row counts. Kind is the last word written of a row. */
enum cp_kind { CP_KIND_NONE, CP_KIND_CPU, CP_KIND_HEAP, CP_KIND_THREAD, CP_KINDS };

/* The six counters of a row, by kind. Heap counters are unbiased estimates: a sampled block of
 * `size` bytes stands for w = 1/(1-exp(-(size+1)/heap_interval)) objects (base/draw.h says why) and
 * w*size bytes. Objects are fixed point (CP_OBJECT_ONE is one object), so that rounding does not
 * bias them. */
enum { CP_CPU_NS, CP_CPU_SAMPLES }; /* CPU time: what the samples weigh, with overruns */
enum {
	CP_ALLOC_OBJECTS,
	CP_ALLOC_BYTES,
	CP_FREED_OBJECTS,
	CP_FREED_BYTES,
	CP_INHERITED_OBJECTS, /* alive when this recording began: live, but not its allocations */
	CP_INHERITED_BYTES
};
enum { CP_THREADS_MADE, CP_THREADS_ENDED };
#define CP_COUNTERS   6
#define CP_OBJECT_ONE 1024u

/* Why a sample has no row of its own. Its weight is kept in lost[kind][cause]. */
enum cp_loss {
	CP_LOST_BUSY,	    /* the event came while this thread was already in our code */
	CP_LOST_STACK_ROOM, /* too little of an alternate stack left to get off it */
	CP_LOST_UNWIND,	    /* the unwinder gave no frame at all */
	CP_LOST_ROWS,	    /* the table of stacks was full */
	CP_LOST_FRAMES,	    /* the pool of frames was full */
	CP_LOST_LIVE, /* heap: counted as allocated and freed; the table of live blocks was full */
	CP_LOST_PAUSED, /* the recording was being exchanged for another */
	CP_LOSSES
};

struct cp_counts {
	_Atomic uint64_t n[CP_COUNTERS];
};

/* How a row's stack was walked. TRUNCATED: it was too deep, and the root's part is missing. GAP:
 * too deep as well, but both ends are there. ENDED_EARLY: the walk found no caller of the last
 * frame, though nothing said that it has none: the stack goes on, nobody knows where. Neither of
 * the first and the last: the root was reached. */
enum { CP_ROW_TRUNCATED = 1, CP_ROW_LEAF_IS_PC = 2, CP_ROW_ENDED_EARLY = 4, CP_ROW_GAP = 8 };

/* In a stack that was too deep: instead of an address, its lower bits k say that 2^k frames or more
 * are left out here, between the leaf's part and the root's. Not exactly how many: a recursion
 * would have a stack of its own at each depth. */
#define CP_FRAME_GAP UINT64_C(0xffffff0000000000)
#define CP_GAP_MAX   16 /* deeper stacks have no root's part */

/* Stacks share their root's part: instead of an address, this and a number: the next frame and all
 * after it stand from there on, where another stack wrote them. A link leads to no link. */
#define CP_FRAME_LINK UINT64_C(0xfffffe0000000000)

static inline int cp_is_link(uint64_t word)
{
	return word >= CP_FRAME_LINK && word < CP_FRAME_GAP;
}

/* At a CPU stack's leaf: instead of an address, its lower bits say what this time is that no tick
 * has seen (doc/why/013). What follows is where the thread began. */
#define CP_FRAME_NOTE UINT64_C(0xfffffd0000000000)
enum cp_note {
	CP_NOTE_REST,  /* it was due when the thread ended, but the kernel had not looked yet */
	CP_NOTE_TICKS, /* what the ticks themselves took: the reader's, in no row */
	CP_NOTES
};

static inline int cp_is_note(uint64_t word)
{
	return word >= CP_FRAME_NOTE && word < CP_FRAME_LINK;
}

/* A distinct stack: depth addresses, leaf first, from frames[frames_at] on (links not counted).
 * Without CP_ROW_LEAF_IS_PC all are return addresses; with it, the first is an interrupted pc. */
struct cp_row {
	uint64_t hash;
	uint32_t frames_at;
	uint16_t depth;
	uint8_t flags;
	_Atomic uint8_t kind; /* last, with release */
	struct cp_counts counts;
};

/* An executable segment that is or was mapped. A module belongs to a row if
 * epoch_from <= row's epoch <= epoch_to. (Each row's frames are preceded by one word: the lower
 * half of frames[frames_at - 1] is the row's epoch, the upper half says who.) The epoch grows only
 * when other code comes to lie where unloaded code was, so it is nearly always 0. */
struct cp_module {
	uint64_t start, end;  /* page aligned, in the target */
	uint64_t file_offset; /* of start, page aligned */
	uint64_t bias;	      /* run-time address minus the ELF's own (l_addr) */
	uint32_t path_at;     /* in strings; absolute path or "[vdso]" */
	uint32_t epoch_from;
	_Atomic uint32_t epoch_to; /* UINT32_MAX while loaded */
	_Atomic uint32_t ready;	   /* 1: complete; last, with release */
	uint32_t build_id_len;	   /* 0 when there is none */
	uint8_t build_id[36];
};

/* Whose a row is, where samples are to be told apart by thread: the number of a slot in threads, +
 * 1 (CPU: its own thread, named at last), or of a name, + 1, and this bit (heap: what the thread
 * was called; CPU: likewise, where there is no slot). 0: nobody's. */
#define CP_WHO_NAME 0x80000000u

/* A thread's name, as prctl(PR_GET_NAME) gives it; none is empty. Each once, or now and then twice.
 */
struct cp_name {
	_Atomic uint64_t head; /* its first eight bytes; last, with release */
	uint64_t tail;
};

enum cp_thread_state { CP_THREAD_FREE, CP_THREAD_CLAIMED, CP_THREAD_ALIVE, CP_THREAD_ENDED };
#define CP_THREAD_STATE 3u /* of its word; beside CP_THREAD_ENDED stands takes_begun at the end */

/* A slot is used again when its thread has ended; if a row is its, when that row has been taken
 * since: when a take that began after the end is done. */
struct cp_thread_slot {
	int32_t tid;
	uint32_t row; /* creation stack: its number; UINT32_MAX when it was lost */
	_Atomic uint32_t state;
	_Atomic uint32_t name; /* number + 1 of the last one seen; 0: none */
};

static inline uint32_t cp_thread_ended(uint32_t takes_begun)
{
	return takes_begun << 2 | CP_THREAD_ENDED;
}

static inline int cp_thread_is_over(uint32_t state, uint32_t takes_done)
{
	return (state & CP_THREAD_STATE) == CP_THREAD_ENDED &&
	       (int32_t)((takes_done << 2 | CP_THREAD_ENDED) - state) > 0;
}

/* What the uploader has already taken of a row: [0] and [1] of its counters. Marks stand still
 * until what was taken is safe whatever happens to the uploader: until then it stands in the moves
 * what they will be, and in the header whether they may. The next uploader goes on from there
 * (doc/why/026). */
struct cp_mark {
	uint64_t n[2];
};

/* A mark as it will be: of a row by its number, of a loss, or n[0] of a kind of hits. */
struct cp_move {
	uint32_t what;
	uint32_t reserved;
	struct cp_mark to;
};
#define CP_MOVE_LOST  0x80000000u /* + CP_LOSSES * kind + cause */
#define CP_MOVE_HITS  0xc0000000u
#define CP_MOVES_MORE (CP_KINDS * CP_LOSSES + CP_HITS_WORDS) /* than rows have */

/* NONE: marks and moves are done with. TAKEN: the moves are written; what was taken is in the
 * uploader's memory, or anywhere. SAFE: it is where it outlives the uploader: the marks may move.
 */
enum cp_film_state { CP_FILM_NONE, CP_FILM_TAKEN, CP_FILM_SAFE };
#define CP_FILM_STEM 224

/* How many allocations were sampled: rows and losses of CP_KIND_HEAP know only what they weigh. */
enum cp_hits {
	CP_HITS,      /* all of them */
	CP_HITS_DEEP, /* CP_ROW_TRUNCATED or CP_ROW_GAP */
	CP_HITS_EARLY,
	CP_HITS_LOST, /* + cause: without a row. Of CP_LOST_LIVE: with one, but not followed */
	CP_HITS_WORDS = CP_HITS_LOST + CP_LOSSES
};

/* How the target's image ended, as far as it could say so itself. Beside CP_ENDED_EXIT stands the
 * status that exit() was given. */
enum cp_ended { CP_RUNNING_ON, CP_ENDED_EXEC, CP_ENDED_EXIT, CP_ENDED_HOW = 0xff };

static inline uint32_t cp_ended_exit(int status)
{
	return CP_ENDED_EXIT | 0x100u | (uint32_t)(status & 0xff) << 16;
}

/* -1: it did not say that it exits, or not with what. */
static inline int cp_ended_status(uint32_t ended)
{
	int says = (ended & CP_ENDED_HOW) == CP_ENDED_EXIT && ended & 0x100u;

	return says ? (int)(ended >> 16 & 0xff) : -1;
}

/* Why a living process records no more. */
enum cp_silence { CP_NOT_SILENCED, CP_SILENCED_BY_FILTER, CP_SILENCED_BY_LOCK };

/* heartbeat values that are no time */
#define CP_HEARTBEAT_NEVER 0	      /* nobody has mapped it yet */
#define CP_HEARTBEAT_LEFT  UINT64_MAX /* the uploader left on purpose: do not start another */

struct cp_table {
	uint64_t at; /* offset from the header, multiple of 64 */
	uint64_t max;
};

struct cp_recording {
	/* once, by the target, before it is handed over */
	uint64_t magic;
	uint32_t abi;
	uint32_t header_size;
	uint64_t size;
	int32_t pid; /* as the target sees itself */
	uint32_t uid;
	uint64_t start_realtime_ns;
	uint64_t start_monotonic_ns;
	uint64_t cpu_period_ns;	 /* 0: CPU not recorded */
	uint64_t heap_interval;	 /* 0: heap not recorded */
	uint8_t token[16];	 /* proves that a forked child with another uid is family */
	uint32_t is_fork;	 /* 1: a forked child's; it has the image of its parent */
	uint32_t foreign_malloc; /* 1: another's stands before ours: what it keeps is not seen */
	uint32_t renewals; /* how many of this image's recordings were full before (doc/why/021) */
	uint32_t kept_threads; /* of the rows, the first so many are those of living threads ... */
	uint32_t kept_rows;    /* ... and so many were there at the beginning: what was alive */
	uint32_t kept_frames;
	struct cp_table strings; /* bytes */
	struct cp_table modules; /* struct cp_module */
	struct cp_table threads; /* struct cp_thread_slot */
	struct cp_table rows;	 /* struct cp_row */
	struct cp_table index;	/* uint64_t: hash's upper half | row number + 1; the target's own */
	struct cp_table rests;	/* uint32_t: places in frames, by hash; the target's own */
	struct cp_table frames; /* uint64_t */
	struct cp_table marks;	/* struct cp_mark, by row number */
	struct cp_table moves;	/* struct cp_move, the uploader's own */
	struct cp_table names;	/* struct cp_name */
	char exe[1024];		/* absolute path of the program */
	char argv0[256];
	char cwd[512];
	char cgroup[512]; /* the text of /proc/self/cgroup, cut */
	struct cp_config config;

	/* by the target, growing */
	_Atomic uint32_t strings_used;
	_Atomic uint32_t modules_used;
	_Atomic uint32_t threads_used;
	_Atomic uint32_t names_used;
	_Atomic uint32_t rows_used;
	_Atomic uint32_t frames_used;
	_Atomic uint32_t epoch;
	_Atomic uint32_t ended;	   /* enum cp_ended, cp_ended_exit() */
	_Atomic uint32_t silenced; /* enum cp_silence */
	_Atomic uint32_t rules;	   /* bytes that the unwinder's cache of rules may touch now */
	_Atomic uint64_t measured; /* signals of which our handler took the time, one of many */
	_Atomic uint64_t took_ns;  /* CPU time that it spent on those, with one look at the clock */
	_Atomic uint64_t hits[CP_HITS_WORDS];
	struct cp_counts lost[CP_KINDS][CP_LOSSES];

	/* by the uploader */
	_Atomic uint64_t heartbeat_ns; /* CLOCK_MONOTONIC, written every second */
	_Atomic uint64_t control;      /* what is wanted just now (base/control.h) */
	_Atomic uint32_t delivered;    /* futex word: 1 when the last profile is out or spooled */
	_Atomic uint32_t uploader_pid; /* 0: nobody has it yet, or in another pid namespace */
	_Atomic uint32_t takes_begun;  /* of CPU rows; see struct cp_thread_slot */
	_Atomic uint32_t takes_done;
	struct cp_mark lost_marks[CP_KINDS][CP_LOSSES];
	uint64_t hits_marks[CP_HITS_WORDS];
	_Atomic uint32_t film; /* enum cp_film_state, after all that follows */
	uint32_t film_moves;
	uint32_t film_take;	      /* takes_done when they are done */
	char film_stem[CP_FILM_STEM]; /* the name under which it will be safe */
};

/* The hello of a process that sleeps until its first event: a datagram, with the kernel's word on
 * who sent it. */
struct cp_hello {
	uint64_t magic; /* CP_MAGIC */
	uint32_t abi;
	uint32_t reserved;
	uint64_t start_monotonic_ns;
};
/* Behind the rendezvous' name; then a letter from 'a' on for the other lines. The kernel keeps ten
 * datagrams in a line (net.unix.max_dgram_qlen), and on a busy machine more programs start than
 * that before the uploader has its turn: who finds one full takes the next. */
#define CP_HELLO_MARK  "+"
#define CP_HELLO_LINES 16

/* The join message: sent on a SOCK_SEQPACKET unix socket with the memfd as SCM_RIGHTS. */
struct cp_join {
	uint64_t magic; /* CP_MAGIC */
	uint32_t abi;
	int32_t pid;
	uint8_t token[16]; /* the parent's recording's, when is_fork; else this recording's */
};
