/* names.c - what threads are called, each name once. */
/* SPDX-License-Identifier: MIT */
#include "signal/names.h"

#include "signal/law.h"

static const struct cp_name *names(const struct cp_recording *rec)
{
	return (const struct cp_name *)((const char *)rec + rec->names.at);
}

/* 0 while it is being written: no name begins so. */
static uint64_t head_of(const struct cp_name *name)
{
	return atomic_load_explicit(&name->head, memory_order_acquire);
}

/* Looked at first, so that a full table's counter does not run round. */
static uint32_t add(struct cp_recording *rec, const uint64_t text[2])
{
	struct cp_name *name;
	uint32_t n;

	if (atomic_load_explicit(&rec->names_used, memory_order_relaxed) >= rec->names.max)
		return 0;
	n = atomic_fetch_add_explicit(&rec->names_used, 1, memory_order_relaxed);
	if (n >= rec->names.max)
		return 0;
	name = (struct cp_name *)((char *)rec + rec->names.at) + n;
	name->tail = text[1];
	atomic_store_explicit(&name->head, text[0], memory_order_release);
	return n + 1;
}

int cp_name_is(const struct cp_recording *rec, uint32_t number, const uint64_t text[2])
{
	const struct cp_name *name = names(rec) + number - 1;

	return head_of(name) == text[0] && name->tail == text[1];
}

/* Most programs have few, and only a thread that is called otherwise than before comes here. */
uint32_t cp_name_number(struct cp_recording *rec, const uint64_t text[2])
{
	uint64_t used = atomic_load_explicit(&rec->names_used, memory_order_relaxed);

	if (!text[0])
		return 0;
	for (uint32_t n = 1; n <= used && n <= rec->names.max; n++)
		if (cp_name_is(rec, n, text))
			return n;
	return add(rec, text);
}

uint32_t cp_who_of(struct cp_recording *rec, const struct cp_recording *other, uint32_t who)
{
	uint32_t n = who & ~CP_WHO_NAME, mine;
	uint64_t text[2];

	if (!(who & CP_WHO_NAME) || !n || n > other->names.max)
		return 0;
	text[0] = head_of(names(other) + n - 1);
	text[1] = names(other)[n - 1].tail;
	mine = cp_name_number(rec, text);
	return mine ? CP_WHO_NAME | mine : 0;
}
