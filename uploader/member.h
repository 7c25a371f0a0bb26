/* member.h - one process of a family: its recording, and how we learn that it is over. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <sys/types.h>

#include "encoder/encoder.h"
#include "uploader/ending.h"
#include "uploader/oom.h"

/* What an epoll event is about: the first member of whatever is watched. */
enum cp_source_kind {
	CP_SOURCE_LISTEN,
	CP_SOURCE_HELLO,
	CP_SOURCE_PEER,
	CP_SOURCE_MEMBER,
	CP_SOURCE_SIGNAL,
	CP_SOURCE_DONE,
	CP_SOURCE_MAIL,
	CP_SOURCE_ASK
};
struct cp_source {
	enum cp_source_kind kind;
	int fd;
};

struct cp_program;

struct cp_member {
	struct cp_source source; /* the pidfd, or -1: looked at once a second */
	struct cp_member *next;
	struct cp_program *program;
	struct cp_view *view;
	struct cp_marks *marks;	  /* what has been taken; its own until that is safe */
	struct cp_perfmap *names; /* of its code that lies in no file; NULL: no memory for it */
	pid_t pid;		  /* as we see it */
	uint64_t start_ns;	  /* of the image's first recording, monotonic */
	uint32_t renewals;	  /* which of them this is */
	uint8_t token[16];
	dev_t exe_dev; /* of /proc/PID/exe when it joined; 0 and 0 when it could not be had */
	ino_t exe_ino;
	unsigned exec_ticks; /* how many times in a row it said that it is in exec */
	int standin;	     /* we made its recording: it sleeps */
	int farewell;	     /* it waits for, or has had, its delivery */
	int again;	     /* its recording is known for long: it is only let go of */
	uint64_t ticket;     /* of that delivery; 0 while it is not yet on its way */
	struct cp_oom *oom;  /* its memory cgroup; NULL: not to be seen. The family's */
};

/* Takes view and pidfd over. NULL when out of memory (nothing is taken over then). */
struct cp_member *cp_member_new(struct cp_view *view, pid_t pid, int pidfd, size_t *code_room);
/* Marks that begin where the reader before this one has left them; or those, taken over. 0 or
 * -ENOMEM. */
int cp_member_ship(struct cp_member *member, struct cp_marks *marks);
/* Names of code that are known already, in place of its own; taken over. */
void cp_member_names(struct cp_member *member, struct cp_perfmap *names);
void cp_member_free(struct cp_member *member);
/* Whether the process is over, with all of its threads. */
int cp_member_is_over(const struct cp_member *member);
/* How it ended, as far as anybody knows; or its image alone, if the process lives on. */
void cp_member_ending(const struct cp_member *member, struct cp_ending *ending);
/* Whether another program runs under this pid now: /proc/PID/exe is another file, or it has been
 * in exec at several looks in a row and nobody joined in its place. */
int cp_member_is_replaced(struct cp_member *member);
/* It has said farewell and was taken for it, and is not taken again: what its last microseconds did
 * would be an upload of nothing. */
static inline int cp_member_is_taken(const struct cp_member *member)
{
	return member->farewell && member->ticket;
}
/* delivered = 1, and whoever waits for it wakes. */
void cp_member_tell_delivered(struct cp_member *member);

/* A string of a recording, which need not end: copied into out, cut, always ended. */
void cp_member_string(char *out, size_t out_len, const char *in, size_t in_len);
/* The settings of a recording, with every string ended and every number in its range. */
void cp_member_config(const struct cp_recording *header, struct cp_config *config);
