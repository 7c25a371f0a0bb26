/* step.c - the cache of rules: bounded, shared by all threads, written without a lock. */
/* SPDX-License-Identifier: MIT */
#include "signal/step.h"

#include <stdatomic.h>
#include <string.h>

#include "base/attrs.h"
#include "signal/modules.h"
#include "signal/probe.h"
#include "signal/state.h"

#include "signal/law.h"

/* Until there is room for more, and where there is none. */
static struct cp_step_line few[2];
struct cp_step_cache cp_step_cache = {few, 63};
static _Atomic uint32_t turn;
static _Atomic uint64_t crowded_ns; /* when the last so many rules had been thrown out */

#define CROWD	   1024u /* rules thrown out; a power of two */
#define CROWDED_NS UINT64_C(4000000000)

void cp_step_open(void)
{
	void *room = cp_room_at_start(CP_STEP_SETS * sizeof *few);

	if (room) {
		cp_step_cache.line = room;
		atomic_store_explicit(&cp_step_cache.shift, CP_STEP_SHIFT_FIRST,
				      memory_order_relaxed);
	}
}

uint32_t cp_step_size(void)
{
	unsigned shift = atomic_load_explicit(&cp_step_cache.shift, memory_order_relaxed);

	return (uint32_t)sizeof *few << (64 - shift);
}

/* Rules are thrown out at all times, since a tick interrupts anywhere. 250 a second cost
 * more than memory does. Who looks in a line of the larger cache looks up what lies in the smaller
 * one once more. */
static void grow_if_crowded(void)
{
	uint64_t now = cp_now_ns();
	uint64_t before = atomic_exchange_explicit(&crowded_ns, now, memory_order_relaxed);
	unsigned shift = atomic_load_explicit(&cp_step_cache.shift, memory_order_relaxed);

	if (before && now - before < CROWDED_NS && shift > CP_STEP_SHIFT_LAST &&
	    shift <= CP_STEP_SHIFT_FIRST) {
		atomic_store_explicit(&cp_step_cache.shift, shift - 2, memory_order_relaxed);
		if (cp_state.rec)
			atomic_store_explicit(&cp_state.rec->rules, cp_step_size(),
					      memory_order_relaxed);
	}
}

static void put(uint64_t pc, uint64_t epoch, cp_word word)
{
	struct cp_step_line *l = cp_step_line(pc);
	uint32_t way = CP_STEP_WAYS, out;

	for (uint32_t i = 0; i < CP_STEP_WAYS; i++)
		if (!atomic_load_explicit(&l->way[i].word, memory_order_relaxed))
			way = i;
	if (way == CP_STEP_WAYS) {
		out = atomic_fetch_add_explicit(&turn, 1, memory_order_relaxed);
		if (out % CROWD == CROWD - 1)
			grow_if_crowded();
		way = out % CP_STEP_WAYS;
	}
	atomic_store_explicit(&l->way[way].mixed, pc ^ epoch ^ cp_step_spread(word),
			      memory_order_relaxed);
	atomic_store_explicit(&l->way[way].word, word, memory_order_relaxed);
}

/* ---- from the tables ---- */

#if defined(__x86_64__)
/* mov $15, %rax; syscall */
static const unsigned char way_out[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05};
#define SECOND 7
#else
/* mov x8, #139; svc #0 */
static const unsigned char way_out[] = {0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4};
#define SECOND 4
#endif

/* Whether the code at pc is what the kernel calls to leave a handler (sigreturn), by its bytes. */
static int is_way_out(uint64_t pc, const struct cp_segment *table)
{
	return pc >= table->start && pc < table->end && table->end - pc >= sizeof way_out &&
	       memcmp((const void *)(uintptr_t)pc, way_out, sizeof way_out) == 0;
}

/* Code may be there for execution alone, or no longer. From SECOND bytes before pc to what is
 * looked at after it there are two pages at most. */
static int can_read_code(uint64_t pc, const struct cp_segment *table)
{
	uint64_t first = pc - table->start < SECOND ? table->start : pc - SECOND;
	uint64_t last = table->end - pc <= sizeof way_out ? table->end - 1 : pc + sizeof way_out;

	return cp_readable(first) && cp_readable(last);
}

static int fits(int64_t offset, int bits)
{
	int64_t most = INT64_C(1) << (bits - 1 + 3);

	return offset % 8 == 0 && offset >= -most && offset < most;
}

static cp_word pack(const struct cp_rules *r)
{
	const struct cp_rule *back = &r->reg[CP_RETURN], *fp = &r->reg[CP_FP];
	int back_saved = back->how == CP_AT, fp_saved = fp->how == CP_AT;
	int64_t back_at = back_saved ? back->number : 0, fp_at = fp_saved ? fp->number : 0;

	if (!cp_rules_lead_on(r))
		return CP_STEP_END;
	if (r->is_signal || r->cfa_is_result || (r->cfa_base != CP_SP && r->cfa_base != CP_FP) ||
	    r->reg[CP_SP].how != CP_SAME || !fits(r->cfa_number, 20) ||
	    (!fp_saved && fp->how != CP_SAME) || !fits(fp_at, 18) || !fits(back_at, 18))
		return CP_STEP_FULL;
	if (!back_saved && back->how != CP_SAME)
		return CP_STEP_FULL;
	return CP_STEP_FRAME | (cp_word)(r->cfa_base == CP_FP) << 3 | (cp_word)fp_saved << 4 |
	       (cp_word)back_saved << 5 | ((cp_word)(r->cfa_number >> 3) & 0xfffff) << 8 |
	       ((cp_word)(fp_at >> 3) & 0x3ffff) << 28 | (cp_word)(back_at >> 3) << 46;
}

/* While the loader is at work a table may be half there, or half gone. And what the list says was
 * true when it was made. */
static int can_read(const struct cp_segment *table)
{
	return !cp_modules_changing() && (!table->header || cp_readable(table->header));
}

int cp_step_rules(uint64_t pc, struct cp_segment *table, struct cp_rules *rules)
{
	return cp_tables_find(pc, table) && can_read(table) && cp_cfi_find(table, pc, rules);
}

int cp_step_is_entry(uint64_t pc, uint64_t epoch)
{
	cp_word w = cp_step_of(pc, epoch);
	int pushed = CP_RETURN > CP_SP; /* x86-64: by the call */

	return cp_word_kind(w) == CP_STEP_FRAME && !cp_word_by_fp(w) && !cp_word_fp_saved(w) &&
	       cp_word_cfa(w) == pushed * 8 && cp_word_return_saved(w) == pushed;
}

cp_word cp_step_look_up(uint64_t pc, uint64_t epoch)
{
	struct cp_segment table;
	struct cp_rules rules;
	cp_word word = CP_STEP_NONE;
	int code;

	if (!cp_tables_find(pc, &table) || !can_read(&table))
		return CP_STEP_UNKNOWN;
	code = can_read_code(pc, &table);
	if (code && (is_way_out(pc, &table) || is_way_out(pc - SECOND, &table)))
		word = CP_STEP_SIGNAL;
	else if (cp_cfi_find(&table, pc, &rules))
		word = pack(&rules);
	/* The last byte of a function before the way out, or the way out's own return address? */
	if (code && cp_word_kind(word) == CP_STEP_FRAME && is_way_out(pc + 1, &table))
		word = CP_STEP_FULL;
	put(pc, epoch, word);
	return word;
}
