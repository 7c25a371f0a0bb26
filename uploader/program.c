/* program.c - one program of a family: a period's snapshots, and the parcel made of them. */
/* SPDX-License-Identifier: MIT */
#include "uploader/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "uploader/request.h"
#include "uploader/signal_cost.h"

static void read_names(struct cp_program *program, const struct cp_recording *header)
{
	char argv0[sizeof header->argv0 + 1];
	cp_member_string(program->exe, sizeof program->exe, header->exe, sizeof header->exe);
	cp_member_string(program->cwd, sizeof program->cwd, header->cwd, sizeof header->cwd);
	cp_member_string(argv0, sizeof argv0, header->argv0, sizeof header->argv0);
	const char *name = cp_text_base(argv0);
	name += *name == '-'; /* a login shell's */
	if (!*name)
		name = cp_text_base(program->exe);
	snprintf(program->service, sizeof program->service, "%s", *name ? name : "unknown");
}

static struct cp_batch *new_batch(struct cp_symbols *symbols)
{
	const struct cp_signal_cost *cost = cp_signal_cost();
	struct cp_batch *batch = cp_batch_new(symbols);
	if (batch)
		cp_batch_signals(batch, cost->signal_ns, cost->clock_ns);
	return batch;
}

struct cp_program *cp_program_new(uint64_t id, struct cp_symbols *symbols,
				  const struct cp_recording *header, uint64_t now_ns)
{
	struct cp_program *program = calloc(1, sizeof *program);
	if (!program)
		return NULL;
	program->id = id;
	program->symbols = symbols;
	program->batch = new_batch(symbols);
	cp_member_config(header, &program->config);
	read_names(program, header);
	if (!program->batch || cp_request_uuid(program->runtime_id)) {
		cp_program_free(program);
		return NULL;
	}
	cp_schedule_begin(&program->schedule, now_ns, program->config.period_s,
			  program->config.cpu_duration_s);
	program->start_ns = cp_text_now();
	return program;
}

void cp_program_free(struct cp_program *program)
{
	if (!program)
		return;
	cp_batch_free(program->batch);
	free(program);
}

int cp_program_is(const struct cp_program *program, const struct cp_recording *header)
{
	char exe[sizeof header->exe];
	struct cp_config config;
	cp_member_string(exe, sizeof exe, header->exe, sizeof header->exe);
	cp_member_config(header, &config);
	return strcmp(exe, program->exe) == 0 &&
	       memcmp(&config, &program->config, sizeof config) == 0;
}

/* A process that dies outside the CPU window leaves its CPU out while others of the program live;
 * the last one's is taken all the same, as a short run would else have no CPU profile at all. */
void cp_program_take(struct cp_program *program, struct cp_member *member, struct cp_log *log,
		     int last)
{
	unsigned mask = CP_BIT(CP_PROFILE_HEAP) | CP_BIT(CP_PROFILE_THREADS);
	if (program->schedule.cpu_open || (last && program->living <= 1))
		mask |= CP_BIT(CP_PROFILE_CPU);
	int error = cp_batch_take(program->batch, member->view, member->pid, mask);
	if (error)
		cp_log_change(log, CP_TOPIC_ENCODE, CP_ERROR, "process %d: no snapshot: %s",
			      (int)member->pid, cp_text_error(error));
	else
		program->taken++;
	program->taken_ns = cp_text_now();
	program->taken_mono_ns = cp_text_monotonic();
	if (!program->pid)
		program->pid = member->pid;
}

void cp_program_note_end(struct cp_program *program, pid_t pid)
{
	unsigned at = program->ended_count++ % CP_ENDED_KEPT;
	program->ended[at].pid = pid;
	program->ended[at].ticket = 0;
}

/* As Go's profiler writes them: CPU from the start of its window; heap and threads at the moment of
 * the snapshot, heap with the time since the last one, of which the first has none. */
