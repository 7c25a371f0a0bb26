/* batch.c - keeps a period's stacks and sums, and answers what was lost. */
/* SPDX-License-Identifier: MIT */
#include "encoder/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/control.h"
#include "encoder/origin.h"

/* Caps: what a stranger may make us hold. A program of 5,000 libraries, a million distinct call
 * sites, and 16 processes that each filled a table of 64 Ki stacks fit. */
#define CP_MAPPINGS_MAX	   8192u
#define CP_PLACES_MAX	   (1u << 20)
#define CP_STACKS_MAX	   (1u << 20)
#define CP_CODES_MAX	   (1u << 18)
#define CP_CODE_BYTES_MAX  ((size_t)64 << 20)
#define CP_WHOS_MAX	   (1u << 20)
#define CP_STACK_BYTES_MAX (UINT64_C(512) << 20)

struct cp_batch *cp_batch_new(struct cp_symbols *symbols)
{
	struct cp_batch *batch = calloc(1, sizeof(*batch));
	if (!batch)
		return NULL;
	batch->symbols = symbols;
	batch->next_free = CP_ROOM_START;
	cp_batch_bound(batch, CP_STACKS_MAX, CP_STACK_BYTES_MAX);
	cp_intern_init(&batch->mappings, CP_MAPPINGS_MAX, sizeof(struct cp_mapping));
	cp_intern_init(&batch->codes, CP_CODES_MAX, sizeof(uint64_t));
	cp_intern_init(&batch->whos, CP_WHOS_MAX, 0);
	cp_intern_init(&batch->places, CP_PLACES_MAX + CP_WORDS, sizeof(struct cp_place));
	for (int i = 0; i < CP_PROFILES; i++)
		cp_intern_init(&batch->stacks[i], 2 * CP_STACKS_MAX, sizeof(struct cp_sums));
	return batch;
}

void cp_batch_bound(struct cp_batch *batch, uint32_t stacks, uint64_t bytes)
{
	batch->stacks_max = stacks;
	batch->bytes_max = bytes;
}

void cp_batch_show(struct cp_batch *batch, enum cp_show show)
{
	batch->show = show;
}

void cp_batch_free(struct cp_batch *batch)
{
	if (!batch)
		return;
	for (uint32_t i = 0; i < batch->mappings.count; i++)
		cp_origin_drop(
		    ((const struct cp_mapping *)cp_intern_value(&batch->mappings, i))->origin);
	cp_intern_free(&batch->mappings);
	cp_intern_free(&batch->places);
	cp_intern_free(&batch->codes);
	cp_intern_free(&batch->whos);
	for (int i = 0; i < CP_PROFILES; i++)
		cp_intern_free(&batch->stacks[i]);
	cp_arena_free(&batch->texts);
	free(batch);
}

uint64_t cp_batch_note(struct cp_batch *batch, struct cp_recording *shared, unsigned profiles)
{
	uint32_t types = __atomic_load_n(&shared->config.types, __ATOMIC_RELAXED);
	uint64_t interval = __atomic_load_n(&shared->heap_interval, __ATOMIC_RELAXED);
	uint64_t set_ns = __atomic_load_n(&shared->cpu_period_ns, __ATOMIC_RELAXED);
	uint64_t cpu_period_ns = cp_control_period(cp_control(shared), set_ns);
	if ((types & CP_TYPE_CPU) && set_ns)
		batch->has |= CP_BIT(CP_PROFILE_CPU);
	if ((types & CP_TYPE_HEAP) && interval)
		batch->has |= CP_BIT(CP_PROFILE_HEAP);
	if (types & CP_TYPE_THREAD)
		batch->has |= CP_BIT(CP_PROFILE_THREADS);
	uint32_t how = __atomic_load_n(&shared->config.demangle, __ATOMIC_RELAXED);
	batch->how = how <= CP_DEMANGLE_NONE ? (enum cp_demangling)how : CP_DEMANGLE_SHORT;
	if (!batch->period[CP_PROFILE_CPU])
		batch->period[CP_PROFILE_CPU] = cpu_period_ns;
	if (!batch->period[CP_PROFILE_HEAP])
		batch->period[CP_PROFILE_HEAP] = interval;
	batch->tick_ns = cp_batch_tick_ns(batch, shared);
	batch->together = batch->together || (profiles & CP_TAKE_TOGETHER);
	if (profiles & CP_TAKE_REST)
		return cpu_period_ns;
	batch->recordings++;
	uint32_t silenced = atomic_load_explicit(&shared->silenced, memory_order_relaxed);
	if (silenced <= CP_SILENCED_BY_LOCK)
		batch->silenced[silenced]++;
	batch->stopped += (cp_control(shared) & CP_WANT_ASKED) != 0;
	batch->foreign_mallocs += __atomic_load_n(&shared->foreign_malloc, __ATOMIC_RELAXED) != 0;
	return cpu_period_ns;
}

static uint32_t add_place(struct cp_batch *batch, const struct cp_place *key)
{
	uint32_t number = cp_intern(&batch->places, key, sizeof(*key));
	if (number != CP_NONE)
		*(struct cp_place *)cp_intern_value(&batch->places, number) = *key;
	return number;
}

uint32_t cp_batch_place(struct cp_batch *batch, uint32_t mapping, uint64_t address)
{
	const struct cp_place key = {.mapping = mapping, .address = address};
	return batch->places.count < CP_PLACES_MAX ? add_place(batch, &key) : CP_NONE;
}

/* Processes have the same function at different addresses, and each compiles it more than once. */
uint32_t cp_batch_code(struct cp_batch *batch, const char *name, uint64_t start)
{
	uint32_t before = batch->codes.count;
	uint32_t number =
	    batch->codes.memory.total < CP_CODE_BYTES_MAX && batch->places.count < CP_PLACES_MAX
		? cp_intern(&batch->codes, name, strlen(name) + 1)
		: CP_NONE;
	if (number == CP_NONE)
		return CP_NONE;
	uint64_t *address = cp_intern_value(&batch->codes, number);
	if (number == before)
		*address = start;
	const struct cp_place key = {CP_NONE, CP_WORD_CODE + number, *address};
	return add_place(batch, &key);
}

uint32_t cp_batch_word(struct cp_batch *batch, uint32_t word)
{
	/* No code lies in the last pages of an address space; tools that tell samples apart by
	 * their addresses alone find a different one for each word. */
	const struct cp_place key = {CP_NONE, word, UINT64_MAX - 4095 + 16 * (uint64_t)word};
	return add_place(batch, &key);
}

struct cp_sums *cp_batch_sums(struct cp_batch *batch, enum cp_profile profile,
			      const uint32_t *stack, size_t words)
{
	struct cp_intern *stacks = &batch->stacks[profile];
	/* Stacks of one frame always find room: what does not fit is summed up under one. */
	if (words > CP_STACK_HEAD + 1 &&
	    (stacks->memory.total > batch->bytes_max || stacks->count >= batch->stacks_max))
		return NULL;
	uint32_t number = cp_intern(stacks, stack, words * sizeof(*stack));
	return number == CP_NONE ? NULL : cp_intern_value(stacks, number);
}

void cp_batch_stopped(struct cp_batch *batch, uint64_t ns)
{
	batch->stopped_ns = ns;
}

int cp_batch_has(const struct cp_batch *batch, enum cp_profile profile)
{
	return !!(batch->has & CP_BIT(profile));
}

void cp_batch_remark(struct cp_batch *batch, const char *text)
{
	batch->remark = cp_arena_text(&batch->texts, text, strlen(text));
}
