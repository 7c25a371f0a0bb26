/* signal_own.c - stacks of a known depth, and stacks elsewhere, by our own unwinder. */
/* SPDX-License-Identifier: MIT */
#include <alloca.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/recording.h"
#include "test/unit/jit.h"
#include "test/unit/own_stacks.h"
#include "test/unit/unit.h"

static uint64_t pcs[8192];
static size_t got, room = 8192;
static unsigned flags;

static void on_signal(int sig, siginfo_t *info, void *uc)
{
	(void)sig;
	(void)info;
	flags = 0;
	got = cp_own_context(uc, pcs, room, &flags);
}

/* Both ways in: as a call of ours, and as a tick of ours would. */
__attribute__((noinline)) static void look_here(void)
{
	flags = 0;
	got = stack_here(pcs, room, &flags);
}

__attribute__((noinline)) static void look_in_handler(void)
{
	raise(SIGUSR1);
}

static void (*look)(void);

/* ---- depth ---- */

#define RECURSION(name, ...)                                                                       \
	IN(in_##name) __attribute__((optimize(__VA_ARGS__))) static int name(int n)                \
	{                                                                                          \
		volatile int here = n;                                                             \
		if (n == 0)                                                                        \
			look();                                                                    \
		else                                                                               \
			name(n - 1);                                                               \
		return here;                                                                       \
	}

RECURSION(framed, "O2", "no-omit-frame-pointer")
RECURSION(bare, "O2", "omit-frame-pointer")

/* The CFA is found by another register than the frame pointer: the slow way. */
IN(in_aligned) static int aligned(int n)
{
	_Alignas(64) volatile char room_of_mine[64];
	volatile char *more = alloca((size_t)n * 8 + 16);

	more[0] = room_of_mine[n & 63] = 1;
	if (n == 0)
		look();
	else
		aligned(n - 1);
	return more[0] + room_of_mine[n & 63];
}

static size_t frames_of(int (*f)(int))
{
	return f == framed ? FRAMES_IN(in_framed, pcs, got)
	       : f == bare ? FRAMES_IN(in_bare, pcs, got)
			   : FRAMES_IN(in_aligned, pcs, got);
}

static void depths(void **state)
{
	static int (*const all[])(int) = {framed, bare, aligned};
	static void (*const ways[])(void) = {look_here, look_in_handler};

	(void)state;
	for (size_t way = 0; way < 2; way++)
		for (size_t i = 0; i < 3; i++)
			for (int depth = 0; depth < 600; depth = depth * 3 + 1) {
				look = ways[way];
				all[i](depth);
				if (frames_of(all[i]) != (size_t)depth + 1 || flags)
					fail_msg(
					    "way %zu, function %zu, depth %d: %zu frames of %zu",
					    way, i, depth, frames_of(all[i]), got);
				got = way ? got : 1; /* here: nothing of ours before it */
				assert_true(frames_of(all[i]) > 0);
			}
}

static void a_cut_stack_says_so(void **state)
{
	size_t whole;

	(void)state;
	for (int i = 0; i < 3; i++) {
		look = i == 1 ? look_in_handler : look_here;
		room = 8192;
		(i == 2 ? aligned : bare)(20);
		whole = got;
		assert_int_equal(flags, 0);
		room = whole;
		(i == 2 ? aligned : bare)(20);
		assert_int_equal(got, whole);
		assert_int_equal(flags, 0);
		for (room = 0; room < whole; room++) {
			pcs[room] = 12345;
			(i == 2 ? aligned : bare)(20);
			assert_int_equal(got, room);
			assert_int_equal(flags, CP_ROW_TRUNCATED);
			assert_int_equal(pcs[room], 12345);
		}
	}
	room = 8192;
}

/* ---- other stacks ---- */

static void *in_thread(void *arg)
{
	(void)arg;
	framed(7);
	return NULL;
}

static void a_threads_stack_ends_at_its_start(void **state)
{
	pthread_t t;

	(void)state;
	for (int way = 0; way < 2; way++) {
		look = way ? look_in_handler : look_here;
		pthread_create(&t, NULL, in_thread, NULL);
		pthread_join(t, NULL);
		assert_int_equal(frames_of(framed), 8);
		assert_int_equal(flags, 0);
		assert_in_range(got, 11,
				18); /* in_thread, start_thread, clone3; raise; a sanitizer's */
	}
}

static ucontext_t home, away;

static void fiber(void)
{
	framed(5);
	swapcontext(&away, &home);
}

static void fibers(void **state)
{
	static char room_of_fiber[65536];

	(void)state;
	for (int way = 0; way < 2; way++) {
		look = way ? look_in_handler : look_here;
		getcontext(&away);
		away.uc_stack.ss_sp = room_of_fiber;
		away.uc_stack.ss_size = sizeof room_of_fiber;
		makecontext(&away, fiber, 0);
		swapcontext(&home, &away);
		assert_int_equal(frames_of(framed), 6);
		assert_int_equal(flags, 0);
		assert_in_range(got, 7, 12);
	}
}

/* A handler on an alternate stack, which lies below or above: both of its stacks are seen. */
static void on_usr2(int sig)
{
	(void)sig;
	bare(4);
}

IN(in_raises) static int raises(int n)
{
	volatile int here = n;

	raise(SIGUSR2);
	return here;
}

#ifdef __SANITIZE_THREAD__ /* puts a signal off that comes in a handler */
#define ALTERNATE 2
#else
#define ALTERNATE 4
#endif

static void alternate_stacks(void **state)
{
	static char low[65536];
	char *high = alloca(65536);
	stack_t ss = {.ss_sp = low, .ss_size = sizeof low}, off = {.ss_flags = SS_DISABLE};
	struct sigaction act = {.sa_handler = on_usr2, .sa_flags = SA_ONSTACK};

	(void)state;
	sigaction(SIGUSR2, &act, NULL);
	for (int i = 0; i < ALTERNATE; i++) {
		ss.ss_sp = i % 2 ? high : low;
		look = i / 2 ? look_in_handler : look_here;
		sigaltstack(&ss, NULL);
		raises(1);
		sigaltstack(&off, NULL);
		assert_int_equal(frames_of(bare), 5);
		assert_int_equal(flags, 0);
		assert_true(FRAMES_IN(in_raises, pcs, got) >= 1);
	}
}

/* ---- made by a JIT: code in no module ---- */

IN_TEST static void called_back(void)
{
	look();
	__asm__ volatile("");
}

IN(in_calls) __attribute__((optimize("no-omit-frame-pointer"))) static int calls(int n)
{
	static const uint8_t codes[][20] = {
	    {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3}, /* keeps a frame pointer */
	    {0x50, 0xff, 0xd7, 0x58, 0xc3},		      /* a thunk: push, call, pop, ret */
	    /* sub $24; call; add $24; ret. Then: push five, rbp = 0; call; pop five; ret */
	    {0x48, 0x83, 0xec, 24, 0xff, 0xd7, 0x48, 0x83, 0xc4, 24, 0xc3},
	    {0x55, 0x41, 0x54, 0x41, 0x55, 0x53, 0x50, 0x31, 0xed, 0xff, 0xd7, 0x58, 0x5b, 0x41,
	     0x5d, 0x41, 0x5c, 0x5d, 0xc3},
	    {0x50, 0xff, 0xd7, 0x90, 0x58, 0xc3}, /* more is done after the call */
	};
	void (*f)(void (*)(void));
	void *code = jit(codes[n], sizeof *codes);

	memcpy(&f, &code, sizeof f);
	f(called_back);
	munmap(code, 4096);
	return n;
}

/* It stands in no C, and has no callers. */
extern char _start[];
static int is_whole(void)
{
	uint64_t root = pcs[got - 1], start = (uint64_t)(uintptr_t)_start;

	return root > start && root < start + 64;
}

static void code_without_tables(void **state)
{
	(void)state;
	for (int way = 0; way < 2; way++) {
		look = way ? look_in_handler : look_here;
		for (int n = 0; n < 4; n++) {
			calls(n);
			assert_true(FRAMES_IN(in_calls, pcs, got) >= 1 && got > 4);
			assert_int_equal(flags & CP_ROW_ENDED_EARLY, 0);
			assert_true(is_whole());
		}
		calls(4); /* without a frame pointer of its own: its caller is guessed, or not */
		assert_true(got >= 2);
		assert_int_equal(!(flags & CP_ROW_ENDED_EARLY), is_whole());
	}
}

/* With an argument: what a frame costs. */
static void speed(void)
{
	for (int way = 0; way < 2; way++)
		for (int depth = 10; depth <= 210; depth += 100) {
			struct timespec a, b;

			look = way ? look_in_handler : look_here;
			clock_gettime(CLOCK_MONOTONIC, &a);
			for (int i = 0; i < 20000; i++)
				bare(depth);
			clock_gettime(CLOCK_MONOTONIC, &b);
			print_message("%s, depth %d: %ld ns\n", way ? "handler" : "here", depth,
				      ((b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec) /
					  20000);
		}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(depths),
	    cmocka_unit_test(a_cut_stack_says_so),
	    cmocka_unit_test(a_threads_stack_ends_at_its_start),
	    cmocka_unit_test(fibers),
	    cmocka_unit_test(alternate_stacks),
	    cmocka_unit_test(code_without_tables),
	};
	struct sigaction act = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};

	(void)argv;
	sigaction(SIGUSR1, &act, NULL);
	know_modules();
	if (argc > 1)
		speed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
