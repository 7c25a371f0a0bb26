/* program.c - one program of a family: a period's snapshots, and the parcel made of them. */
/* SPDX-License-Identifier: MIT */
#include "uploader/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
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

struct cp_batch *cp_program_batch(struct cp_symbols *symbols)
{
	const struct cp_signal_cost *cost = cp_signal_cost();
	struct cp_batch *batch = cp_batch_new(symbols);
	if (batch)
		cp_batch_signals(batch, cost->signal_ns, cost->clock_ns);
	return batch;
}

/* Anything up to it. */
static uint64_t jitter(const struct cp_config *config)
{
	uint64_t most = config->start_jitter_s * UINT64_C(1000000000), random = 0;
	if (!most || getrandom(&random, sizeof random, 0) != sizeof random)
		return 0;
	return random % (most + 1);
}

struct cp_program *cp_program_new(uint64_t id, struct cp_symbols *symbols,
				  const struct cp_recording *header, const struct cp_config *config)
{
	struct cp_program *program = calloc(1, sizeof *program);
	if (!program)
		return NULL;
	program->id = id;
	program->symbols = symbols;
	program->batch = cp_program_batch(symbols);
	program->config = *config;
	read_names(program, header);
	if (!program->batch || cp_request_uuid(program->runtime_id)) {
		cp_program_free(program);
		return NULL;
	}
	cp_schedule_begin(&program->schedule, cp_text_monotonic(), program->config.period_s,
			  program->config.cpu_duration_s, jitter(config));
	program->start_ns = cp_text_now();
	cp_pause_begin(&program->pause);
	return program;
}

void cp_program_free(struct cp_program *program)
{
	if (!program)
		return;
	cp_batch_free(program->batch);
	cp_batch_free(program->past);
	cp_custody_drop(program->custody);
	free(program);
}

int cp_program_is(const struct cp_program *program, const struct cp_recording *header,
		  const struct cp_config *config)
{
	char exe[sizeof header->exe];
	cp_member_string(exe, sizeof exe, header->exe, sizeof header->exe);
	return strcmp(exe, program->exe) == 0 &&
	       memcmp(config, &program->config, sizeof *config) == 0;
}

/* A process that dies outside the CPU window leaves its CPU out while others of the program live;
 * the last one's is taken all the same, as a short run would else have no CPU profile at all. */
void cp_program_take(struct cp_program *program, struct cp_member *member, struct cp_log *log,
		     unsigned how)
{
	unsigned mask = CP_BIT(CP_PROFILE_HEAP) | CP_BIT(CP_PROFILE_THREADS);
	if (program->schedule.cpu_open ||
	    ((how == CP_TAKE_OVER || member->farewell) && program->living <= 1))
		mask |= CP_BIT(CP_PROFILE_CPU);
	int error =
	    cp_batch_take(program->batch, member->view, member->marks, member->pid, mask | how);
	if (error)
		cp_log_change(log, CP_TOPIC_ENCODE, CP_ERROR, "process %d: no snapshot: %s",
			      (int)member->pid, cp_text_error(error));
	else
		program->taken++;
	program->taken_ns = cp_text_now();
	program->taken_mono_ns = cp_text_monotonic();
	if (!program->pid)
		program->pid = member->pid;
	program->several |= program->pid != member->pid;
}

void cp_program_note_end(struct cp_program *program, pid_t pid, const struct cp_ending *ending,
			 uint64_t ticket)
{
	unsigned at = program->ended_count++ % CP_ENDED_KEPT;
	program->ended[at].pid = pid;
	program->ended[at].ticket = ticket;
	program->ended[at].ending = *ending;
	program->signals += ending->how == CP_END_SIGNAL;
}

/* A pause may have begun in the microseconds after the snapshot. */
static int64_t less(int64_t ns, uint64_t paused_ns)
{
	return ns > (int64_t)paused_ns ? ns - (int64_t)paused_ns : 0;
}

/* As Go's profiler writes them: CPU from the start of its window; heap and threads at the moment of
 * the snapshot, heap with the time since the last one, of which the first has none. What it was
 * stopped for is in neither. */
static void set_times(struct cp_program *program, struct cp_film *film)
{
	const struct cp_schedule *schedule = &program->schedule;
	int64_t now = program->taken_ns;
	const struct cp_pause *pause = &program->pause;
	int64_t cpu_ns = (int64_t)(program->taken_mono_ns - schedule->cpu_start_ns);
	/* not by the clock on the wall, which may be set in between */
	int64_t heap_ns =
	    program->heap_ns ? (int64_t)(program->taken_mono_ns - program->heap_ns) : 0;
	for (int i = 0; i < CP_PROFILES; i++)
		film->time_ns[i] = now;
	film->time_ns[CP_PROFILE_CPU] = now - cpu_ns;
	film->duration_ns[CP_PROFILE_CPU] = less(cpu_ns, pause->cpu_ns);
	film->duration_ns[CP_PROFILE_HEAP] = less(heap_ns, pause->heap_ns);
	if (cp_batch_has(program->batch, CP_PROFILE_HEAP))
		program->heap_ns = program->taken_mono_ns;
}

