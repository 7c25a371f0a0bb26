/* ending.h - how a process ended, in words, and how many ended how. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <sys/types.h>

#include "uploader/text.h"

enum cp_end {
	CP_END_UNKNOWN, /* nobody can say any more */
	CP_END_EXEC,	/* its image did: the process goes on as another program */
	CP_END_EXIT,
	CP_END_SIGNAL
};

struct cp_ending {
	enum cp_end how;
	int number;	 /* the status, 0 to 255, -1: not known; the signal's number */
	int core_dumped; /* the kernel wrote a core, or handed it to a program */
	int oom;	 /* killed because memory had run out */
	int64_t at_ns;	 /* realtime, when it was seen */
};

/* Of a status as wait() gives it. */
void cp_ending_of_status(int status, struct cp_ending *ending);
/* A word: "SIGSEGV", "exit", "exec", "unknown". */
#define CP_ENDING_WORD 16
void cp_ending_word(const struct cp_ending *ending, char out[CP_ENDING_WORD]);
/* All of it, but when: "SIGSEGV (core dumped)", "SIGKILL (out of memory)", "exit status 3". */
#define CP_ENDING_TEXT 64
void cp_ending_text(const struct cp_ending *ending, char out[CP_ENDING_TEXT]);

/* A tally of them; zeroed it is empty. exec is no end and not counted. */
#define CP_ENDINGS_KINDS 16
struct cp_endings {
	unsigned count;		   /* all */
	unsigned by_signal, oom;   /* of them */
	unsigned failed;	   /* of them: exit with another status than 0 */
	unsigned kinds, elsewhere; /* elsewhere: those for whose kind there was no room */
	struct {
		struct cp_ending like;
		unsigned count;
		pid_t pid; /* the first */
	} of[CP_ENDINGS_KINDS];
};
void cp_endings_add(struct cp_endings *endings, const struct cp_ending *ending, pid_t pid);
/* For a profile's comments. Of one: "process 12 ended by SIGSEGV at 2026-04-13T12:00:45Z"; of more:
 * "processes ended 5: SIGSEGV 2, exit status 0 3". */
void cp_endings_say(const struct cp_endings *endings, struct cp_text *out);
/* For event.json, the object's inside: "SIGSEGV":2,"exit status 0":3 */
void cp_endings_json(const struct cp_endings *endings, struct cp_text *out);
