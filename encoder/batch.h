/* batch.h - what one program did in one period: stacks of places, with sums. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

#include "encoder/encoder.h"
#include "encoder/intern.h"

#define CP_PATH_LEN 4096u

/* Above all user addresses of x86-64 and aarch64, so that no real segment lies there. */
#define CP_ROOM_START (UINT64_C(1) << 57)

/* A mapped segment, the same for all processes that mapped it: it lies where the first of them had
 * it, or elsewhere when that room was taken by another segment. */
struct cp_mapping {
	const char *path;
	uint8_t build_id[36];
	uint32_t build_id_len;
	bool is_main; /* the program itself */
	bool is_ours; /* the library that recorded it */
	uint64_t start, end, file_offset;
	uint64_t bias; /* address here minus the ELF's own */
	/* someone who has it mapped, or had: where to look for the file */
	pid_t pid;
	uint64_t seen_at; /* its start there */
	struct cp_origin *origin;
};

/* Where a frame is: an address of a mapping, code that was made at run time and lies in none, or
 * one of our own words. Of code with a name there is one place, wherever it lies. */
struct cp_place {
	uint32_t mapping; /* CP_NONE: none */
	uint32_t word;	  /* enum cp_word, CP_WORD_CODE + its name's number; 0: neither */
	uint64_t address;
};

/* Frames that never ran: functions that stand for what could not be recorded. */
enum cp_word {
	CP_WORD_NONE,
	CP_WORD_TRUNCATED,
	CP_WORD_ENDED_EARLY,
	CP_WORD_NO_FRAMES,
	CP_WORD_LOST,				     /* + cause */
	CP_WORD_GAP = CP_WORD_LOST + CP_LOSSES,	     /* + k: 2^k frames or more are left out */
	CP_WORD_NOTE = CP_WORD_GAP + CP_GAP_MAX + 1, /* + enum cp_note */
	CP_WORDS = CP_WORD_NOTE + CP_NOTES,
	CP_WORD_CODE = 1 << 16 /* + number in cp_batch.codes */
};
const char *cp_word_text(uint32_t word);

/* ---- ticks.c: what a tick itself takes of its thread's CPU time, in this recording, in ns ---- */
uint64_t cp_batch_tick_ns(const struct cp_batch *batch, struct cp_recording *shared);

/* CPU: periods, nanoseconds. Heap: allocated objects (fixed point) and bytes, then those in use.
 * Threads: living ones. */
#define CP_SUMS 4
struct cp_sums {
	uint64_t n[CP_SUMS];
	uint32_t rest[CP_SUMS]; /* of objects: what is rounded down with them, modulo one object */
};

static inline bool cp_is_nothing(const struct cp_sums *sums)
{
	return !(sums->n[0] | sums->n[1] | sums->n[2] | sums->n[3]);
}

static inline void cp_leave_alive(enum cp_kind kind, struct cp_sums *sums)
{
	if (kind == CP_KIND_HEAP)
		sums->n[2] = sums->n[3] = 0;
	if (kind == CP_KIND_THREAD)
		sums->n[0] = 0;
}

/* What is new stays for a later take; what is alive is told all the same. */
static inline void cp_leave_new(enum cp_kind kind, struct cp_sums *sums)
{
	if (kind != CP_KIND_THREAD)
		sums->n[0] = 0;
	sums->n[1] = 0;
}

/* Objects in fixed point as a whole number. Each row's rest is one of 1024 that follow each other
 * evenly over rows and processes, plus what earlier periods left of it: so a row's periods add up
 * to within one object, and many rows with the same fraction, as a sample of 1.58 objects each, are
 * not all rounded the same way. */
static inline uint64_t cp_objects(uint64_t fixed, uint32_t rest)
{
	return fixed / CP_OBJECT_ONE +
	       (fixed % CP_OBJECT_ONE + rest % CP_OBJECT_ONE) / CP_OBJECT_ONE;
}

/* What the rows of a profile add up to: all that have a stack; of them those with frames left out,
 * and those that ended early; what has none; and what has one, but no thread to go with it. */
enum cp_part { CP_PART_ALL, CP_PART_DEEP, CP_PART_EARLY, CP_PART_LOST, CP_PART_NOBODY, CP_PARTS };

/* A thread, or all that are called alike: what its samples say of it. Whole, it is a key. */
struct cp_who {
	int32_t tid;   /* 0: not said */
	char name[20]; /* ends with NUL; clean; empty: not said */
};

/* Stacks are numbered by their key: words of 32 bits, first the pid (0: not said) and who, + 1 (0:
 * nobody), then the places, leaf first. Their value is a struct cp_sums. */
