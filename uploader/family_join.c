/* family_join.c - a recording comes in: whose it is, and what of before it takes over. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "uploader/control.h"
#include "uploader/exitcode.h"
#include "uploader/family.h"

#define MEMBERS_MAX 8192u

struct admitted {
	struct cp_view *view;
	struct cp_program *program;
	struct cp_perfmap *names; /* of the recording whose place it takes, or NULL */
	struct cp_marks *marks;	  /* of that of which it is a copy, or NULL */
	uint64_t asked;		  /* what people asked of that */
	unsigned how;		  /* CP_JOIN_... */
	int again;		  /* it has been read before */
};

/* The same image again. As often renewed: its recording has moved and holds all of the old one,
 * marks included. More often: the old one was full, and holds what has not been taken yet; what is
 * alive stands in the new one. Less often, 1: one that we have known for long. */
static int follow(struct cp_family *family, struct cp_member *old, uint32_t renewals)
{
	if (renewals < old->renewals)
		return 1;
	if (renewals > old->renewals && !cp_member_is_taken(old))
		cp_program_take(old->program, old, family->log, CP_TAKE_REST);
	if (renewals > old->renewals)
		cp_taps_left(family, old);
	return 0;
}

/* The same pid again. The same start: the same image. A later start: exec, so what the old image
 * did is taken first. An earlier one, 1: the image before the one we know. A process that executes
 * at once may found a second uploader while the first is still starting; then the joins come in any
 * order. Who slept, and has a recording of its own now, loses the one that we made for it. */
static int make_way(struct cp_family *family, pid_t pid, struct admitted *one)
{
	struct cp_member *old = cp_family_member(family, pid);
	const struct cp_recording *header = cp_view_header(one->view);
	uint64_t start_ns = header->start_monotonic_ns;
	if (!old)
		return 0;
	one->asked = cp_control_asked(old);
	if (old->start_ns > start_ns)
		return 1;
	if (old->start_ns < start_ns && !old->standin) {
		cp_perfmap_replaced(old->names);
		cp_family_ended(family, old);
		return 0;
	}
	if (old->start_ns == start_ns && follow(family, old, header->renewals)) {
		one->again = 1;
		return 1;
	}
	/* the same code, whose names may be in a file that is gone by now */
	if (old->start_ns == start_ns) {
		one->names = old->names;
		old->names = NULL;
		if (old->renewals == header->renewals && !old->standin) {
			one->marks = old->marks;
			old->marks = NULL;
			cp_marks_ship_on(one->marks, one->view);
		}
		cp_taps_moved(family, old, one->view);
	}
	cp_taps_forget(family, old);
	cp_family_unlink(family, old);
	cp_member_free(old);
	return 0;
}

static int watch(struct cp_family *family, struct cp_member *member)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &member->source};
	if (member->source.fd >= 0 &&
	    epoll_ctl(family->epoll, EPOLL_CTL_ADD, member->source.fd, &event))
		return -errno;
	return cp_heartbeat_add(family->heartbeat, cp_view_header(member->view));
}

/* Maps it and finds its program. On failure why says so and nothing is left behind. */
static int admit(struct cp_family *family, int recording, pid_t pid, struct admitted *one,
		 char why[200])
{
	int error = cp_view_open(recording, &one->view, why, 200);
	if (error)
		return error;
	struct cp_recording *rec = cp_view_header(one->view);
	if (make_way(family, pid, one))
		one->how |= CP_JOIN_GONE;
	if (!family->like && (family->like = malloc(sizeof *rec)))
		memcpy(family->like, rec, sizeof *rec);
	one->program =
	    family->living < MEMBERS_MAX ? cp_family_program(family, rec, one->how) : NULL;
	if (one->program)
		return 0;
	snprintf(why, 200, "too many processes or programs, or out of memory");
	cp_perfmap_free(one->names);
	cp_marks_free(one->marks);
	cp_view_close(one->view);
	return -EUSERS;
}

int cp_family_knows(const struct cp_family *family, const uint8_t token[16])
{
	static const uint8_t none[16];
	if (memcmp(token, none, sizeof none) == 0)
		return 0;
	for (unsigned i = 0; i < CP_FAMILY_TOKENS; i++)
		if (memcmp(family->tokens[i], token, sizeof none) == 0)
			return 1;
	return 0;
}

static void remember(struct cp_family *family, const uint8_t token[16])
{
	static const uint8_t none[16];
	if (memcmp(token, none, sizeof none) == 0 || cp_family_knows(family, token))
		return;
	memcpy(family->tokens[family->tokens_next], token, 16);
	family->tokens_next = (family->tokens_next + 1) % CP_FAMILY_TOKENS;
}

/* A forked child has its parent's code, named in the parent's file. */
static void inherit_names(struct cp_family *family, struct cp_member *member)
{
	if (!cp_view_header(member->view)->is_fork || !member->names)
		return;
	const struct cp_member *parent = cp_family_member(family, cp_exitcode_parent(member->pid));
	if (parent && parent->names)
		cp_perfmap_inherit(member->names, parent->names);
}

/* With what it takes over of the one before it. NULL: no memory, and nothing is left behind. */
static struct cp_member *enrol(struct cp_family *family, struct admitted *one, pid_t pid, int pidfd)
{
	struct cp_member *member = cp_member_new(one->view, pid, pidfd, &family->code_room);
	if (!member) {
		cp_perfmap_free(one->names);
		cp_marks_free(one->marks);
		cp_view_close(one->view);
		if (pidfd >= 0)
			close(pidfd);
		return NULL;
	}
	member->program = one->program;
	member->again = one->again;
	if (one->names)
		cp_member_names(member, one->names);
	else
		inherit_names(family, member);
	if (cp_member_ship(member, one->marks)) {
		cp_member_free(member);
		return NULL;
	}
	if (!(one->how & CP_JOIN_GONE))
		member->oom = cp_oom_join(&family->ooms, pid);
	return member;
}

/* The target looks for us in its /proc: one of another pid namespace, who has another number for
 * itself than we have for it, would find nobody there, or somebody else. */
static uint32_t pid_for(const struct cp_recording *header, pid_t pid)
{
	return header->pid == (int32_t)pid ? (uint32_t)getpid() : 0;
}

int cp_family_join(struct cp_family *family, int recording, pid_t pid, int pidfd, unsigned how)
{
	char why[200] = "";
	struct admitted one = {.how = how};
	int error = admit(family, recording, pid, &one, why);
	if (error) {
		family->refused++;
		cp_log_change(family->log, CP_TOPIC_JOIN, CP_ERROR,
			      "process %d is not profiled: %s", (int)pid,
			      why[0] ? why : cp_text_error(error));
		if (pidfd >= 0)
			close(pidfd);
		return error;
	}
	struct cp_member *member = enrol(family, &one, pid, pidfd);
	if (!member)
		return -ENOMEM;
	member->next = family->members;
	family->members = member;
	one.program->living++;
	family->living++;
	family->joins++;
	remember(family, member->token);
	cp_taps_joined(family, member);
	atomic_store_explicit(&cp_view_header(one.view)->uploader_pid,
			      pid_for(cp_view_header(one.view), pid), memory_order_relaxed);
	cp_log_line(family->log, CP_DEBUG, "process %d joins: %s", (int)pid, one.program->exe);
	cp_control_look(family, cp_text_monotonic());
	cp_control_welcome(family, member, one.asked);
	error = watch(family, member);
	if (one.how & CP_JOIN_GONE || error)
		cp_family_ended(family, member);
	return error;
}