static void describe(struct cp_program *program, struct cp_event *event, uint64_t dropped)
{
	event->start_ns = program->start_ns;
	event->end_ns = program->taken_ns;
	if (event->start_ns > event->end_ns) /* the clock was set back */
		event->start_ns =
		    event->end_ns - (int64_t)(program->taken_mono_ns - program->schedule.start_ns);
	event->pid = (int)program->pid;
	event->seq = program->seq;
	event->dropped = dropped;
	event->stopped_ns = program->pause.period_ns;
	for (int i = 0; i < CP_PROFILES; i++)
		cp_batch_coverage(program->batch, (enum cp_profile)i, &event->coverage[i]);
	memcpy(program->coverage, event->coverage, sizeof program->coverage);
	for (unsigned kind = CP_KIND_CPU; kind < CP_KINDS; kind++)
		for (unsigned cause = 0; cause < CP_LOSSES; cause++)
			event->lost[kind][cause] =
			    cp_batch_lost(program->batch, (enum cp_kind)kind, (enum cp_loss)cause);
	event->endings = program->endings;
	event->alone = !program->several;
	memcpy(event->runtime_id, program->runtime_id, sizeof event->runtime_id);
	memcpy(event->exe, program->exe, sizeof event->exe);
	memcpy(event->cwd, program->cwd, sizeof event->cwd);
	memcpy(event->service, program->service, sizeof event->service);
	if (gethostname(event->host, sizeof event->host - 1))
		event->host[0] = '\0';
}

/* Containers and machines that share a folder or a spool each have a process of this number, and
 * they start in the same second: what chance has given this program tells it from theirs. */
static void address(const struct cp_program *program, struct cp_parcel *parcel)
{
	char name[128], stamp[17];
	const char *app = program->config.app_name;
	cp_parcel_name(*app ? app : program->service, name, sizeof name);
	cp_text_stamp(program->taken_ns, stamp);
	snprintf(parcel->stem, sizeof parcel->stem, "%s-%.8s-%d-%s-%llu", name, program->runtime_id,
		 (int)program->pid, stamp, (unsigned long long)program->seq);
	parcel->program = program->id;
	parcel->config = program->config;
}

static void remark(struct cp_program *program)
{
	struct cp_text text = {0};
	if (!program->endings.count)
		return;
	cp_endings_say(&program->endings, &text);
	if (!text.failed)
		cp_batch_remark(program->batch, text.data);
	cp_text_free(&text);
}

/* The batch goes into the film, a fresh one takes its place. */
static struct cp_film *take_out(struct cp_program *program, uint64_t dropped)
{
	struct cp_film *film = calloc(1, sizeof *film);
	struct cp_parcel *parcel = film ? cp_parcel_new() : NULL;
	struct cp_batch *fresh = parcel ? cp_program_batch(program->symbols) : NULL;
	if (!fresh) {
		cp_parcel_free(parcel);
		free(film);
		return NULL;
	}
	address(program, parcel);
	set_times(program, film);
	describe(program, &film->event, dropped);
	remark(program);
	cp_batch_stopped(program->batch, program->pause.period_ns);
	film->parcel = parcel;
	film->profiles = CP_BIT(CP_PROFILES) - 1;
	film->batch = program->batch;
	program->batch = fresh;
	return film;
}

static void begin_sheet(struct cp_program *program)
{
	program->taken = 0;
	program->pid = 0;
	program->several = 0;
	program->endings = (struct cp_endings){0};
}

/* The period of the others goes on: what it has so far is laid aside meanwhile. */
struct cp_film *cp_program_close_member(struct cp_program *program, struct cp_member *member,
					const struct cp_ending *ending, struct cp_log *log,
					uint64_t dropped)
{
	struct cp_batch *batch = program->batch, *own = cp_program_batch(program->symbols);
	struct cp_endings endings = program->endings;
	struct cp_schedule schedule = program->schedule;
	unsigned taken = program->taken;
	int several = program->several;
	pid_t pid = program->pid;
	uint64_t heap_ns = program->heap_ns;
	if (!own)
		return NULL;
	program->batch = own;
	begin_sheet(program);
	if (!schedule.cpu_open) /* its marks are those of the period's beginning */
		program->schedule.cpu_start_ns = schedule.start_ns;
	program->schedule.cpu_open = 1;
	cp_program_take(program, member, log, CP_TAKE_OVER);
	cp_pause_account(&program->pause, program->taken_mono_ns);
	cp_endings_add(&program->endings, ending, member->pid);
	struct cp_film *film = take_out(program, dropped);
	if (film) {
		film->apart = program->living > 1;
		program->seq++;
	} else {
		cp_log_change(log, CP_TOPIC_ENCODE, CP_ERROR,
			      "%s: out of memory, the last profile of process %d is lost",
			      program->service, (int)member->pid);
	}
	cp_batch_free(program->batch);
	program->batch = batch;
	program->endings = endings;
	program->schedule = schedule;
	program->taken = taken;
	program->several = several;
	program->pid = pid;
	program->heap_ns = heap_ns;
	return film;
}

/* All of it was under the switch: nothing was sampled, so there is nothing to tell. */
static void discard(struct cp_program *program)
{
	struct cp_batch *fresh = cp_program_batch(program->symbols);
	if (!fresh)
		return;
	cp_batch_free(program->batch);
	program->batch = fresh;
	program->taken = 0;
}

struct cp_film *cp_program_close_period(struct cp_program *program, struct cp_log *log,
					uint64_t dropped)
{
	struct cp_film *film = NULL;
	cp_pause_account(&program->pause, cp_text_monotonic());
	if (program->taken && !program->pause.sampled)
		discard(program);
	if (program->taken) {
		film = take_out(program, dropped);
		if (!film)
			cp_log_change(log, CP_TOPIC_ENCODE, CP_ERROR,
				      "%s: out of memory, a profile is late", program->service);
		program->seq++;
	}
	if (film || !program->taken)
		begin_sheet(program);
	cp_pause_turn(&program->pause, film && cp_batch_has(film->batch, CP_PROFILE_HEAP));
	program->start_ns = cp_text_now();
	cp_schedule_turn(&program->schedule, cp_text_monotonic());
	return film;
}