#define CP_STACK_HEAD 2u
struct cp_batch {
	struct cp_symbols *symbols;
	struct cp_intern mappings; /* struct cp_mapping */
	struct cp_intern places;   /* struct cp_place */
	struct cp_intern codes;	   /* names as they were written; value: an address, uint64_t */
	struct cp_perfmap_counts code_counts;
	struct cp_intern whos; /* struct cp_who */
	struct cp_intern stacks[CP_PROFILES];
	struct cp_arena texts;
	uint64_t lost[CP_KINDS][CP_LOSSES];
	uint64_t samples[CP_PROFILES][CP_PARTS];
	struct cp_sums weights[CP_PROFILES][CP_PARTS];
	uint64_t period[CP_PROFILES]; /* ns for CPU, bytes for heap */
	uint64_t signal_ns, clock_ns; /* cp_batch_signals */
	uint64_t tick_ns;	      /* what the last recording's ticks took on average */
	uint32_t recordings, damaged_rows;
	uint32_t crowded_rows;			    /* for which this batch had no room */
	uint32_t silenced[CP_SILENCED_BY_LOCK + 1]; /* recordings, by enum cp_silence */
	uint32_t foreign_mallocs; /* recordings whose program finds another's malloc first */
	const char *remark;	  /* for the comments; NULL: none */
	uint64_t stopped_ns;	  /* nothing was sampled */
	uint32_t stopped;	  /* recordings that are not sampled now: somebody asked for it */
	unsigned has;		  /* CP_BIT of each profile that some recording had switched on */
	bool together;		  /* taken with CP_TAKE_TOGETHER */
	uint32_t stacks_max;	  /* of more than one frame, of each profile; */
	uint64_t bytes_max;	  /* what they may take */
	enum cp_show show;
	enum cp_demangling how; /* names are wanted, by the last recording */
	uint64_t next_free;	/* room for segments whose own is taken */
};

/* together.c: what objects are rounded with follows from the stack alone. */
void cp_batch_settle_rests(struct cp_batch *batch, enum cp_profile profile);

/* What this recording is one more of; how long its CPU periods are. */
uint64_t cp_batch_note(struct cp_batch *batch, struct cp_recording *shared, unsigned profiles);

/* Numbers, or CP_NONE when memory is out or a cap is reached. */
uint32_t cp_batch_word(struct cp_batch *batch, uint32_t word);
uint32_t cp_batch_place(struct cp_batch *batch, uint32_t mapping, uint64_t address);
uint32_t cp_batch_code(struct cp_batch *batch, const char *name, uint64_t start);
/* Of a segment that is new here, settled: its own place if that is free, else one above all. */
void cp_batch_settle(struct cp_batch *batch, struct cp_mapping *mapping, uint64_t start,
		     uint64_t end, uint64_t bias);
struct cp_sums *cp_batch_sums(struct cp_batch *batch, enum cp_profile profile,
			      const uint32_t *stack, size_t words);

/* A stack's CPU time is what its ticks stand for, less what they themselves took: that is ours. */
uint64_t cp_batch_take_out(const struct cp_batch *batch, enum cp_kind kind, uint64_t ticks,
			   struct cp_sums *sums);

/* ---- coverage.c: what is said of the whole profile ---- */
void cp_cover_part(struct cp_batch *batch, enum cp_profile profile, enum cp_part part,
		   uint64_t samples, const struct cp_sums *sums);
/* A row with these flags adds this. */
void cp_cover_row(struct cp_batch *batch, enum cp_profile profile, unsigned flags, uint64_t samples,
		  const struct cp_sums *sums);
/* How many allocations were sampled since these marks, which are moved. */
void cp_cover_hits(struct cp_batch *batch, const struct cp_view *view, uint64_t *marks);

/* ---- places.c: addresses of one recording ---- */
struct cp_seen_module;
struct cp_places {
	struct cp_batch *batch;
	const struct cp_view *view;
	pid_t pid;
	char exe[1024];
	struct cp_seen_module *modules; /* by start */
	uint32_t count;
	struct cp_intern known;		 /* address and epoch; value: a place's number */
	struct cp_perfmap_counts before; /* of the process's names, when this was opened */
};
int cp_places_open(struct cp_places *places, struct cp_batch *batch, const struct cp_view *view,
		   pid_t pid);
void cp_places_close(struct cp_places *places);
uint32_t cp_places_find(struct cp_places *places, uint64_t address, uint32_t epoch);
/* Whether the place lies in the recording library itself. */
bool cp_places_is_ours(const struct cp_places *places, uint32_t place);

/* ---- who.c: threads of one recording ---- */
struct cp_whos {
	struct cp_batch *batch;
	const struct cp_view *view;
	uint32_t labels;   /* enum cp_labels: what its samples are to say */
	pid_t pid;	   /* where its threads' names are found now; 0: nowhere */
	uint32_t *numbers; /* by slot: in batch->whos, + 1; 0: not looked at */
	uint32_t slots;
	struct cp_living *living; /* by row */
	uint32_t count;
};
int cp_whos_open(struct cp_whos *whos, struct cp_batch *batch, const struct cp_view *view,
		 pid_t pid, unsigned profiles);
void cp_whos_close(struct cp_whos *whos);
/* Counts these as nobody's, if they are and should be somebody's. */
void cp_whos_note(struct cp_whos *whos, enum cp_profile profile, uint32_t who, uint64_t samples,
		  const struct cp_sums *sums);
/* The number, + 1, of a row's who; 0: nobody. */
uint32_t cp_whos_find(struct cp_whos *whos, uint32_t who);
/* The living threads that were created by this row's stack, one by one, from 0 on; 0: no more. */
uint32_t cp_whos_living(struct cp_whos *whos, uint32_t row, uint32_t nth);
