/* unwind_all.c - frame by frame with the whole register file, as the tables say. */
/* SPDX-License-Identifier: MIT */
#include "signal/unwind_all.h"

#include "signal/frames.h"
#include "signal/step.h"
#include "signal/trail.h"

#include "signal/law.h"

struct walk {
	uint64_t pc, epoch;
	int exact, first;
	enum cp_sp_is sp_is;
	int stranger;
	int at_root;
	int own; /* still in our own code, which changes stacks (signal/stack.h) */
	struct cp_registers now;
	struct cp_proven proven;
};

static int load(void *context, uint64_t at, uint64_t *value)
{
	return cp_load(context, at, value);
}

static int known(const struct walk *w, unsigned reg)
{
	return (int)(w->now.known >> reg & 1);
}

/* The value that a rule gives a register. 0: it has none. */
static int value_of(struct walk *w, const struct cp_segment *table, const struct cp_rule *rule,
		    unsigned reg, uint64_t cfa, uint64_t *value)
{
	struct cp_memory memory = {load, &w->proven};
	uint64_t at;

	switch (rule->how) {
	case CP_SAME:
		*value = w->now.value[reg];
		return known(w, reg);
	case CP_AT:
		return cp_load(&w->proven, cfa + (uint64_t)rule->number, value);
	case CP_IS:
		*value = cfa + (uint64_t)rule->number;
		return 1;
	case CP_IN:
		if (rule->number < 0 || rule->number >= CP_REGISTERS)
			return 0;
		*value = w->now.value[rule->number];
		return known(w, (unsigned)rule->number);
	case CP_AT_RESULT:
		return cp_expression(table, rule->number, &w->now, &cfa, memory, &at) &&
		       cp_load(&w->proven, at, value);
	case CP_IS_RESULT:
		return cp_expression(table, rule->number, &w->now, &cfa, memory, value);
	default:
		return 0;
	}
}

static int find_cfa(struct walk *w, const struct cp_segment *table, const struct cp_rules *r,
		    uint64_t *cfa)
{
	struct cp_memory memory = {load, &w->proven};

	if (r->cfa_is_result)
		return cp_expression(table, r->cfa_number, &w->now, NULL, memory, cfa);
	if (!known(w, r->cfa_base))
		return 0;
	*cfa = w->now.value[r->cfa_base] + (uint64_t)r->cfa_number;
	return 1;
}

/* The stack pointer is the CFA unless the table says otherwise; it climbs, but for the frame of a
 * signal, which may have come on another stack. */
static int by_rules(struct walk *w, const struct cp_segment *table, const struct cp_rules *r)
{
	struct cp_registers next = {.known = 0};
	uint64_t cfa, old = w->now.value[CP_SP], back;

	w->now.pc = w->pc;
	if (!cp_rules_lead_on(r)) {
		w->at_root = 1;
		return 0;
	}
	if (!find_cfa(w, table, r, &cfa))
		return 0;
	if (!value_of(w, table, &r->reg[CP_RETURN], CP_RETURN, cfa, &back))
		return 0;
	for (unsigned i = 0; i < CP_REGISTERS; i++) {
		uint64_t value;

		if (i == CP_SP && r->reg[i].how == CP_SAME)
			value = cfa;
		else if (!value_of(w, table, &r->reg[i], i, cfa, &value))
			continue;
		next.value[i] = value;
		next.known |= UINT64_C(1) << i;
	}
	if (!r->is_signal && !w->own &&
	    (next.value[CP_SP] < old || (next.value[CP_SP] == old && !w->first)))
		return 0;
	w->now = next;
	w->pc = CP_PLAIN(back);
	w->exact = r->is_signal;
	w->first = r->is_signal;
	w->sp_is = known(w, CP_SP) ? CP_SP_PROVEN : CP_SP_LEAST;
	return 1;
}

/* DWARF's number of each register in the kernel's order. */
#if defined(__x86_64__)
static const unsigned char order[] = {8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7, 16};
#endif

static int out_of_signal(struct walk *w)
{
	uint64_t at = cp_signal_context(w->now.value[CP_SP]) + CP_UC_REGS, pc;

	if (!known(w, CP_SP))
		return 0;
	w->now.known = 0;
	for (unsigned i = 0; i < CP_REGISTERS; i++) {
#if defined(__x86_64__)
		unsigned reg = order[i];
#else
		unsigned reg = i;
#endif

		if (!cp_load(&w->proven, at + i * 8, &w->now.value[reg]))
			return 0;
		w->now.known |= UINT64_C(1) << reg;
	}
#if defined(__x86_64__)
	pc = w->now.value[CP_RETURN];
#else
	if (!cp_load(&w->proven, at + CP_REGISTERS * 8, &pc))
		return 0;
#endif
	w->pc = pc;
	w->exact = 1;
	w->first = 1;
	w->sp_is = CP_SP_PROVEN;
	return 1;
}

static int by_guess(struct walk *w)
{
	struct cp_guess g = {w->pc, w->now.value[CP_SP], w->now.value[CP_FP],
			     w->now.value[CP_RETURN], w->sp_is};

	if (!known(w, CP_FP) || !cp_guess_caller(&w->proven, &g, w->first))
		return 0;
	w->now.value[CP_SP] = g.sp;
	w->now.value[CP_FP] = g.fp;
	w->now.known = (uint64_t)(g.sp_is != CP_SP_LEAST) << CP_SP | UINT64_C(1) << CP_FP;
	w->sp_is = g.sp_is;
	w->pc = g.pc;
	w->exact = 0;
	w->first = 0;
	return 1;
}

static int step(struct walk *w)
{
	struct cp_segment table;
	struct cp_rules rules;

	if (cp_word_kind(cp_step_of(w->pc, w->epoch)) == CP_STEP_SIGNAL)
		return out_of_signal(w);
	if (cp_step_rules(w->exact ? w->pc : w->pc - 1, &table, &rules))
		return by_rules(w, &table, &rules);
	w->stranger |= !cp_tables_find(w->pc, &table);
	w->at_root = !w->exact && cp_step_is_entry(w->pc, w->epoch);
	return !w->at_root && by_guess(w);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): they are written through the trail */
size_t cp_all_walk(const struct cp_start *start, uint64_t *pcs, size_t max, unsigned *flags)
{
	struct walk w = {.pc = start->pc, .exact = 1, .first = 1, .now = start->registers};
	struct cp_trail trail = {.pcs = pcs, .max = max};

	w.epoch = atomic_load_explicit(&cp_tables_epoch, memory_order_acquire);
	w.own = 1;
	for (int own = 0; own < CP_OWN_FRAMES && w.pc >= start->own_start && w.pc < start->own_end;
	     own++)
		if (!step(&w))
			return 0;
	w.own = 0;
	while (cp_is_code(w.pc) && cp_trail_add(&trail, cp_trail_pc(&trail, w.pc, w.exact)))
		if (!step(&w))
			break;
	trail.stranger = w.stranger;
	trail.at_root = w.at_root || w.pc == CP_NO_CALLER;
	return cp_trail_end(&trail, flags);
}
