/* expression.c - the operations that .eh_frame uses: constants, registers, loads, arithmetic. */
/* SPDX-License-Identifier: MIT */
#include "signal/expression.h"

#include "signal/law.h"

/* DWARF 5, 2.5.1 (stack operations) and 7.7.1 (their numbers). */

#define DEPTH	32
#define OPS_MAX 256

struct machine {
	uint64_t stack[DEPTH];
	unsigned depth;
	int bad;
	const struct cp_registers *registers;
	struct cp_memory memory;
};

static void push(struct machine *m, uint64_t value)
{
	if (m->depth == DEPTH)
		m->bad = 1;
	else
		m->stack[m->depth++] = value;
}

static uint64_t pop(struct machine *m)
{
	if (m->depth == 0) {
		m->bad = 1;
		return 0;
	}
	return m->stack[--m->depth];
}

static uint64_t peek(struct machine *m, uint64_t below)
{
	if (below >= m->depth) {
		m->bad = 1;
		return 0;
	}
	return m->stack[m->depth - 1 - below];
}

static void push_register(struct machine *m, uint64_t reg, int64_t offset)
{
#if defined(__x86_64__)
	if (reg == CP_RETURN) { /* rip, in the entries of procedure linkage tables */
		push(m, m->registers->pc + (uint64_t)offset);
		return;
	}
#endif
	if (reg >= CP_REGISTERS || !(m->registers->known >> reg & 1))
		m->bad = 1;
	else
		push(m, m->registers->value[reg] + (uint64_t)offset);
}

static void load(struct machine *m, unsigned size)
{
	uint64_t at = pop(m), value = 0;

	if (m->bad || size == 0 || size > 8 || !m->memory.load(m->memory.context, at, &value))
		m->bad = 1;
	push(m, size < 8 ? value & ((UINT64_C(1) << size * 8) - 1) : value);
}

/* Two operands. 0: it is none of these. */
static int two(struct machine *m, unsigned op)
{
	uint64_t b = peek(m, 0), a = peek(m, 1), r;

	switch (op) {
	case 0x1a:
		r = a & b;
		break;
	case 0x1c:
		r = a - b;
		break;
	case 0x1e:
		r = a * b;
		break;
	case 0x21:
		r = a | b;
		break;
	case 0x22:
		r = a + b;
		break;
	case 0x24:
		r = b < 64 ? a << b : 0;
		break;
	case 0x25:
		r = b < 64 ? a >> b : 0;
		break;
	case 0x26:
		r = (uint64_t)((int64_t)a >> (b < 64 ? b : 63));
		break;
	case 0x27:
		r = a ^ b;
		break;
	case 0x29:
		r = a == b;
		break;
	case 0x2a:
		r = (int64_t)a >= (int64_t)b;
		break;
	case 0x2b:
		r = (int64_t)a > (int64_t)b;
		break;
	case 0x2c:
		r = (int64_t)a <= (int64_t)b;
		break;
	case 0x2d:
		r = (int64_t)a < (int64_t)b;
		break;
	case 0x2e:
		r = a != b;
		break;
	default:
		return 0;
	}
	pop(m);
	pop(m);
	push(m, r);
	return 1;
}

/* Constants. 0: it is none of these. */
static int constant(struct machine *m, struct cp_bytes *b, unsigned op)
{
	switch (op) {
	case 0x03:
		push(m, cp_bytes_take(b, 8));
		return 1; /* addr */
	case 0x08:
		push(m, cp_bytes_take(b, 1));
		return 1;
	case 0x09:
		push(m, (uint64_t)(int64_t)(int8_t)cp_bytes_take(b, 1));
		return 1;
	case 0x0a:
		push(m, cp_bytes_take(b, 2));
		return 1;
	case 0x0b:
		push(m, (uint64_t)(int64_t)(int16_t)cp_bytes_take(b, 2));
		return 1;
	case 0x0c:
		push(m, cp_bytes_take(b, 4));
		return 1;
	case 0x0d:
		push(m, (uint64_t)(int64_t)(int32_t)cp_bytes_take(b, 4));
		return 1;
	case 0x0e:
	case 0x0f:
		push(m, cp_bytes_take(b, 8));
		return 1;
	case 0x10:
		push(m, cp_bytes_uleb(b));
		return 1;
	case 0x11:
		push(m, (uint64_t)cp_bytes_sleb(b));
		return 1;
	default:
		return 0;
	}
}

/* The rest: the stack's own order, loads, one operand. Branches are not met in tables. */
static void other(struct machine *m, struct cp_bytes *b, unsigned op)
{
	uint64_t a, reg;

	switch (op) {
	case 0x06:
		load(m, 8);
		break;
	case 0x94:
		load(m, (unsigned)cp_bytes_take(b, 1));
		break;
	case 0x12:
		push(m, peek(m, 0));
		break;
	case 0x13:
		pop(m);
		break;
	case 0x14:
		push(m, peek(m, 1));
		break;
	case 0x15:
		push(m, peek(m, cp_bytes_take(b, 1)));
		break;
	case 0x16: /* swap */
		a = pop(m);
		reg = pop(m);
		push(m, a);
		push(m, reg);
		break;
	case 0x19:
		a = pop(m);
		push(m, (int64_t)a < 0 ? 0 - a : a);
		break;
	case 0x1f:
		push(m, 0 - pop(m));
		break;
	case 0x20:
		push(m, ~pop(m));
		break;
	case 0x23:
		push(m, pop(m) + cp_bytes_uleb(b));
		break;
	case 0x92: /* bregx */
		reg = cp_bytes_uleb(b);
		push_register(m, reg, cp_bytes_sleb(b));
		break;
	case 0x96:
		break; /* nop */
	default:
		b->bad = 1;
	}
}

static void run(struct machine *m, struct cp_bytes b)
{
	for (int i = 0; b.at < b.end && i < OPS_MAX && !b.bad && !m->bad; i++) {
		unsigned op = *b.at++;

		if (op >= 0x30 && op <= 0x4f)
			push(m, op - 0x30);
		else if (op >= 0x50 && op <= 0x6f)
			push_register(m, op - 0x50, 0);
		else if (op >= 0x70 && op <= 0x8f)
			push_register(m, op - 0x70, cp_bytes_sleb(&b));
		else if (!constant(m, &b, op) && !(m->depth >= 2 && two(m, op)))
			other(m, &b, op);
	}
	m->bad |= b.bad || b.at < b.end; /* half a result is none */
}

int cp_expression(const struct cp_segment *table, int64_t at, const struct cp_registers *registers,
		  const uint64_t *start, struct cp_memory memory, uint64_t *result)
{
	struct machine m = {.registers = registers, .memory = memory};
	struct cp_bytes b = {.at = (const uint8_t *)(uintptr_t)at,
			     .end = (const uint8_t *)(uintptr_t)table->high};
	uint64_t size;

	if ((uint64_t)at < table->low || (uint64_t)at >= table->high)
		return 0;
	size = cp_bytes_uleb(&b);
	if (b.bad || size > (uint64_t)(b.end - b.at))
		return 0;
	b.end = b.at + size;
	if (start)
		push(&m, *start);
	run(&m, b);
	*result = m.depth ? m.stack[m.depth - 1] : 0;
	return !m.bad && m.depth > 0;
}
