/* signal_own_steps.c - interrupts code at its every instruction: is the stack always the right one?
 */
/* SPDX-License-Identifier: MIT */
#include <alloca.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "signal/step.h"
#include "test/unit/own_stacks.h"
#include "test/unit/unit.h"

/* The processor traps after each instruction while its trap flag is set. In the handler the stack
 * is unwound by us and by libgcc, which must agree on all of it. It must be what the calls and
 * returns that were stepped over have made of it; and where signals come between, it must end in
 * those frames that were there before the first step. */
static struct {
	uint64_t tail[ROOM];
	size_t tail_n;
	int judged; /* by libgcc */
	struct {
		uint64_t slot, back;
	} call[ROOM]; /* that have been seen to be made, and not to return */
	size_t calls;
	uint64_t last_pc, last_sp;
	int followed;
	size_t steps, full, differ, untrue, lost, forgiven;
	uint64_t first_bad;
} run;

static void bad(size_t *counter, const ucontext_t *uc)
{
	if (!run.differ && !run.lost && !run.forgiven && !run.untrue)
		run.first_bad = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
	++*counter;
}

static int agrees(const uint64_t *pcs, size_t n)
{
	void *all[ROOM]; /* begins with this function, the handler, and its way out; under
			    a sanitizer, with one of its own */
	size_t all_n = (size_t)backtrace(all, ROOM);

	return all_n >= n + 2 && all_n <= n + 4 && memcmp(all + all_n - n, pcs, n * 8) == 0;
}

/* Whether a call stands at pc: direct, or by register or memory. */
static int is_call(uint64_t pc)
{
	const unsigned char *p = (const unsigned char *)(uintptr_t)pc;

	while (*p == 0x3e || *p == 0x67 || (*p & 0xf0) == 0x40)
		p++;
	return *p == 0xe8 || (*p == 0xff && (p[1] & 0x38) == 0x10);
}

/* The truth, from nothing but what the processor did: each call that was made puts its return
 * address on the stack, and has returned when the stack pointer is above it. */
__attribute__((no_sanitize("address"))) static void follow(uint64_t pc, uint64_t sp)
{
	uint64_t top = *(const uint64_t *)(uintptr_t)sp;

	while (run.calls && sp > run.call[run.calls - 1].slot)
		run.calls--;
	if (run.last_pc && sp == run.last_sp - 8 && top - run.last_pc <= 9 &&
	    is_call(run.last_pc) && run.calls < ROOM) {
		run.call[run.calls].slot = sp;
		run.call[run.calls++].back = top;
	}
	run.last_pc = pc;
	run.last_sp = sp;
}

static int is_true(const uint64_t *pcs, size_t n)
{
	if (n != 1 + run.calls + run.tail_n || pcs[0] != run.last_pc)
		return 0;
	for (size_t i = 0; i < run.calls; i++)
		if (pcs[1 + i] != run.call[run.calls - 1 - i].back)
			return 0;
	return 1; /* the tail is looked at by itself */
}

static void on_trap(int sig, siginfo_t *info, void *uc)
{
	const greg_t *regs = ((const ucontext_t *)uc)->uc_mcontext.gregs;
	uint64_t pcs[ROOM];
	unsigned flags = 0;
	size_t n = cp_own_context(uc, pcs, ROOM, &flags);

	/* what a signal interrupted has one more than its address (trail.h) */
	for (size_t i = 1; i < n; i++)
		pcs[i] -= cp_word_kind(cp_step_of(pcs[i - 1], cp_tables_epoch)) == CP_STEP_SIGNAL;
	(void)sig;
	(void)info;
	run.steps++;
	follow((uint64_t)regs[REG_RIP], (uint64_t)regs[REG_RSP]);
	if (run.followed && !is_true(pcs, n))
		bad(&run.untrue, uc);
	if (run.judged && !agrees(pcs, n))
		bad(&run.differ, uc);
	if (flags || n < run.tail_n + 1 ||
	    memcmp(pcs + n - run.tail_n, run.tail, run.tail_n * 8) != 0)
		bad(run.judged ? &run.forgiven : &run.lost, uc);
	for (size_t i = 0; i < n - run.tail_n && n > run.tail_n; i++)
		run.full +=
		    cp_word_kind(cp_step_of(pcs[i] - (i > 0), cp_tables_epoch)) == CP_STEP_FULL;
}

__asm__(".pushsection in_test, \"ax\"\n"
	"trap_on: .cfi_startproc\n pushfq\n .cfi_adjust_cfa_offset 8\n orl $0x100, (%rsp)\n popfq\n"
	" .cfi_adjust_cfa_offset -8\n ret\n .cfi_endproc\n"
	"trap_off: .cfi_startproc\n pushfq\n .cfi_adjust_cfa_offset 8\n andl $~0x100, (%rsp)\n"
	" popfq\n .cfi_adjust_cfa_offset -8\n ret\n .cfi_endproc\n"
	".popsection\n");