static void encode(struct cp_program *program, struct cp_parcel *parcel, struct cp_log *log,
		   int64_t now)
{
	const struct cp_schedule *schedule = &program->schedule;
	int64_t cpu_ns = (int64_t)(program->taken_mono_ns - schedule->cpu_start_ns);
	int64_t heap_ns = program->heap_ns ? now - program->heap_ns : 0;
	for (int i = 0; i < CP_PROFILES; i++) {
		enum cp_profile profile = (enum cp_profile)i;
		if (!cp_batch_has(program->batch, profile))
			continue;
		int cpu = profile == CP_PROFILE_CPU;
		int64_t time = cpu ? now - cpu_ns : now;
		int64_t duration = cpu ? cpu_ns : profile == CP_PROFILE_HEAP ? heap_ns : 0;
		int error =
		    cp_batch_encode(program->batch, profile, time, duration, &parcel->profiles[i]);
		if (error)
			cp_log_change(log, CP_TOPIC_ENCODE, CP_ERROR,
				      "%s: a profile could not be made: %s", program->service,
				      cp_text_error(error));
	}
	if (parcel->profiles[CP_PROFILE_HEAP].len)
		program->heap_ns = now;
}

static int describe(struct cp_program *program, struct cp_parcel *parcel, int64_t now,
		    uint64_t dropped)
{
	struct cp_event event = {.start_ns = program->start_ns,
				 .end_ns = now,
				 .pid = (int)program->pid,
				 .seq = program->seq,
				 .dropped = dropped,
				 .config = &program->config};
	for (int i = 0; i < CP_PROFILES; i++)
		if (parcel->profiles[i].len)
			event.profiles |= CP_BIT(i);
	for (int i = 0; i < CP_PROFILES; i++)
		cp_batch_coverage(program->batch, (enum cp_profile)i, &event.coverage[i]);
	memcpy(program->coverage, event.coverage, sizeof program->coverage);
	for (unsigned kind = CP_KIND_CPU; kind < CP_KINDS; kind++)
		for (unsigned cause = 0; cause < CP_LOSSES; cause++)
			event.lost[kind][cause] =
			    cp_batch_lost(program->batch, (enum cp_kind)kind, (enum cp_loss)cause);
	memcpy(event.runtime_id, program->runtime_id, sizeof event.runtime_id);
	memcpy(event.exe, program->exe, sizeof event.exe);
	memcpy(event.cwd, program->cwd, sizeof event.cwd);
	memcpy(event.service, program->service, sizeof event.service);
	if (gethostname(event.host, sizeof event.host - 1))
		event.host[0] = '\0';
	return cp_request_event(&event, &parcel->event);
}

static struct cp_parcel *make_parcel(struct cp_program *program, struct cp_log *log,
				     uint64_t dropped)
{
	struct cp_parcel *parcel = cp_parcel_new();
	char name[128], stamp[17];
	int64_t now = program->taken_ns;
	if (!parcel)
		return NULL;
	const char *app = program->config.app_name;
	cp_parcel_name(*app ? app : program->service, name, sizeof name);
	cp_text_stamp(now, stamp);
	snprintf(parcel->stem, sizeof parcel->stem, "%s-%d-%s-%llu", name, (int)program->pid, stamp,
		 (unsigned long long)program->seq);
	parcel->program = program->id;
	parcel->config = program->config;
	encode(program, parcel, log, now);
	if (!describe(program, parcel, now, dropped))
		return parcel;
	cp_parcel_free(parcel);
	return NULL;
}

struct cp_parcel *cp_program_close_period(struct cp_program *program, struct cp_log *log,
					  uint64_t dropped)
{
	struct cp_parcel *parcel = NULL;
	if (program->taken) {
		parcel = make_parcel(program, log, dropped);
		if (!parcel)
			cp_log_change(log, CP_TOPIC_ENCODE, CP_ERROR,
				      "%s: out of memory, a period is lost", program->service);
		program->seq++;
		struct cp_batch *fresh = new_batch(program->symbols);
		if (fresh) {
			cp_batch_free(program->batch);
			program->batch = fresh;
		}
		cp_symbols_rest(program->symbols, cp_text_monotonic());
	}
	program->taken = 0;
	program->pid = 0;
	program->start_ns = cp_text_now();
	cp_schedule_turn(&program->schedule, cp_text_monotonic());
	return parcel;
}
