/* live_state.c - what the page is told of a family, as JSON. */
/* SPDX-License-Identifier: MIT */
#include "uploader/live_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "uploader/history.h"
#include "uploader/status.h"

#define PROCESSES_MAX 64u
#define PROGRAMS_MAX  256u
#define ENDED_MAX     8u

typedef unsigned long long ull;

static void add_number(struct cp_text *out, const char *key, uint64_t value)
{
	cp_text_addf(out, ",\"%s\":%llu", key, (ull)value);
}

static void add_text(struct cp_text *out, const char *key, const char *value)
{
	cp_text_addf(out, ",\"%s\":", key);
	cp_text_add_json(out, value);
}

/* Nobody's numbers need more than a browser's: microseconds, and no exponent. */
static void add_real(struct cp_text *out, const char *key, double value)
{
	if (value < 0 || value > 9e15)
		cp_text_addf(out, ",\"%s\":null", key);
	else
		cp_text_addf(out, ",\"%s\":%.6f", key, value);
}

static uint64_t rss(void)
{
	unsigned long long pages = 0;
	FILE *stream = fopen("/proc/self/statm", "re");
	if (!stream)
		return 0;
	if (fscanf(stream, "%*u %llu", &pages) != 1)
		pages = 0;
	fclose(stream);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void add_uploader(const struct cp_family *family, struct cp_text *out)
{
	struct timespec cpu = {0};
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	cp_text_addf(out, "\"uploader\":{\"pid\":%d", (int)getpid());
	add_number(out, "started", (uint64_t)(family->began_ns / 1000000));
	add_real(out, "cpu", (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
	add_number(out, "rss", rss());
	cp_text_add(out, "}");
}

/* A program that is over may still be in the history. */
static const struct cp_program *program_of(const struct cp_family *family, uint64_t id)
{
	const struct cp_program *program = family->programs;
	while (program && program->id != id)
		program = program->next;
	return program;
}

static void add_program(struct cp_family *family, const struct cp_program *program,
			struct cp_text *out)
{
	const struct cp_schedule *schedule = &program->schedule;
	int64_t left =
	    (int64_t)(schedule->start_ns + schedule->period_ns) - (int64_t)cp_text_monotonic();
	int64_t next = cp_text_now() + (left > 0 ? left : 0);
	int making = program->making > cp_encoding_made(family->encoding);
	cp_text_addf(out, "{\"id\":%llu", (ull)program->id);
	add_text(out, "name", program->service);
	add_text(out, "exe", program->exe);
	add_number(out, "living", program->living);
	add_number(out, "period", program->config.period_s);
	add_number(out, "next", (uint64_t)(next / 1000000));
	cp_text_addf(out, ",\"making\":%s", making ? "true" : "false");
	cp_text_addf(out, ",\"wait\":%s}", program->seq && !making ? "false" : "true");
}

static void add_past(const struct cp_chapter *chapter, struct cp_text *out)
{
	cp_text_addf(out, "{\"id\":%llu", (ull)chapter->program);
	add_text(out, "name", chapter->service);
	add_text(out, "exe", chapter->exe);
	cp_text_add(out, ",\"living\":0,\"period\":0,\"next\":0,\"making\":false,\"wait\":false}");
}

static void add_programs(struct cp_family *family, struct cp_text *out)
{
	const char *comma = "";
	unsigned left = PROGRAMS_MAX;
	cp_text_add(out, ",\"programs\":[");
	for (const struct cp_program *p = family->programs; p && left; p = p->next, left--) {
		cp_text_add(out, comma);
		add_program(family, p, out);
		comma = ",\n";
	}
	for (const struct cp_chapter *c = cp_history_chapters(family->history); c && left;
	     c = c->next) {
		if (program_of(family, c->program))
			continue;
		cp_text_add(out, comma);
		add_past(c, out);
		comma = ",\n";
		left--;
	}
	cp_text_add(out, "]");
}

static void add_process(const struct cp_member *member, struct cp_text *out)
{
	char path[64], name[64] = "";
	snprintf(path, sizeof path, "/proc/%d/comm", (int)member->pid);
	FILE *stream = fopen(path, "re");
	if (stream) {
		size_t len = fread(name, 1, sizeof name - 1, stream);
		name[len] = '\0';
		name[strcspn(name, "\n")] = '\0';
		fclose(stream);
	}
	cp_text_addf(out, "{\"pid\":%d", (int)member->pid);
	add_text(out, "name", name);
	add_number(out, "threads", cp_view_threads(member->view));
	add_text(out, "state", member->farewell ? "ends" : member->standin ? "asleep" : "recorded");
	cp_text_add(out, "}");
}

static void add_processes(const struct cp_family *family, uint64_t program, struct cp_text *out)
{
	unsigned told = 0, more = 0;
	cp_text_add(out, ",\"processes\":[");
	for (const struct cp_member *m = family->members; m; m = m->next) {
		if (m->program->id != program)
			continue;
		if (told == PROCESSES_MAX) {
			more++;
			continue;
		}
		cp_text_add(out, told++ ? ",\n" : "");
		add_process(m, out);
	}
	cp_text_add(out, "]");
	add_number(out, "more", more);
}

/* The last ones, newest first. */
static void add_ended(const struct cp_program *program, struct cp_text *out)
{
	char text[CP_ENDING_TEXT];
	const char *comma = "";
	cp_text_add(out, ",\"ended\":[");
	for (unsigned i = 0; program && i < ENDED_MAX && i < program->ended_count; i++) {
		unsigned at = (program->ended_count - 1 - i) % CP_ENDED_KEPT;
		cp_ending_text(&program->ended[at].ending, text);
		cp_text_addf(out, "%s{\"pid\":%d", comma, (int)program->ended[at].pid);
		add_text(out, "how", text);
		add_number(out, "at", (uint64_t)(program->ended[at].ending.at_ns / 1000000));
		cp_text_add(out, "}");
		comma = ",";
	}
	cp_text_add(out, "]");
}

static void add_point(const struct cp_point *point, struct cp_text *out)
{
	static const char *const names[CP_DIMENSIONS] = {"cpu",	    "allocs", "alloc_bytes",
							 "objects", "bytes",  "threads"};
	cp_text_addf(out, "{\"n\":%llu", (ull)point->seq);
	add_number(out, "start", (uint64_t)(point->start_ns / 1000000));
	add_number(out, "end", (uint64_t)(point->end_ns / 1000000));
	for (int i = 0; i < CP_DIMENSIONS; i++)
		add_real(out, names[i], point->is[i]);
	add_number(out, "processes", point->processes);
	add_number(out, "lost", point->lost);
	add_real(out, "ticks", point->ticks_s);
	cp_text_add(out, "}");
}

static void add_points(const struct cp_chapter *chapter, uint64_t since, struct cp_text *out)
{
	const struct cp_point *point;
	const char *comma = "";
	cp_text_add(out, ",\"points\":[");
	for (unsigned i = 0; chapter && (point = cp_history_point(chapter, i)); i++) {
		if (point->seq < since)
			continue;
		cp_text_add(out, comma);
		add_point(point, out);
		comma = ",\n";
	}
	cp_text_add(out, "]");
}

static void add_lost(const struct cp_chapter *chapter, struct cp_text *out)
{
	static const char *const kinds[CP_KINDS] = {
	    [CP_KIND_CPU] = "cpu", [CP_KIND_HEAP] = "heap", [CP_KIND_THREAD] = "thread"};
	const char *comma = "";
	cp_text_add(out, ",\"lost\":[");
	for (int kind = CP_KIND_CPU; chapter && kind < CP_KINDS; kind++)
		for (int cause = 0; cause < CP_LOSSES; cause++) {
			if (!chapter->lost[kind][cause])
				continue;
			cp_text_addf(out, "%s{\"kind\":\"%s\"", comma, kinds[kind]);
			add_text(out, "cause", cp_loss_name((enum cp_loss)cause));
			add_number(out, "count", chapter->lost[kind][cause]);
			cp_text_add(out, "}");
			comma = ",";
		}
	cp_text_add(out, "]");
}

static void add_periods(const struct cp_history *history, uint64_t program, struct cp_text *out)
{
	static const char *const names[CP_PROFILES] = {
	    [CP_PROFILE_HEAP] = "heap", [CP_PROFILE_THREADS] = "threads", [CP_PROFILE_CPU] = "cpu"};
	const char *comma = "";
	cp_text_add(out, ",\"periods\":[");
	for (const struct cp_print *print = cp_history_prints(history); print;
	     print = print->next) {
		if (print->program != program)
			continue;
		cp_text_addf(out, "%s{\"n\":%llu", comma, (ull)print->seq);
		add_number(out, "start", (uint64_t)(print->start_ns / 1000000));
		add_number(out, "end", (uint64_t)(print->end_ns / 1000000));
		add_text(out, "stem", print->stem);
		add_text(out, "note", print->note);
		cp_text_addf(out, ",\"apart\":%s", print->apart ? "true" : "false");
		cp_text_add(out, ",\"profiles\":[");
		const char *inner = "";
		for (int i = CP_PROFILES; i--;) {
			if (!print->profiles[i].len)
				continue;
			cp_text_addf(out, "%s\"%s\"", inner, names[i]);
			inner = ",";
		}
		cp_text_add(out, "]}");
		comma = ",\n";
	}
	cp_text_add(out, "]");
}

/* Of single uploads only the last: the page wants to know how it goes, not how it went. */
static void add_status(struct cp_family *family, struct cp_text *out)
{
	struct cp_text all = {0}, some = {0};
	const char *last = NULL;
	cp_delivery_status(family->delivery, &all);
	for (const char *at = all.data; at && *at; at += strcspn(at, "\n") + 1) {
		if (strncmp(at, "upload\t", 7) == 0)
			last = at;
		else
			cp_text_add_bytes(&some, at, strcspn(at, "\n") + 1);
	}
	if (last)
		cp_text_add_bytes(&some, last, strcspn(last, "\n") + 1);
	cp_family_last(family, &some);
	cp_text_add(out, ",\"status\":");
	cp_status_json(some.data ? some.data : "", out);
	cp_text_free(&all);
	cp_text_free(&some);
}

/* The first to be seen, where nobody has chosen: of those that live the one that came first. */
static uint64_t choose(const struct cp_family *family, uint64_t program)
{
	const struct cp_chapter *past = cp_history_chapters(family->history);
	uint64_t found = 0;
	if (program_of(family, program) || cp_history_chapter(family->history, program))
		return program;
	for (const struct cp_program *p = family->programs; p; p = p->next)
		if (p->living)
			found = p->id;
	if (found)
		return found;
	return past ? past->program : family->programs ? family->programs->id : 0;
}

void cp_live_state(struct cp_family *family, uint64_t program, uint64_t since, struct cp_text *out)
{
	struct cp_history *history = family->history;
	cp_text_add(out, "{");
	add_uploader(family, out);
	add_text(out, "version", CP_VERSION);
	add_number(out, "now", (uint64_t)(cp_text_now() / 1000000));
	cp_history_lock(history);
	uint64_t chosen = choose(family, program);
	const struct cp_chapter *chapter = cp_history_chapter(history, chosen);
	add_number(out, "chosen", chosen);
	add_programs(family, out);
	add_points(chapter, chosen == program ? since : 0, out);
	add_lost(chapter, out);
	add_periods(history, chosen, out);
	cp_history_unlock(history);
	add_processes(family, chosen, out);
	add_ended(program_of(family, chosen), out);
	add_status(family, out);
	cp_text_add(out, "}\n");
}