void trap_on(void), trap_off(void);

/* HANDLED: signals come, so calls alone are not the truth. */
enum { UNJUDGED, JUDGED, HANDLED };

__attribute__((noinline)) static void stepped(void (*f)(void), int judged, size_t least)
{
	void *here[ROOM];
	size_t n = (size_t)backtrace(here, ROOM), above = 0;

	while (here[above] != __builtin_return_address(0))
		above++;
	run.tail_n = n - above;
	memcpy(run.tail, here + above, run.tail_n * 8);
	run.judged = judged & JUDGED;
	run.followed = !(judged & HANDLED);
	run.steps = run.full = run.differ = run.untrue = run.lost = run.forgiven = 0;
	run.calls = run.last_pc = 0;
	trap_on();
	f();
	trap_off();
	print_message("%zu instructions\n", run.steps);
	if (run.differ || run.lost || run.forgiven > 3 || run.untrue > run.forgiven)
		fail_msg("%zu stacks lost, %zu differ, %zu untrue, first at %#lx (code: %p)",
			 run.lost + run.forgiven, run.differ, run.untrue, (long)run.first_bad,
			 (void *)f);
	assert_true(run.steps > least);
}

/* ---- functions of C, in all shapes ---- */

static volatile unsigned long sum;

typedef unsigned long word;
#define SHAPES(name, ...)                                                                          \
	IN_TEST __attribute__((optimize(__VA_ARGS__))) static word name##_leaf(word x)             \
	{                                                                                          \
		return x * 3 + sum;                                                                \
	}                                                                                          \
	IN_TEST __attribute__((optimize(__VA_ARGS__))) static word name##_many(                    \
	    word a, word b, word c, word d, word e, word f, word g, word h)                        \
	{                                                                                          \
		volatile unsigned char big[9000];                                                  \
		word w = name##_leaf(a), x = name##_leaf(b + w), y = name##_leaf(c ^ x);           \
		big[w & 8191] = (unsigned char)y;                                                  \
		return w + x * y + name##_leaf(d) * e + f * name##_leaf(g) + h + a +               \
		       big[w & 8191];                                                              \
	}                                                                                          \
	IN_TEST __attribute__((optimize(__VA_ARGS__))) static word name##_deep(word n)             \
	{                                                                                          \
		return n ? name##_deep(n - 1) + 1 : name##_many(n, 1, 2, 3, 4, 5, 6, 7);           \
	}                                                                                          \
	IN_TEST __attribute__((optimize(__VA_ARGS__))) static word name##_room(size_t n)           \
	{                                                                                          \
		_Alignas(64) volatile unsigned char aligned[64];                                   \
		volatile unsigned char *more = alloca(n);                                          \
		more[0] = aligned[n & 63] = 1;                                                     \
		return name##_leaf(more[0]) + aligned[n & 63];                                     \
	}                                                                                          \
	IN_TEST __attribute__((optimize(__VA_ARGS__))) static void name##_all(void)                \
	{                                                                                          \
		sum += name##_deep(5);                                                             \
		sum += name##_room((size_t)(sum & 127) + 1);                                       \
	}                                                                                          \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		stepped(name##_all, JUDGED, 50);                                                   \
		assert_true(run.full > 0); /* _room's frame is found by a register of its own */   \
	}

SHAPES(unoptimized, "O0", "no-omit-frame-pointer")
SHAPES(unoptimized_without_frame_pointers, "O0", "omit-frame-pointer")
SHAPES(optimized, "O2", "omit-frame-pointer")
SHAPES(optimized_with_frame_pointers, "O2", "no-omit-frame-pointer")
SHAPES(for_size, "Os", "omit-frame-pointer")

/* ---- libc, the linkage table, the loader, the vDSO ---- */

