/* comments.c - how far a profile can be trusted, in words inside it. */
/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/attrs.h"
#include "encoder/making.h"

#define CP_COMMENTS_MAX 14
#define CP_COMMENT_MAX	1024u

CP_PRINTF(2, 3) static void say(struct cp_making *making, const char *format, ...)
{
	char text[CP_COMMENT_MAX];
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

/* " (busy 2, unwind 1)", by cause; nothing if nothing was lost. */
static void causes(const uint64_t lost[CP_LOSSES], char text[CP_COMMENT_MAX])
{
	size_t len = 0;
	text[0] = 0;
	for (unsigned cause = 0; cause < CP_LOSSES; cause++)
		if (lost[cause] && cause != CP_LOST_LIVE && len < CP_COMMENT_MAX)
			len += (size_t)snprintf(text + len, CP_COMMENT_MAX - len, "%s%s %" PRIu64,
						len ? ", " : " (",
						cp_loss_name((enum cp_loss)cause), lost[cause]);
	if (len && len < CP_COMMENT_MAX)
		snprintf(text + len, CP_COMMENT_MAX - len, ")");
}

static void say_samples(struct cp_making *making)
{
	static const char *const names[CP_PROFILES] = {"samples", "threads", "samples"};
	struct cp_coverage is;
	char why[CP_COMMENT_MAX] = "";
	cp_batch_coverage(making->batch, making->which, &is);
	if (making->which != CP_PROFILE_THREADS)
		causes(making->batch->lost[kind_of(making->which)], why);
	say(making,
	    "conprof: %s %" PRIu64 ", lost %" PRIu64 "%s, truncated %" PRIu64
	    ", ended early %" PRIu64,
	    names[making->which], is.samples, is.lost, why, is.truncated, is.ended_early);
}

/* The same by weight, for samples do not weigh the same. What is in use of what was lost nobody
 * knows. */
static void say_weight(struct cp_making *making, const char *name, int sum, bool with_lost)
{
	const struct cp_sums *is = making->batch->weights[making->which];
	char lost[40] = "";
	if (with_lost)
		snprintf(lost, sizeof(lost), ", lost %" PRIu64, is[CP_PART_LOST].n[sum]);
	say(making, "conprof: %s %" PRIu64 "%s, truncated %" PRIu64 ", ended early %" PRIu64, name,
	    is[CP_PART_ALL].n[sum], lost, is[CP_PART_DEEP].n[sum], is[CP_PART_EARLY].n[sum]);
}

static void say_cpu(struct cp_making *making)
{
	say_weight(making, "periods", 0, true);
	if (making->batch->tick_ns)
		say(making, "conprof: a tick takes %" PRIu64 " ns", making->batch->tick_ns);
}

static void say_heap(struct cp_making *making)
{
	const struct cp_batch *batch = making->batch;
	say_weight(making, "alloc_space", 1, true);
	say_weight(making, "inuse_space", 3, false);
	if (batch->lost[CP_KIND_HEAP][CP_LOST_LIVE])
		say(making, "conprof: not followed %" PRIu64 ": allocated, but never in use here",
		    batch->lost[CP_KIND_HEAP][CP_LOST_LIVE]);
	if (batch->foreign_mallocs)
		say(making,
		    "conprof: another malloc in front, processes %" PRIu32
		    ": only allocations that it hands on are profiled",
		    batch->foreign_mallocs);
}

/* What holds for all profiles of this batch, if it does. */
static void say_exceptions(struct cp_making *making)
{
	const struct cp_batch *batch = making->batch;
	if (batch->silenced[CP_SILENCED_BY_FILTER])
		say(making,
		    "conprof: silenced by a seccomp filter, processes %" PRIu32
		    ": nothing more is recorded there",
		    batch->silenced[CP_SILENCED_BY_FILTER]);
	if (batch->silenced[CP_SILENCED_BY_LOCK])
		say(making,
		    "conprof: silenced by mlockall, processes %" PRIu32
		    ": nothing more is recorded there",
		    batch->silenced[CP_SILENCED_BY_LOCK]);
	if (batch->stopped_ns)
		say(making, "conprof: sampling was stopped for %" PRIu64 " ms of this time",
		    batch->stopped_ns / 1000000);
	if (batch->stopped)
		say(making, "conprof: stopped by hand at the end of this time, processes %" PRIu32,
		    batch->stopped);
	const struct cp_perfmap_counts *names = &batch->code_counts;
	if (names->refused || names->forgotten || names->unread)
		say(making,
		    "conprof: perf maps: lines passed over %" PRIu64 ", forgotten %" PRIu64
		    ", bytes not yet read %" PRIu64,
		    names->refused, names->forgotten, names->unread);
	if (batch->crowded_rows)
		say(making, "conprof: stacks without room %" PRIu32 ": summed up as lost",
		    batch->crowded_rows);
	if (batch->damaged_rows)
		say(making, "conprof: damaged or unfinished rows %" PRIu32 ": passed over",
		    batch->damaged_rows);
}

/* They are in the profile, but which thread it was is not. */
static void say_nobody(struct cp_making *making)
{
	static const char *const names[CP_PROFILES] = {"alloc_space", "threads", "samples"};
	enum cp_profile which = making->which;
	const struct cp_sums *weight = &making->batch->weights[which][CP_PART_NOBODY];
	uint64_t samples = making->batch->samples[which][CP_PART_NOBODY];
	uint64_t what = which == CP_PROFILE_HEAP ? weight->n[1] : samples;
	if (what)
		say(making, "conprof: of no known thread: %s %" PRIu64, names[which], what);
}

void cp_making_comments(struct cp_making *making)
{
	making->profile.comment =
	    cp_making_take(making, CP_COMMENTS_MAX, sizeof(*making->profile.comment));
	if (making->error)
		return;
	say(making, "conprof: version %s, processes %" PRIu32, CP_VERSION,
	    making->batch->recordings);
	say_samples(making);
	if (making->which == CP_PROFILE_CPU)
		say_cpu(making);
	if (making->which == CP_PROFILE_HEAP)
		say_heap(making);
	if (making->batch->remark)
		say(making, "conprof: %s", making->batch->remark);
	say_exceptions(making);
	say_nobody(making);
}
