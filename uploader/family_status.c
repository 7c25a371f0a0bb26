/* family_status.c - what `conprof status` tells of a family: programs, processes, deliveries. */
/* SPDX-License-Identifier: MIT */
#include "uploader/control.h"

#define ENDED_MAX 512u /* lines of all programs together */

/* Of the last upload, profile by profile. */
static void add_coverage(const struct cp_program *program, struct cp_text *out)
{
	static const char *const names[CP_PROFILES] = {
	    [CP_PROFILE_HEAP] = "heap", [CP_PROFILE_THREADS] = "threads", [CP_PROFILE_CPU] = "cpu"};
	for (int i = 0; i < CP_PROFILES && program->seq; i++) {
		const struct cp_coverage *is = &program->coverage[i];
		if (is->samples || is->lost)
			cp_text_addf(out,
				     "coverage\tprogram=%llu\tprofile=%s\tsamples=%llu\t"
				     "lost=%llu\ttruncated=%llu\tended_early=%llu\n",
				     (unsigned long long)program->id, names[i],
				     (unsigned long long)is->samples, (unsigned long long)is->lost,
				     (unsigned long long)is->truncated,
				     (unsigned long long)is->ended_early);
	}
}

/* How full its tables are, and how large the unwinder's cache. */
static void add_process(const struct cp_family *family, const struct cp_member *m,
			struct cp_text *out)
{
	const struct cp_recording *header = cp_view_header(m->view);
	uint32_t rules = atomic_load_explicit(&header->rules, memory_order_relaxed);
	uint64_t stacks[2], words[2];

	cp_view_fill(m->view, stacks, words);
	cp_text_addf(out,
		     "process\tpid=%d\tprogram=%llu\tthreads=%llu\tstacks=%llu/%llu\t"
		     "words=%llu/%llu\trenewals=%u\trules_kib=%u\tstate=%s\trate=%u\n",
		     (int)m->pid, (unsigned long long)m->program->id,
		     (unsigned long long)cp_view_threads(m->view), (unsigned long long)stacks[0],
		     (unsigned long long)stacks[1], (unsigned long long)words[0],
		     (unsigned long long)words[1], m->renewals, rules / 1024,
		     cp_control_state(family, m), cp_control_rate(m));
}

static void add_symbols(const struct cp_family *family, struct cp_text *out)
{
	struct cp_symbols_status is;
	cp_symbols_status(family->symbols, &is);
	/* two threads: of a moment in between more may have been looked up than asked for */
	uint64_t hits = is.asked > is.looked_up ? is.asked - is.looked_up : 0;
	cp_text_addf(out,
		     "symbols\tbytes=%llu\tmax=%llu\timages=%llu\taddresses=%llu\thits=%llu\t"
		     "misses=%llu\topens=%llu\topen=%llu\tevicted=%llu\n",
		     (unsigned long long)is.bytes, (unsigned long long)is.max,
		     (unsigned long long)is.images, (unsigned long long)is.addresses,
		     (unsigned long long)hits, (unsigned long long)is.looked_up,
		     (unsigned long long)is.opens, (unsigned long long)is.open,
		     (unsigned long long)is.evictions);
}

static void add_ended(const struct cp_program *program, unsigned i, struct cp_text *out)
{
	const struct cp_ending *ending = &program->ended[i].ending;
	char word[CP_ENDING_WORD];
	cp_ending_word(ending, word);
	cp_text_addf(out, "ended\tpid=%d\tprogram=%llu\tticket=%llu\thow=%s",
		     (int)program->ended[i].pid, (unsigned long long)program->id,
		     (unsigned long long)program->ended[i].ticket, word);
	if (ending->how == CP_END_EXIT && ending->number >= 0)
		cp_text_addf(out, "\tstatus=%d", ending->number);
	if (ending->how == CP_END_SIGNAL)
		cp_text_addf(out, "\tcore_dumped=%d\toom=%d", ending->core_dumped, ending->oom);
	cp_text_add(out, "\tat=");
	cp_text_add_time(out, ending->at_ns);
	cp_text_add(out, "\n");
}

/* An answer has an end (CP_STATUS_MAX), and a build has dozens of programs, each of which ended
 * dozens of times: so they come last, and of many programs only the latest of each. */
static void add_all_ended(const struct cp_family *family, unsigned programs, struct cp_text *out)
{
	unsigned each = programs ? ENDED_MAX / programs : 0;
	each = each < 1 ? 1 : each > CP_ENDED_KEPT ? CP_ENDED_KEPT : each;
	for (const struct cp_program *p = family->programs; p; p = p->next) {
		unsigned kept = p->ended_count < each ? p->ended_count : each;
		for (unsigned i = p->ended_count - kept; i != p->ended_count; i++)
			add_ended(p, i % CP_ENDED_KEPT, out);
	}
}

void cp_family_last(struct cp_family *family, struct cp_text *out)
{
	char line[1024];
	cp_log_last(family->log, line, sizeof line);
	if (!line[0])
		return;
	cp_text_add(out, "last");
	cp_text_add_field(out, "line", line);
	cp_text_add(out, "\n");
}

void cp_family_status(struct cp_family *family, struct cp_text *out)
{
	unsigned lines = 0, programs = 0;
	cp_text_addf(out, "family\tprocesses=%u\tjoins=%llu\trefused=%llu\n", family->living,
		     (unsigned long long)family->joins, (unsigned long long)family->refused);
	for (const struct cp_program *p = family->programs; p; p = p->next) {
		cp_text_addf(out, "program\tid=%llu", (unsigned long long)p->id);
		cp_text_add_field(out, "name", p->service);
		cp_text_add_field(out, "exe", p->exe);
		cp_text_addf(out, "\tprocesses=%u\tperiod=%us\tseq=%llu\n", p->living,
			     p->config.period_s, (unsigned long long)p->seq);
		add_coverage(p, out);
		programs++;
	}
	for (const struct cp_member *m = family->members; m && lines < 256; m = m->next, lines++)
		add_process(family, m, out);
	add_symbols(family, out);
	cp_delivery_status(family->delivery, out);
	cp_family_last(family, out);
	add_all_ended(family, programs, out);
}