static int ascending(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void in_libc(void)
{
	int some[] = {5, 3, 9, 1, 7, 2};
	char text[100];

	qsort(some, 6, sizeof *some, ascending);
	snprintf(text, sizeof text, "%d %.3f %s", some[0], 3.25 + (double)sum, "text");
	sum += strlen(text);
	free(malloc(100));
}

static void libc_and_callbacks(void **state)
{
	(void)state;
	stepped(in_libc, JUDGED, 1000);
}

/* Called here for the first time: through the stub, the loader's resolver, and its search. */
static void calls_first(void)
{
	sum += (unsigned)getpgid(0) + (unsigned long)a64l("a");
}

static void linkage_stubs_and_the_resolver(void **state)
{
	(void)state;
	stepped(calls_first, JUDGED, 20);
	stepped(calls_first, JUDGED, 20);
}

static void looks_at_clocks(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	sum += (unsigned long)now.tv_nsec;
}

static void vdso(void **state)
{
	(void)state;
	stepped(looks_at_clocks, JUDGED, 30);
}

/* ---- handlers ---- */

static void on_usr1(int sig)
{
	trap_on(); /* the kernel has cleared it */
	sum += (unsigned)sig + optimized_many(1, 2, 3, 4, 5, 6, 7, 8);
}

static void raises(void)
{
	raise(SIGUSR1);
}

static void handlers_of_libc(void **state)
{
	static char alt[65536];
	stack_t ss = {.ss_sp = alt, .ss_size = sizeof alt}, off = {.ss_flags = SS_DISABLE};
	struct sigaction act = {.sa_handler = on_usr1};

	(void)state;
	sigaction(SIGUSR1, &act, NULL);
	stepped(raises, JUDGED | HANDLED, 100);
	act.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR1, &act, NULL);
	sigaltstack(&ss, NULL);
	stepped(raises, JUDGED | HANDLED, 100);
	sigaltstack(&off, NULL);
}

/* Ways out that no table speaks of: one like ours (signal/reserved.c), and one right behind the end
 * of a function. */
__asm__(".pushsection in_test, \"ax\"\n"
	"before: .cfi_startproc\n subq $88, %rsp\n .cfi_adjust_cfa_offset 88\n nop\n"
	" addq $88, %rsp\n .cfi_adjust_cfa_offset -88\n ret\n .cfi_endproc\n"
	"right_after: movq $15, %rax\n syscall\n"
	"nop\n"
	"like_ours: movq $15, %rax\n syscall\n"
	".popsection\n");
void before(void), right_after(void), like_ours(void);

static void leave_by(void (*restorer)(void))
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} act = {on_usr1, 0x04000000, restorer, 0};

	assert_int_equal(syscall(SYS_rt_sigaction, SIGUSR1, &act, NULL, 8), 0);
}

static void handlers_without_tables(void **state)
{
	(void)state;
	leave_by(like_ours);
	stepped(raises, UNJUDGED | HANDLED, 100);
	leave_by(right_after);
	stepped(raises, UNJUDGED | HANDLED, 100);
	stepped(before, UNJUDGED, 3);
}

/* ---- assembly ---- */

/* Tables that follow each push; a leaf that has none, called with junk where a frame pointer might
 * be; and one that has none and keeps frame pointers, after its prologue. */
__asm__(".pushsection in_test, \"ax\"\n"
	"pushes: .cfi_startproc\n pushq %rbp\n .cfi_adjust_cfa_offset 8\n .cfi_rel_offset %rbp, 0\n"
	" pushq %rbx\n .cfi_adjust_cfa_offset 8\n .cfi_rel_offset %rbx, 0\n"
	" subq $40, %rsp\n .cfi_adjust_cfa_offset 40\n"
	" .cfi_remember_state\n xorl %ebp, %ebp\n call bare\n movq $-1, %rbp\n call bare\n"
	" movq %rsp, %rbp\n call bare\n leaq 8(%rsp), %rbp\n call bare\n movq $12345, %rbp\n call "
	"bare\n"
	" addq $40, %rsp\n .cfi_adjust_cfa_offset -40\n popq %rbx\n .cfi_adjust_cfa_offset -8\n"
	" .cfi_restore %rbx\n popq %rbp\n .cfi_adjust_cfa_offset -8\n .cfi_restore %rbp\n ret\n"
	" .cfi_endproc\n"
	"bare: movq %rdi, %rax\n leaq 1(%rax), %rax\n nop\n ret\n"
	".popsection\n");
void pushes(void);

static void assembly(void **state)
{
	(void)state;
	stepped(pushes, UNJUDGED, 30);
}

static int set_up(void **state)
{
	struct sigaction act = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
	void *warm[4];

	(void)state;
	backtrace(warm, 4); /* loads libgcc */
	know_modules();
	return sigaction(SIGTRAP, &act, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(unoptimized),
	    cmocka_unit_test(unoptimized_without_frame_pointers),
	    cmocka_unit_test(optimized),
	    cmocka_unit_test(optimized_with_frame_pointers),
	    cmocka_unit_test(for_size),
	    cmocka_unit_test(libc_and_callbacks),
	    cmocka_unit_test(linkage_stubs_and_the_resolver),
	    cmocka_unit_test(vdso),
	    cmocka_unit_test(handlers_of_libc),
	    cmocka_unit_test(handlers_without_tables),
	    cmocka_unit_test(assembly),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
