/* family_status.c - what `conprof status` tells of a family: programs, processes, deliveries. */
/* SPDX-License-Identifier: MIT */
#include "uploader/family.h"

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

void cp_family_status(struct cp_family *family, struct cp_text *out)
{
	char last[1024];
	unsigned lines = 0;
	cp_text_addf(out, "family\tprocesses=%u\tjoins=%llu\trefused=%llu\n", family->living,
		     (unsigned long long)family->joins, (unsigned long long)family->refused);
	for (const struct cp_program *p = family->programs; p; p = p->next) {
		cp_text_addf(
		    out, "program\tid=%llu\tname=%s\texe=%s\tprocesses=%u\tperiod=%us\tseq=%llu\n",
		    (unsigned long long)p->id, p->service, p->exe, p->living, p->config.period_s,
		    (unsigned long long)p->seq);
		add_coverage(p, out);
		for (unsigned i = 0; i < CP_ENDED_KEPT; i++)
			if (p->ended[i].pid)
				cp_text_addf(out, "ended\tpid=%d\tprogram=%llu\tticket=%llu\n",
					     (int)p->ended[i].pid, (unsigned long long)p->id,
					     (unsigned long long)p->ended[i].ticket);
	}
	for (const struct cp_member *m = family->members; m && lines < 256; m = m->next, lines++)
		cp_text_addf(out, "process\tpid=%d\tprogram=%llu\tthreads=%llu\n", (int)m->pid,
			     (unsigned long long)m->program->id,
			     (unsigned long long)cp_view_threads(m->view));
	cp_delivery_status(family->delivery, out);
	cp_log_last(family->log, last, sizeof last);
	if (last[0])
		cp_text_addf(out, "last\tline=%s\n", last);
}
