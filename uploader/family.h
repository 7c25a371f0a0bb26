/* family.h - who is being recorded: the programs of a family and their processes.
 *
 * A class register: children come in (join), say goodbye or just stop coming (death), and at the
 * end of each period every program hands in one sheet for all of its processes. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/heartbeat.h"
#include "uploader/program.h"
#include "uploader/tap.h"

/* Tokens of the latest images that were recorded; those of processes that are over count, too: a
 * daemon's first process is gone when its workers drop their privileges and join. */
#define CP_FAMILY_TOKENS 256
/* Films of processes that died which may wait to be made (deaths.c). */
#define CP_FAMILY_URGENT 4
/* CPU time: symbols of one profile that take longer have their names, and their lines in the next.
 */
#define CP_SYMBOLS_NS UINT64_C(10000000000)

struct cp_listener;

/* What people asked of processes that are between two images. */
#define CP_ORDERS_KEPT 32
struct cp_kept {
	pid_t pid;
	uint64_t asked;
};

struct cp_family {
	int epoll;
	struct cp_log *log;
	struct cp_heartbeat *heartbeat;
	struct cp_delivery *delivery;
	struct cp_encoding *encoding;
	struct cp_symbols *symbols;
	int64_t began_ns;	    /* of the history: tells one uploader from the next */
	struct cp_history *history; /* NULL: nobody could look at it */
	size_t code_room;	    /* for the members' names of code, less what they take */
	struct cp_program *programs;
	struct cp_member *members;
	unsigned living;
	int off; /* the switch that stops all is there (control.c) */
	uint64_t program_ids;
	uint64_t joins, refused;
	uint8_t tokens[CP_FAMILY_TOKENS][16];
	unsigned tokens_next, kept_next;
	struct cp_sleeper *sleepers; /* newest first (rollcall.c) */
	unsigned sleeping;
	struct cp_tap *taps;
	int listens; /* totals may be asked for: those of processes that are over are kept */
	struct cp_recording *like; /* the header of the first to join: its settings are all's */
	uint64_t looked_ns;	   /* of the last look at every process */
	int log_open;
	uint32_t upload_timeout_s; /* the longest of the members' */
	int hurried;		   /* somebody waits for a delivery */
	/* the first that anybody's settings said */
	char listen[sizeof((struct cp_config *)0)->listen];
	int listen_anywhere;
	struct cp_listener *listener;
	struct cp_ooms ooms;
	uint64_t urgent[CP_FAMILY_URGENT]; /* tickets of the last of them */
	unsigned urgent_next;
	uint64_t symbol_bytes; /* the largest of the members' bounds */
	uint64_t switch_ns;    /* of the last look at it */
	uint64_t asked;	       /* what people asked of all that are to come */
	struct cp_kept kept[CP_ORDERS_KEPT];
	int lent; /* CPU windows are open, for who asked */
};

#define CP_JOIN_GONE	1u /* the process is over */
#define CP_JOIN_FOREIGN 2u /* it is of another user, and neither root's */
/* Takes over nothing but pidfd; a recording is mapped, its descriptor stays the caller's. 0, or
 * -errno after one line in the log. pidfd < 0: no such thing here, or the process is over.
 */
int cp_family_join(struct cp_family *family, int recording, pid_t pid, int pidfd, unsigned how);
/* The process of this number, as we see it; NULL. */
struct cp_member *cp_family_member(const struct cp_family *family, pid_t pid);
/* Whether a token is that of a recording that is or was held here: then its bearer is family,
 * whatever its uid. */
int cp_family_knows(const struct cp_family *family, const uint8_t token[16]);
/* The process is over: its last snapshot, now. Frees member. */
void cp_family_ended(struct cp_family *family, struct cp_member *member);
/* The process ends and may be waiting for its delivery, or somebody else waits for it: its
 * program's period ends now. -ESRCH when no such process was here. */
int cp_family_farewell(struct cp_family *family, pid_t pid);
/* What is due at this time: CPU windows, periods, a look at every process once a second: then 1. */
int cp_family_tick(struct cp_family *family, uint64_t now_ns);
uint64_t cp_family_next(const struct cp_family *family);
/* Nothing is waiting to be made or delivered. */
int cp_family_idle(const struct cp_family *family);
/* Ends every program's period now, for the living and the dead. */
void cp_family_flush(struct cp_family *family);
/* Uploads up to this ticket are done with: whoever waits for one is told. */
void cp_family_delivered(struct cp_family *family, uint64_t ticket);
void cp_family_status(struct cp_family *family, struct cp_text *out);
/* A line with the last warning or error, if there was one. */
void cp_family_last(struct cp_family *family, struct cp_text *out);
/* Lets go of everything, heartbeats last. */
void cp_family_leave(struct cp_family *family);

/* ---- for family_join.c ---- */
/* The program of a process that joins, a new one if need be; NULL: too many, or no memory. Another
 * user's process is family by its token, but where profiles go, what is written where and whom we
 * ask is not for it to say: it has the settings of the first of us, which were its own, too, when
 * it was started. */
struct cp_program *cp_family_program(struct cp_family *family, const struct cp_recording *header,
				     unsigned how);
/* Out of the list of the living, and nobody is told. */
void cp_family_unlink(struct cp_family *family, const struct cp_member *member);
