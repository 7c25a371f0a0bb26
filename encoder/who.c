/* who.c - threads and their names, as samples are labelled with them. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "encoder/batch.h"
#include "encoder/text.h"
#include "encoder/view.h"

/* As many as the library has room for: of more a stranger would have us ask /proc. */
#define CP_SLOTS_MAX (1u << 14)

struct cp_living {
	uint32_t row, slot;
};

static int by_row(const void *a, const void *b)
{
	const struct cp_living *x = a, *y = b;
	if (x->row != y->row)
		return x->row > y->row ? 1 : -1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

static int list_living(struct cp_whos *whos)
{
	struct cp_view_thread thread;
	whos->living = malloc((whos->slots ? whos->slots : 1) * sizeof(*whos->living));
	if (!whos->living)
		return -ENOMEM;
	for (uint32_t i = 0; i < whos->slots; i++)
		if (!cp_view_thread(whos->view, i, &thread) && thread.alive)
			whos->living[whos->count++] = (struct cp_living){thread.row, i};
	qsort(whos->living, whos->count, sizeof(*whos->living), by_row);
	return 0;
}

/* The numbers of its threads mean something to us only if its own does; and not what they did once
 * another image runs under it. */
static bool can_be_asked(const struct cp_recording *shared, pid_t pid, unsigned profiles)
{
	return !(profiles & CP_TAKE_OVER) &&
	       __atomic_load_n(&shared->pid, __ATOMIC_RELAXED) == pid &&
	       atomic_load_explicit(&shared->ended, memory_order_relaxed) != CP_ENDED_EXEC;
}

int cp_whos_open(struct cp_whos *whos, struct cp_batch *batch, const struct cp_view *view,
		 pid_t pid, unsigned profiles)
{
	const struct cp_recording *shared = cp_view_header(view);
	uint32_t labels = __atomic_load_n(&shared->config.sample_labels, __ATOMIC_RELAXED);
	if (profiles & CP_TAKE_TOGETHER)
		labels &= CP_LABEL_THREAD;
	*whos = (struct cp_whos){.batch = batch, .view = view, .labels = labels};
	if (!(labels & (CP_LABEL_TID | CP_LABEL_THREAD)))
		return 0;
	whos->pid = can_be_asked(shared, pid, profiles) ? pid : 0;
	whos->slots = cp_view_slots(view);
	whos->slots = whos->slots < CP_SLOTS_MAX ? whos->slots : CP_SLOTS_MAX;
	whos->numbers = calloc(whos->slots ? whos->slots : 1, sizeof(*whos->numbers));
	if (!whos->numbers)
		return -ENOMEM;
	return profiles & CP_BIT(CP_PROFILE_THREADS) ? list_living(whos) : 0;
}

void cp_whos_close(struct cp_whos *whos)
{
	free(whos->numbers);
	free(whos->living);
}

/* What the kernel says now; empty when it does not know the thread. */
static void ask(const struct cp_whos *whos, int32_t tid, char name[CP_VIEW_NAME])
{
	char path[64];
	if (!whos->pid)
		return;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", (int)whos->pid, (int)tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t len = read(fd, name, CP_VIEW_NAME - 1);
	close(fd);
	len = len < 0 ? 0 : len;
	if (len && name[len - 1] == '\n')
		len--;
	name[len] = 0;
}

/* In the batch, + 1. Two names that differ in what is not text are one. */
static uint32_t number_of(struct cp_batch *batch, int32_t tid, const char *name)
{
	struct cp_who key = {.tid = tid};
	size_t len = strlen(name);
	memcpy(key.name, name, len);
	cp_text_clean(key.name, len);
	if (!key.tid && !len)
		return 0;
	return cp_intern(&batch->whos, &key, sizeof(key)) + 1; /* CP_NONE + 1 is nobody */
}

static uint32_t slots_number(struct cp_whos *whos, uint32_t slot)
{
	struct cp_view_thread thread;
	char name[CP_VIEW_NAME] = "";
	if (slot >= whos->slots)
		return 0;
	if (!whos->numbers[slot] && !cp_view_thread(whos->view, slot, &thread)) {
		if (whos->labels & CP_LABEL_THREAD) {
			if (thread.alive)
				ask(whos, thread.tid, name);
			if (!*name)
				cp_view_name(whos->view, thread.name, name);
		}
		whos->numbers[slot] =
		    number_of(whos->batch, whos->labels & CP_LABEL_TID ? thread.tid : 0, name);
	}
	return whos->numbers[slot];
}

void cp_whos_note(struct cp_whos *whos, enum cp_profile profile, uint32_t who, uint64_t samples,
		  const struct cp_sums *sums)
{
	uint32_t heap = CP_LABEL_THREAD, others = CP_LABEL_TID | CP_LABEL_THREAD;
	if (!who && (whos->labels & (profile == CP_PROFILE_HEAP ? heap : others)))
		cp_cover_part(whos->batch, profile, CP_PART_NOBODY, samples, sums);
}

uint32_t cp_whos_find(struct cp_whos *whos, uint32_t who)
{
	char name[CP_VIEW_NAME];
	if (!(who & CP_WHO_NAME))
		return who ? slots_number(whos, who - 1) : 0;
	if (!(whos->labels & CP_LABEL_THREAD))
		return 0;
	cp_view_name(whos->view, who & ~CP_WHO_NAME, name);
	return number_of(whos->batch, 0, name);
}

/* The first of this row, by halves. */
static uint32_t first_of(const struct cp_whos *whos, uint32_t row)
{
	uint32_t from = 0, to = whos->count;
	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		if (whos->living[middle].row < row)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

uint32_t cp_whos_living(struct cp_whos *whos, uint32_t row, uint32_t nth)
{
	uint64_t at = (uint64_t)first_of(whos, row) + nth;
	return at < whos->count && whos->living[at].row == row
		   ? slots_number(whos, whos->living[at].slot)
		   : 0;
}
