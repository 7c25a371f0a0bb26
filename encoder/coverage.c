/* coverage.c - how much of what happened a profile shows: samples, lost, truncated, ended early. */
/* SPDX-License-Identifier: MIT */
#include "encoder/batch.h"
#include "encoder/view.h"

void cp_cover_part(struct cp_batch *batch, enum cp_profile profile, enum cp_part part,
		   uint64_t samples, const struct cp_sums *sums)
{
	cp_add(&batch->samples[profile][part], samples);
	for (int i = 0; i < CP_SUMS; i++)
		cp_add(&batch->weights[profile][part].n[i], sums->n[i]);
}

void cp_cover_row(struct cp_batch *batch, enum cp_profile profile, unsigned flags, uint64_t samples,
		  const struct cp_sums *sums)
{
	cp_cover_part(batch, profile, CP_PART_ALL, samples, sums);
	if (flags & (CP_ROW_TRUNCATED | CP_ROW_GAP))
		cp_cover_part(batch, profile, CP_PART_DEEP, samples, sums);
	if (flags & CP_ROW_ENDED_EARLY)
		cp_cover_part(batch, profile, CP_PART_EARLY, samples, sums);
}

/* Their number is taken after that of the lost: one that is counted while this runs may be a loss
 * already and no sample yet, but never the other way round. */
void cp_cover_hits(struct cp_batch *batch, const struct cp_view *view, uint64_t *marks)
{
	struct cp_recording *shared = cp_view_header(view);
	uint64_t *samples = batch->samples[CP_PROFILE_HEAP], hits[CP_HITS_WORDS], lost = 0;
	for (int i = CP_HITS_WORDS - 1; i >= 0; i--) {
		uint64_t now = atomic_load_explicit(&shared->hits[i], memory_order_acquire);
		hits[i] = cp_less(now, cp_view_load(&marks[i]));
		__atomic_store_n(&marks[i], now, __ATOMIC_RELAXED);
	}
	for (int cause = 0; cause < CP_LOSSES; cause++) {
		cp_add(&batch->lost[CP_KIND_HEAP][cause], hits[CP_HITS_LOST + cause]);
		if (cause != CP_LOST_LIVE)
			cp_add(&lost, hits[CP_HITS_LOST + cause]);
	}
	cp_add(&samples[CP_PART_ALL], cp_less(hits[CP_HITS], lost));
	cp_add(&samples[CP_PART_DEEP], hits[CP_HITS_DEEP]);
	cp_add(&samples[CP_PART_EARLY], hits[CP_HITS_EARLY]);
	cp_add(&samples[CP_PART_LOST], lost);
}

/* Threads are shown as they are: a sample weighs 1. */
void cp_batch_coverage(const struct cp_batch *batch, enum cp_profile profile,
		       struct cp_coverage *coverage)
{
	uint64_t parts[CP_PARTS];
	for (int i = 0; i < CP_PARTS; i++)
		parts[i] = profile == CP_PROFILE_THREADS ? batch->weights[profile][i].n[0]
							 : batch->samples[profile][i];
	*coverage = (struct cp_coverage){.samples = parts[CP_PART_ALL],
					 .lost = parts[CP_PART_LOST],
					 .truncated = parts[CP_PART_DEEP],
					 .ended_early = parts[CP_PART_EARLY]};
}

uint64_t cp_batch_lost(const struct cp_batch *batch, enum cp_kind kind, enum cp_loss cause)
{
	return (unsigned)kind < CP_KINDS && (unsigned)cause < CP_LOSSES ? batch->lost[kind][cause]
									: 0;
}
