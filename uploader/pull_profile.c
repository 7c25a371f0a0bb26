/* pull_profile.c - the profiles of /debug/pprof/, taken beside the periods. */
/* SPDX-License-Identifier: MIT */
#include "uploader/pull_profile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uploader/control.h"
#include "uploader/mailbox.h"
#include "uploader/query.h"
#include "uploader/tap.h"

#define SECONDS	    30 /* of a CPU profile, as Go has it */
#define SECONDS_MAX 86400

const struct cp_pulled cp_pulled[] = {
    {"allocs", CP_PROFILE_HEAP, CP_SHOW_ALLOCS, "all allocations since the program's start"},
    {"goroutine", CP_PROFILE_THREADS, CP_SHOW_PLAIN, "living threads, by what created them"},
    {"heap", CP_PROFILE_HEAP, CP_SHOW_PLAIN, "memory in use, and all allocations"},
    {"profile", CP_PROFILE_CPU, CP_SHOW_PLAIN, "CPU time of the next 30 seconds, or of ?seconds="},
    {"threadcreate", CP_PROFILE_THREADS, CP_SHOW_THREADCREATE,
     "living threads, by what created them"},
    {NULL, CP_PROFILE_HEAP, CP_SHOW_PLAIN, NULL},
};

/* One that somebody waits for: the encoder's thread fills it in. */
struct pull {
	struct cp_errand errand;
	struct cp_mailbox *box;
	struct cp_ask *ask; /* NULL: who asked has gone away */
	const struct cp_pulled *pulled;
	long long seconds;
	int as_text;
	struct cp_bytes made;
	int error;
};

static void answer(struct pull *pull)
{
	struct cp_ask *ask = pull->ask;
	char how[80];
	if (pull->error || !pull->made.data) {
		cp_ask_error(ask, 500, "%s: %s", pull->pulled->name,
			     pull->error ? cp_text_error(pull->error) : "there is no such profile");
		return;
	}
	if (pull->as_text) {
		cp_ask_bytes(ask, "text/plain; charset=utf-8", &pull->made);
		return;
	}
	int is_delta = pull->seconds && pull->pulled->profile != CP_PROFILE_CPU;
	snprintf(how, sizeof how, "attachment; filename=\"%s%s\"", pull->pulled->name,
		 is_delta ? "-delta" : "");
	cp_ask_header(ask, "Content-Disposition", how);
	cp_ask_bytes(ask, "application/octet-stream", &pull->made);
}

static void on_done(struct cp_family *family, struct cp_errand *errand)
{
	struct pull *pull = (struct pull *)errand;
	(void)family;
	if (pull->ask)
		answer(pull);
	free(pull->made.data);
	free(pull);
}

/* Of one that is being made already, nobody will have the result. */
static void on_gone(struct cp_family *family, struct cp_ask *ask)
{
	struct pull *pull = ask->state;
	pull->ask = NULL;
	cp_tap_cancel(family, pull);
}

/* Any thread; nearly always the encoder's. */
static void on_made(void *ctx, struct cp_bytes profiles[CP_PROFILES], int error)
{
	struct pull *pull = ctx;
	const struct cp_bytes *bare = &profiles[pull->pulled->profile];
	if (!error && bare->data && pull->as_text)
		error = cp_legacy_text(bare, pull->pulled->profile, &pull->made);
	else if (!error && bare->data)
		error = cp_gzip(bare, &pull->made);
	pull->error = error;
	cp_mailbox_bring(pull->box, &pull->errand);
}

