/* family.c - who is being recorded: the programs of a family and their processes. */
/* SPDX-License-Identifier: MIT */
#include "uploader/family.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "uploader/control.h"
#include "uploader/deaths.h"
#include "uploader/exitcode.h"
#include "uploader/fetch.h"
#include "uploader/history.h"
#include "uploader/spool.h"

#define MEMBERS_MAX  8192u
#define PROGRAMS_MAX 1024u

/* The first recording says where the log goes: CONPROF_LOG_FILE, else conprof.log in the spool. */
static void open_log(struct cp_family *family, const struct cp_program *program)
{
	char path[1024];
	struct cp_spool spool;
	const struct cp_config *config = &program->config;
	int error = 0;
	if (family->log_open)
		return;
	family->log_open = 1;
	if (config->log_file[0] && strcmp(config->log_file, "stderr") != 0) {
		int absolute = config->log_file[0] == '/';
		snprintf(path, sizeof path, "%s%s%s", absolute ? "" : program->cwd,
			 absolute ? "" : "/", config->log_file);
		error = cp_log_open(family->log, path, config->log_level, 0);
		if (!error)
			return;
	}
	if (cp_spool_open(&spool, config))
		return;
	char own[600];
	snprintf(own, sizeof own, "%s/conprof.log", spool.dir);
	if (!cp_log_open(family->log, own, config->log_level, 1) && error)
		cp_log_line(family->log, CP_ERROR,
			    "CONPROF_LOG_FILE=%s: %s, this file is used instead", path,
			    cp_text_error(error));
}

/* Where somebody may look at it (live.h). */
static void keep_history(struct cp_family *family)
{
	if (!family->listen[0] || family->history || !family->encoding)
		return;
	family->began_ns = cp_text_now();
	family->history = cp_history_new();
	if (family->history)
		cp_encoding_remember(family->encoding, family->history);
}

/* Another user's process is family by its token, but where profiles go, what is written where and
 * whom we ask is not for it to say: it has the settings of the first of us, which were its own,
 * too, when it was started. */
static struct cp_program *program_of(struct cp_family *family, const struct cp_recording *header,
				     unsigned how)
{
	struct cp_config config;
	unsigned count = 0;
	cp_member_config(how & CP_JOIN_FOREIGN && family->like ? family->like : header, &config);
	for (struct cp_program *p = family->programs; p; p = p->next, count++)
		if (cp_program_is(p, header, &config))
			return p;
	if (count >= PROGRAMS_MAX)
		return NULL;
	struct cp_program *program =
	    cp_program_new(++family->program_ids, family->symbols, header, &config);
	if (!program)
		return NULL;
	program->next = family->programs;
	family->programs = program;
	if (program->config.upload_timeout_s > family->upload_timeout_s)
		family->upload_timeout_s = program->config.upload_timeout_s;
	if (!count || program->config.symbol_cache_max_bytes > family->symbol_bytes)
		family->symbol_bytes = program->config.symbol_cache_max_bytes;
	cp_symbols_limit(family->symbols, family->symbol_bytes, CP_SYMBOLS_NS);
	open_log(family, program);
	if (!family->listen[0]) {
		memcpy(family->listen, program->config.listen, sizeof family->listen);
		family->listens = family->listens || family->listen[0];
		family->listen_anywhere = program->config.listen_anywhere == 1;
	}
	keep_history(family);
	/* the first there ever was: before any symbol is looked up, on another thread */
	if (family->program_ids == 1)
		cp_fetch_settings(family->symbols, &program->config);
	return program;
}

static void unlink_member(struct cp_family *family, const struct cp_member *member)
{
	for (struct cp_member **at = &family->members; *at; at = &(*at)->next)
		if (*at == member) {
			*at = member->next;
			member->program->living--;
			family->living--;
			break;
		}
	cp_heartbeat_remove(family->heartbeat, cp_view_header(member->view));
	cp_oom_leave(&family->ooms, member->oom);
	if (member->source.fd >= 0)
		epoll_ctl(family->epoll, EPOLL_CTL_DEL, member->source.fd, NULL);
}

struct cp_member *cp_family_member(const struct cp_family *family, pid_t pid)
{
	for (struct cp_member *m = family->members; m; m = m->next)
		if (m->pid == pid)
			return m;
	return NULL;
}

struct admitted {
	struct cp_view *view;
	struct cp_program *program;
	struct cp_perfmap *names; /* of the recording whose place it takes, or NULL */
	struct cp_marks *marks;	  /* of that of which it is a copy, or NULL */
	uint64_t asked;		  /* what people asked of that */
	unsigned how;		  /* CP_JOIN_... */
	int again;		  /* it has been read before */
};

/* A process that has said farewell and was taken for it is not taken again: what its last
 * microseconds did would be an upload of nothing. */
static int is_taken(const struct cp_member *member)
{
	return member->farewell && member->ticket;
}

/* The same image again. As often renewed: its recording has moved and holds all of the old one,
 * marks included. More often: the old one was full, and holds what has not been taken yet; what is
 * alive stands in the new one. Less often, 1: one that we have known for long. */
static int follow(struct cp_family *family, struct cp_member *old, uint32_t renewals)
{
	if (renewals < old->renewals)
		return 1;
	if (renewals > old->renewals && !is_taken(old))
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
	unlink_member(family, old);
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
	one->program = family->living < MEMBERS_MAX ? program_of(family, rec, one->how) : NULL;
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
	atomic_store_explicit(&cp_view_header(one.view)->uploader_pid, (uint32_t)getpid(),
			      memory_order_relaxed);
	cp_log_line(family->log, CP_DEBUG, "process %d joins: %s", (int)pid, one.program->exe);
	cp_control_look(family, cp_text_monotonic());
	cp_control_welcome(family, member, one.asked);
	error = watch(family, member);
	if (one.how & CP_JOIN_GONE || error)
		cp_family_ended(family, member);
	return error;
}

void cp_family_ended(struct cp_family *family, struct cp_member *member)
{
	struct cp_program *program = member->program;
	struct cp_ending ending;
	char text[CP_ENDING_TEXT];
	uint64_t ticket = 0;
	cp_member_ending(member, &ending);
	cp_ending_text(&ending, text);
	if (!is_taken(member))
		ticket = cp_deaths_take(family, member, &ending);
	if (!member->farewell)
		cp_program_note_end(program, member->pid, &ending, ticket);
	cp_taps_left(family, member);
	cp_log_line(family->log, ending.how == CP_END_SIGNAL ? CP_INFO : CP_DEBUG,
		    "process %d (%s) is over: %s", (int)member->pid, program->service, text);
	unlink_member(family, member);
	cp_control_left(family, program);
	cp_member_tell_delivered(member);
	cp_member_free(member);
}

void cp_family_leave(struct cp_family *family)
{
	cp_heartbeat_leave(family->heartbeat);
	cp_taps_cancel(family);
	while (family->members) {
		struct cp_member *member = family->members;
		cp_marks_finish(member->marks);
		cp_member_tell_delivered(member);
		unlink_member(family, member);
		cp_member_free(member);
	}
	while (family->programs) {
		struct cp_program *program = family->programs;
		family->programs = program->next;
		cp_program_free(program);
	}
	cp_history_free(family->history);
	cp_ooms_free(&family->ooms);
	free(family->like);
	family->history = NULL;
	family->like = NULL;
}
