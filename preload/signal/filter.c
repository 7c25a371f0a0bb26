/* filter.c - what a seccomp filter would say to our own system calls, asked before it is there. */
/* SPDX-License-Identifier: MIT */
#include "signal/filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>

#include "signal/law.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif

struct machine {
	const uint32_t *data;
	uint32_t a, x, mem[BPF_MEMWORDS];
	int broken; /* an instruction that the kernel does not take */
};

static uint32_t calculate(struct machine *m, uint16_t code, uint32_t by)
{
	switch (BPF_OP(code)) {
	case BPF_ADD:
		return m->a + by;
	case BPF_SUB:
		return m->a - by;
	case BPF_MUL:
		return m->a * by;
	case BPF_DIV:
		m->broken |= by == 0;
		return by ? m->a / by : 0;
	case BPF_OR:
		return m->a | by;
	case BPF_AND:
		return m->a & by;
	case BPF_XOR:
		return m->a ^ by;
	case BPF_LSH:
		return m->a << (by & 31);
	case BPF_RSH:
		return m->a >> (by & 31);
	case BPF_NEG:
		return 0 - m->a;
	}
	m->broken = 1;
	return 0;
}

static int holds(struct machine *m, uint16_t code, uint32_t with)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return m->a == with;
	case BPF_JGT:
		return m->a > with;
	case BPF_JGE:
		return m->a >= with;
	case BPF_JSET:
		return (m->a & with) != 0;
	}
	m->broken = 1;
	return 0;
}

static uint32_t load(struct machine *m, const struct sock_filter *f)
{
	switch (BPF_MODE(f->code)) {
	case BPF_IMM:
		return f->k;
	case BPF_LEN:
		return CP_FILTER_WORDS * 4;
	case BPF_MEM:
		if (f->k < BPF_MEMWORDS)
			return m->mem[f->k];
		break;
	case BPF_ABS:
		if (f->k % 4 == 0 && f->k / 4 < CP_FILTER_WORDS && BPF_CLASS(f->code) == BPF_LD)
			return m->data[f->k / 4];
		break;
	}
	m->broken = 1;
	return 0;
}

static void store(struct machine *m, uint32_t where, uint32_t what)
{
	if (where < BPF_MEMWORDS)
		m->mem[where] = what;
	else
		m->broken = 1;
}

/* All but jumps and returns. */
static void step(struct machine *m, const struct sock_filter *f)
{
	uint32_t with = BPF_SRC(f->code) == BPF_X ? m->x : f->k;

	switch (BPF_CLASS(f->code)) {
	case BPF_LD:
		m->a = load(m, f);
		break;
	case BPF_LDX:
		m->x = load(m, f);
		break;
	case BPF_ST:
		store(m, f->k, m->a);
		break;
	case BPF_STX:
		store(m, f->k, m->x);
		break;
	case BPF_ALU:
		m->a = calculate(m, f->code, with);
		break;
	default: /* BPF_MISC */
		if (BPF_MISCOP(f->code) == BPF_TAX)
			m->x = m->a;
		else
			m->a = m->x;
	}
}

/* Jumps go forward only, so it ends. */
uint32_t cp_filter_run(const struct sock_filter *code, size_t len,
		       const uint32_t data[CP_FILTER_WORDS])
{
	struct machine m = {.data = data};

	for (size_t at = 0; at < len && !m.broken; at++) {
		const struct sock_filter *f = &code[at];

		if (BPF_CLASS(f->code) == BPF_RET)
			return BPF_RVAL(f->code) == BPF_A ? m.a : f->k;
		if (BPF_CLASS(f->code) != BPF_JMP)
			step(&m, f);
		else if (BPF_OP(f->code) == BPF_JA)
			at += f->k;
		else if (holds(&m, f->code, BPF_SRC(f->code) == BPF_X ? m.x : f->k))
			at += f->jt;
		else
			at += f->jf;
	}
	return SECCOMP_RET_KILL_PROCESS;
}

static uint32_t action_of(const struct sock_filter *code, size_t len, const struct cp_call *call)
{
	struct seccomp_data d = {.nr = (int)call->number, .arch = ARCH};
	uint32_t words[CP_FILTER_WORDS];

	d.instruction_pointer = (uint64_t)(uintptr_t)&cp_filter_run;
	memcpy(d.args, call->args, sizeof d.args);
	memcpy(words, &d, sizeof words);
	return cp_filter_run(code, len, words) & SECCOMP_RET_ACTION_FULL;
}

/* ALLOW and LOG do nothing to a call. A trap, a tracer, a supervisor would see one that the program
 * did not make. */
static int done(uint32_t action)
{
	return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

static int answered(const struct sock_filter *code, size_t len, const struct cp_call *call)
{
	uint32_t action = action_of(code, len, call);

	return done(action) || (action == SECCOMP_RET_ERRNO && call->may_fail);
}

int cp_filter_does(const struct sock_filter *code, size_t len, const char *name)
{
	int all = 1;

	for (size_t i = 0; i < cp_calls_count; i++)
		if (strcmp(cp_calls[i].name, name) == 0)
			all &= done(action_of(code, len, &cp_calls[i]));
	return all;
}

int cp_filter_allows(const struct sock_filter *code, size_t len, const char *name)
{
	int all = 1;

	for (size_t i = 0; i < cp_calls_count; i++)
		if (strcmp(cp_calls[i].name, name) == 0)
			all &= answered(code, len, &cp_calls[i]);
	return all;
}

enum cp_leave cp_filter_judge(const struct sock_filter *code, size_t len, const char **why)
{
	enum cp_leave leave = CP_LEAVE_ALL;

	*why = "";
	for (size_t i = 0; i < cp_calls_count; i++) {
		const struct cp_call *call = &cp_calls[i];

		if (call->group == CP_CALL_START || answered(code, len, call))
			continue;
		if (leave == CP_LEAVE_ALL || call->group == CP_CALL_EVENT)
			*why = call->name;
		if (call->group == CP_CALL_EVENT)
			return CP_LEAVE_NONE;
		leave = CP_LEAVE_HOME;
	}
	return leave;
}