/* As Go reads them. 0, or -EINVAL after an answer. */
static int read_parameters(struct cp_ask *ask, struct pull *pull)
{
	char text[32];
	int has_seconds = cp_query_value(ask->query, "seconds", text, sizeof text) && *text;
	pull->seconds = cp_query_number(ask->query, "seconds", 0);
	pull->as_text = cp_query_number(ask->query, "debug", 0) != 0;
	if (pull->pulled->profile == CP_PROFILE_CPU) {
		pull->seconds = pull->seconds > 0 ? pull->seconds : SECONDS;
		pull->as_text = 0;
	} else if (has_seconds && pull->seconds <= 0) {
		cp_ask_error(ask, 400,
			     "invalid value for \"seconds\" - must be a positive integer");
		return -EINVAL;
	} else if (has_seconds && pull->as_text) {
		cp_ask_error(ask, 400, "seconds and debug params are incompatible");
		return -EINVAL;
	} else if (has_seconds && pull->pulled->profile == CP_PROFILE_THREADS) {
		cp_ask_error(ask, 400, "\"seconds\" parameter is not supported for this profile");
		return -EINVAL;
	}
	if (pull->seconds > SECONDS_MAX) {
		cp_ask_error(ask, 400, "\"seconds\" are at most %d here", SECONDS_MAX);
		return -EINVAL;
	}
	return 0;
}

/* What the program's settings leave out is not there: no empty profile says otherwise. */
static int is_recorded(struct cp_ask *ask, const struct cp_program *program,
		       enum cp_profile profile)
{
	static const struct {
		unsigned type;
		const char *why;
	} needs[CP_PROFILES] = {
	    [CP_PROFILE_HEAP] = {CP_TYPE_HEAP, "the heap is not recorded, by the settings"},
	    [CP_PROFILE_THREADS] = {CP_TYPE_THREAD, "threads are not recorded, by the settings"},
	    [CP_PROFILE_CPU] = {CP_TYPE_CPU, "Could not enable CPU profiling: CPU is not recorded, "
					     "by the settings"},
	};
	if (program->config.types & needs[profile].type)
		return 1;
	cp_ask_error(ask, 500, "%s", needs[profile].why);
	return 0;
}

/* A switch or `conprof ctl` has stopped all of them. (Between two CPU windows is no such thing: a
 * tap opens one.) */
static int is_stopped(const struct cp_family *family, struct cp_ask *ask,
		      const struct cp_chosen *chosen)
{
	for (const struct cp_member *m = family->members; m; m = m->next)
		if (cp_chosen_has(chosen, m) && strcmp(cp_control_state(family, m), "running") == 0)
			return 0;
	cp_ask_error(ask, 500, "Could not enable CPU profiling: sampling is stopped");
	return 1;
}

static int open_tap(struct cp_family *family, struct cp_ask *ask, const struct cp_chosen *chosen,
		    struct pull *pull)
{
	const struct cp_tap_order order = {.program = chosen->program->id,
					   .pid = chosen->pid,
					   .profiles = CP_BIT(pull->pulled->profile),
					   .show = pull->pulled->show,
					   .length_ns = (uint64_t)pull->seconds * 1000000000u,
					   .deliver = on_made,
					   .ctx = pull};
	int error = cp_tap_open(family, &order);
	if (error == -EAGAIN)
		cp_ask_error(ask, 503, "too many profiles are being taken");
	else if (error)
		cp_ask_error(ask, 500, "%s: %s", pull->pulled->name, cp_text_error(error));
	return error;
}

void cp_pull_profile(struct cp_family *family, struct cp_ask *ask, const struct cp_chosen *chosen,
		     const struct cp_pulled *pulled)
{
	if (!is_recorded(ask, chosen->program, pulled->profile) ||
	    (pulled->profile == CP_PROFILE_CPU && is_stopped(family, ask, chosen)))
		return;
	struct pull *pull = calloc(1, sizeof *pull);
	if (!pull) {
		cp_ask_error(ask, 500, "out of memory");
		return;
	}
	pull->errand.done = on_done;
	pull->box = ask->box;
	pull->ask = ask;
	pull->pulled = pulled;
	if (read_parameters(ask, pull)) {
		free(pull);
		return;
	}
	ask->state = pull;
	ask->gone = on_gone;
	if (open_tap(family, ask, chosen, pull))
		free(pull);
}
