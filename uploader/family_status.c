/* family_status.c - what `conprof status` tells of a family: programs, processes, deliveries. */
/* SPDX-License-Identifier: MIT */
#include "uploader/family.h"

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
