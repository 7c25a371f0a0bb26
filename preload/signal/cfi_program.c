/* cfi_program.c - the program of an entry: from row to row, up to the one that is asked for. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "signal/cfi_entry.h"

#include "signal/law.h"

/* Operations: DWARF 5, 6.4.2, and GNU's in the Linux Standard Base. */

#define OPS_MAX	     (1 << 20) /* the longest that was met, in gcc, has 20,000 */
#define REMEMBER_MAX 4

struct machine {
	const struct cp_segment *table;
	const struct cp_entry *entry;
	uint64_t pc, location;
	struct cp_rules *now;
	const struct cp_rules *initial; /* NULL while it is being made */
	unsigned remembered;
	struct cp_rules memory[REMEMBER_MAX];
};

static void set_rule(struct machine *m, uint64_t reg, enum cp_how how, int64_t number)
{
	if (reg < CP_REGISTERS)
		m->now->reg[reg] = (struct cp_rule){how, number};
}

static void set_cfa(struct machine *m, struct cp_bytes *b, uint64_t base, int64_t number)
{
	if (base >= CP_REGISTERS)
		b->bad = 1;
	m->now->cfa_is_result = 0;
	m->now->cfa_base = (unsigned)base;
	m->now->cfa_number = number;
}

static void restore(struct machine *m, uint64_t reg)
{
	static const struct cp_rule same;

	if (reg < CP_REGISTERS)
		m->now->reg[reg] = m->initial ? m->initial->reg[reg] : same;
}

static int64_t take_expression(struct cp_bytes *b)
{
	int64_t at = (int64_t)(uintptr_t)b->at;
	uint64_t size = cp_bytes_uleb(b);

	if (b->bad || size > (uint64_t)(b->end - b->at))
		b->bad = 1;
	else
		b->at += size;
	return at;
}

static void remember(struct machine *m, struct cp_bytes *b)
{
	if (m->remembered == REMEMBER_MAX)
		b->bad = 1;
	else
		m->memory[m->remembered++] = *m->now;
}

static void recall(struct machine *m, struct cp_bytes *b)
{
	if (m->remembered == 0)
		b->bad = 1;
	else
		*m->now = m->memory[--m->remembered];
}

/* Operands of operations, in units of the data. Tables may say anything: overflow is no fault. */
static int64_t take_unsigned(const struct machine *m, struct cp_bytes *b)
{
	return (int64_t)(cp_bytes_uleb(b) * (uint64_t)m->entry->data_align);
}

static int64_t take_signed(const struct machine *m, struct cp_bytes *b)
{
	return (int64_t)((uint64_t)cp_bytes_sleb(b) * (uint64_t)m->entry->data_align);
}

/* Half of a CFA is changed, which there must be. */
static void needs_base(const struct machine *m, struct cp_bytes *b)
{
	if (m->now->cfa_is_result)
		b->bad = 1;
}

/* Those that change the CFA. 0: it is none of them. */
static int run_cfa(struct machine *m, struct cp_bytes *b, unsigned op)
{
	uint64_t reg;

	switch (op) {
	case 0x0c: /* def_cfa */
		reg = cp_bytes_uleb(b);
		set_cfa(m, b, reg, (int64_t)cp_bytes_uleb(b));
		return 1;
	case 0x0d: /* def_cfa_register */
		needs_base(m, b);
		set_cfa(m, b, cp_bytes_uleb(b), m->now->cfa_number);
		return 1;
	case 0x0e: /* def_cfa_offset */
		needs_base(m, b);
		m->now->cfa_number = (int64_t)cp_bytes_uleb(b);
		return 1;
	case 0x0f: /* def_cfa_expression */
		m->now->cfa_is_result = 1;
		m->now->cfa_number = take_expression(b);
		return 1;
	case 0x12: /* def_cfa_sf */
		reg = cp_bytes_uleb(b);
		set_cfa(m, b, reg, take_signed(m, b));
		return 1;
	case 0x13: /* def_cfa_offset_sf */
		needs_base(m, b);
		m->now->cfa_number = take_signed(m, b);
		return 1;
	default:
		return 0;
	}
}

