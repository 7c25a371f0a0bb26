/* program.h - one program of a family: all processes of one executable with one set of settings,
 * which share a period and an upload. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/encoding.h"
#include "uploader/member.h"
#include "uploader/pause.h"
#include "uploader/schedule.h"

#define CP_ENDED_KEPT 64

struct cp_program {
	struct cp_program *next;
	uint64_t id;
	struct cp_config config;
	char exe[1024];
	char cwd[512];
	char service[256]; /* the program's name */
	char runtime_id[37];
	struct cp_schedule schedule;
	struct cp_pause pause;
	struct cp_symbols *symbols; /* the family's */
	struct cp_batch *batch;
	struct cp_batch *past; /* alloc_* of those that are over, if somebody listens; or NULL */
	struct cp_coverage coverage[CP_PROFILES]; /* of the last upload */
	unsigned taken;				  /* snapshots in the batch */
	int64_t taken_ns; /* realtime of the last one: the end of the batch */
	uint64_t taken_mono_ns;
	uint64_t seq;
	uint64_t making;	    /* the ticket of the last film, */
	struct cp_custody *custody; /* and whether it is safe */
	int wanted;		    /* its period shall end as soon as that is made */
	int64_t start_ns;	    /* realtime, of the period */
	uint64_t heap_ns;	    /* monotonic, of the last heap profile; 0: none yet */
	pid_t pid;		    /* the process the upload is named after */
	int several;		    /* other processes are in the batch, too */
	struct cp_endings endings;  /* of those that ended in the period */
	uint64_t signals;	    /* ends by a signal, ever */
	uint64_t at_once_ns;	    /* monotonic: when the last end went out by itself; 0: never */
	unsigned living;	    /* its members */
	/* who ended lately and with which upload it left, for `conprof run` and people */
	struct {
		pid_t pid;
		uint64_t ticket; /* 0: not yet */
		struct cp_ending ending;
	} ended[CP_ENDED_KEPT];
	unsigned ended_count;
};

/* config: as cp_member_config makes it. NULL when out of memory. */
struct cp_program *cp_program_new(uint64_t id, struct cp_symbols *symbols,
				  const struct cp_recording *header,
				  const struct cp_config *config);
void cp_program_free(struct cp_program *program);
/* Whether a recording with these settings is of this program. */
int cp_program_is(const struct cp_program *program, const struct cp_recording *header,
		  const struct cp_config *config);
/* An empty one; NULL when out of memory. */
struct cp_batch *cp_program_batch(struct cp_symbols *symbols);
/* A snapshot of one member into the pending batch. how: 0, CP_TAKE_OVER, or CP_TAKE_REST. */
void cp_program_take(struct cp_program *program, struct cp_member *member, struct cp_log *log,
		     unsigned how);
/* Who ended how, for people, and with which upload it left; 0: not yet. */
void cp_program_note_end(struct cp_program *program, pid_t pid, const struct cp_ending *ending,
			 uint64_t ticket);
/* The last snapshot of a process that is over, as a film of its own: what it did since the last
 * period's end, with a stem and tags that name it. NULL when out of memory. */
struct cp_film *cp_program_close_member(struct cp_program *program, struct cp_member *member,
					const struct cp_ending *ending, struct cp_log *log,
					uint64_t dropped);
/* The pending batch, to be made into a parcel; NULL when there is nothing in it (or no memory,
 * which is logged). Then the next period has begun. */
struct cp_film *cp_program_close_period(struct cp_program *program, struct cp_log *log,
					uint64_t dropped);
