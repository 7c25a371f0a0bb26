/* comments.c - how far a profile can be trusted, in words inside it. */
/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/attrs.h"
#include "encoder/making.h"

#define CP_COMMENTS_MAX (CP_LOSSES + 5)

CP_PRINTF(2, 3) static void say(struct cp_making *making, const char *format, ...)
{
	char text[160];
	va_list words;
	va_start(words, format);
	vsnprintf(text, sizeof(text), format, words);
	va_end(words);
	making->profile.comment[making->profile.n_comment++] = cp_making_text(making, text);
}

static enum cp_kind kind_of(enum cp_profile which)
{
	if (which == CP_PROFILE_CPU)
		return CP_KIND_CPU;
	return which == CP_PROFILE_HEAP ? CP_KIND_HEAP : CP_KIND_THREAD;
}

void cp_making_comments(struct cp_making *making)
{
	const struct cp_batch *batch = making->batch;
	enum cp_kind kind = kind_of(making->which);
	making->profile.comment =
	    cp_making_take(making, CP_COMMENTS_MAX, sizeof(*making->profile.comment));
	if (making->error)
		return;
	say(making, "conprof %s: %" PRIu32 " process(es)", CP_VERSION, batch->recordings);
	if (making->which == CP_PROFILE_CPU)
		say(making, "ticks taken since start: %" PRIu64 "; one takes %" PRIu64 " ns",
		    batch->ticks, batch->tick_ns);
	if (making->which == CP_PROFILE_HEAP)
		say(making, "allocations sampled since start: %" PRIu64, batch->heap_hits);
	if (making->which == CP_PROFILE_HEAP && batch->foreign_mallocs)
		say(making,
		    "in %" PRIu32 " process(es) another malloc stands in front: only allocations "
		    "that it hands on are profiled",
		    batch->foreign_mallocs);
	for (int cause = 0; cause < CP_LOSSES; cause++)
		if (batch->lost[kind][cause])
			say(making, "lost (%s): %" PRIu64, cp_loss_name((enum cp_loss)cause),
			    batch->lost[kind][cause]);
	if (batch->truncated_rows)
		say(making, "stacks with frames left out: %" PRIu32, batch->truncated_rows);
	if (batch->damaged_rows)
		say(making, "damaged or unfinished rows passed over: %" PRIu32,
		    batch->damaged_rows);
}