/* Those that change one register's rule. 0: it is none of them. */
static int run_register(struct machine *m, struct cp_bytes *b, unsigned op)
{
	static const struct {
		enum cp_how how;
		enum { NOTHING, UNSIGNED, SIGNED, RAW, EXPRESSION, NEGATIVE } operand;
	} known[] = {
	    [0x05] = {CP_AT, UNSIGNED},		 [0x07] = {CP_UNDEFINED, NOTHING},
	    [0x08] = {CP_SAME, NOTHING},	 [0x09] = {CP_IN, RAW},
	    [0x10] = {CP_AT_RESULT, EXPRESSION}, [0x11] = {CP_AT, SIGNED},
	    [0x14] = {CP_IS, UNSIGNED},		 [0x15] = {CP_IS, SIGNED},
	    [0x16] = {CP_IS_RESULT, EXPRESSION}, [0x2f] = {CP_AT, NEGATIVE},
	};
	int64_t number = 0;
	uint64_t reg;

	if (op >= sizeof known / sizeof *known || (!known[op].how && op != 0x08))
		return 0;
	reg = cp_bytes_uleb(b);
	if (known[op].operand == UNSIGNED)
		number = take_unsigned(m, b);
	else if (known[op].operand == SIGNED)
		number = take_signed(m, b);
	else if (known[op].operand == RAW)
		number = (int64_t)cp_bytes_uleb(b);
	else if (known[op].operand == NEGATIVE)
		number = (int64_t)(0 - (uint64_t)take_unsigned(m, b));
	else if (known[op].operand == EXPRESSION)
		number = take_expression(b);
	set_rule(m, reg, known[op].how, number);
	return 1;
}

/* The others. */
static void run_other(struct machine *m, struct cp_bytes *b, unsigned op)
{
	switch (op) {
	case 0x00: /* nop */
	case 0x2d: /* aarch64: the return address is signed from here on, or no longer */
		return;
	case 0x01: /* set_loc */
		m->location = cp_cfi_address(m->table, b, m->entry->encoding);
		return;
	case 0x02: /* advance_loc1, 2, 4 */
	case 0x03:
	case 0x04:
		m->location += cp_bytes_take(b, 1u << (op - 2)) * m->entry->code_align;
		return;
	case 0x06: /* restore_extended */
		restore(m, cp_bytes_uleb(b));
		return;
	case 0x0a: /* remember_state */
		remember(m, b);
		return;
	case 0x0b: /* restore_state */
		recall(m, b);
		return;
	case 0x2e: /* GNU_args_size */
		cp_bytes_uleb(b);
		return;
	default:
		b->bad = 1;
	}
}

/* Up to the row of m->pc. 0: the program makes no sense. */
static int run(struct machine *m, struct cp_bytes b)
{
	for (int i = 0; b.at < b.end && !b.bad; i++) {
		unsigned op = *b.at++, low = op & 0x3f;

		switch (op >> 6) {
		case 1: /* advance_loc */
			m->location += low * m->entry->code_align;
			break;
		case 2: /* offset */
			set_rule(m, low, CP_AT, take_unsigned(m, &b));
			break;
		case 3: /* restore */
			restore(m, low);
			break;
		default:
			if (!run_cfa(m, &b, op) && !run_register(m, &b, op))
				run_other(m, &b, op);
		}
		if (m->location > m->pc)
			break;
		if (i == OPS_MAX)
			return 0;
	}
	return !b.bad;
}

int cp_cfi_run(const struct cp_segment *table, const struct cp_entry *entry, uint64_t pc,
	       struct cp_rules *rules)
{
	struct cp_rules initial;
	struct machine m = {
	    .table = table, .entry = entry, .pc = pc, .location = entry->start, .now = rules};

	memset(rules, 0, sizeof *rules);
	if (!run(&m, entry->initial))
		return 0;
	initial = *rules;
	m.initial = &initial;
	m.location = entry->start;
	return run(&m, entry->program);
}
