/* image.h - an image of the library of symbols, for the files that share its work. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/lookup.h"
#include "encoder/symbols.h"

/* Most programs map fewer than 64 files; each costs descriptors, mappings and tables. */
#define CP_DESKS   64
#define CP_BUCKETS 1024u
/* How often as long as CPU time it may take by the clock: disks are slow, machines busy. */
#define CP_WAITING 4

struct cp_image {
	struct cp_image *next; /* in its bucket */
	struct cp_symbols *symbols;
	struct cp_module_id id; /* the asker's */
	uint64_t used;		/* when: a count of questions */
	uint64_t opened;	/* the same, when the files were last asked */
	uint64_t rested_ns;	/* the last rest before which they were asked */
	pid_t pid;		/* with whose help it was looked for */
	bool tried, has_names, has_lines;
	bool told;		 /* what is wrong with the files */
	bool lacking;		 /* a debug file was looked for in vain, */
	bool damaged;		 /* a file was cut while it was read: nothing is asked of it */
	uint32_t turn;		 /* when the files were opened */
	uint32_t arrivals;	 /* when so much had come */
	struct cp_lookup *files; /* NULL: closed */
	struct cp_answers answers;
	size_t bytes;	   /* of the answers */
	size_t open_bytes; /* of the files */
	size_t key_len;
	uint8_t key[];
};

struct cp_symbols {
	struct cp_image *buckets[CP_BUCKETS];
	struct cp_image *desks[CP_DESKS]; /* those whose files are open */
	struct cp_line shown[CP_INLINES_MAX];
	uint64_t questions;
	uint64_t rested;	    /* how many there had been at the last rest */
	size_t open_bytes;	    /* of all desks */
	uint64_t ns_max, cpu_ns;    /* CPU time in this turn */
	uint64_t ns_brief;	    /* at most that, however; 0: as set */
	uint64_t spent_ns, said_ns; /* by the clock */
	uint32_t turn, put_off;
	struct cp_search search;
	struct cp_scratches scratches;
	struct cp_symbols_status is; /* any thread may read it, word by word */
};

/* NOLINTNEXTLINE(readability-non-const-parameter): the builtin writes it */
static inline void cp_tally(uint64_t *word, int64_t n)
{
	/* relaxed: one thread writes, others only want to know */
	__atomic_store_n(word, __atomic_load_n(word, __ATOMIC_RELAXED) + (uint64_t)n,
			 __ATOMIC_RELAXED);
}

/* What may be spent in this turn. */
static inline uint64_t cp_symbols_time(const struct cp_symbols *symbols)
{
	/* relaxed: it is set for the turns that follow */
	uint64_t set = __atomic_load_n(&symbols->ns_max, __ATOMIC_RELAXED);
	return symbols->ns_brief && symbols->ns_brief < set ? symbols->ns_brief : set;
}

/* desks.c */
/* Opens the image's files if they are not; false when memory is out. */
bool cp_desk_open(struct cp_image *image);
void cp_desk_close(struct cp_image *image);
/* After its files were asked: whether they are still whole, and what all that is open takes; others
 * are closed when it is too much. */
void cp_desk_weigh(struct cp_image *image);
void cp_desks_rest(struct cp_symbols *symbols, uint64_t now_ns);
