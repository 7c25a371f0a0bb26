/* family.c - who is being recorded: the programs of a family and their processes. */
/* SPDX-License-Identifier: MIT */
#include "uploader/family.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "uploader/control.h"
#include "uploader/deaths.h"
#include "uploader/fetch.h"
#include "uploader/history.h"
#include "uploader/spool.h"

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
	int failed = cp_log_open(family->log, own, config->log_level, 1);
	if (failed) { /* in a spool for several users it is another's */
		snprintf(own, sizeof own, "%s/conprof-%u.log", spool.dir, (unsigned)geteuid());
		failed = cp_log_open(family->log, own, config->log_level, 1);
	}
	if (!failed && error)
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

struct cp_program *cp_family_program(struct cp_family *family, const struct cp_recording *header,
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

void cp_family_unlink(struct cp_family *family, const struct cp_member *member)
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

void cp_family_ended(struct cp_family *family, struct cp_member *member)
{
	struct cp_program *program = member->program;
	struct cp_ending ending;
	char text[CP_ENDING_TEXT];
	uint64_t ticket = 0;
	cp_member_ending(member, &ending);
	cp_ending_text(&ending, text);
	if (!cp_member_is_taken(member))
		ticket = cp_deaths_take(family, member, &ending);
	if (!member->farewell)
		cp_program_note_end(program, member->pid, &ending, ticket);
	cp_taps_left(family, member);
	cp_log_line(family->log, ending.how == CP_END_SIGNAL ? CP_INFO : CP_DEBUG,
		    "process %d (%s) is over: %s", (int)member->pid, program->service, text);
	cp_family_unlink(family, member);
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
		cp_family_unlink(family, member);
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
