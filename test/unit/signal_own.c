/* signal_own.c - stacks of a known depth, stacks elsewhere, and stacks that lie, by our own
 * unwinder. */
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

static void *jit(const uint8_t *code, size_t size)
{
	uint8_t *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(at != MAP_FAILED);
	memcpy(at, code, size);
	return at;
}

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

/* ---- stacks that lie ---- */

static uint64_t *edge; /* behind the last word that is there */

static void with_pages(void)
{
	char *map =
	    mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(map, 4096, PROT_NONE);
	mprotect(map + 15 * 4096, 4096, PROT_NONE);
	edge = (uint64_t *)(void *)(map + 15 * 4096);
}

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	return *seed ^= *seed << 17;
}

/* Return addresses, places in the stack, and junk; the last frames reach the edge. */
static void fill(uint64_t *from, uint64_t libc[2], uint64_t *seed)
{
	for (uint64_t *p = from; p < edge; p++)
		switch (next(seed) % 4) {
		case 0:
			*p = libc[0] + next(seed) % (libc[1] - libc[0]);
			break;
		case 1:
			*p = (uint64_t)(uintptr_t)(p + next(seed) % 64) - next(seed) % 2;
			break;
		case 2:
			*p = (uint64_t)(uintptr_t)(edge - next(seed) % 8192);
			break;
		default:
			*p = next(seed) >> next(seed) % 64;
		}
}

/* As if a signal had come at every 64th byte of libc, on a stack that holds anything. */
static void *fabricated(void *arg)
{
	uint64_t libc[2] = {0, 0}, seed = (uint64_t)(uintptr_t)arg * 77 + 1, mine[128];
	uint64_t *stack = edge - 12 * 512;
	size_t seen = 0;

	dl_iterate_phdr(find_libc, libc);
	for (uint64_t pc = libc[0]; pc < libc[1]; pc += 64) {
		ucontext_t uc;
		unsigned f = 0;

		if (pc % 4096 < 64 && !arg)
			fill(stack, libc, &seed);
		for (int i = 0; i < NGREG; i++)
			uc.uc_mcontext.gregs[i] =
			    (greg_t)(uintptr_t)(stack + next(&seed) % (13 * 512)) & ~7ll;
		uc.uc_mcontext.gregs[REG_RIP] = (greg_t)(pc + next(&seed) % 64);
		seen += cp_own_context(&uc, mine, 128, &f);
	}
	return (void *)(uintptr_t)seen;
}

static void every_address_on_any_stack(void **state)
{
	pthread_t t[4];
	void *seen;

	(void)state;
	with_pages();
	assert_true((uintptr_t)fabricated(NULL) > 1000);
	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, fabricated, (void *)(i + 1));
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &seen);
		assert_true((uintptr_t)seen > 1000);
	}
}

/* A context that says that it is its own caller, in our own code, too: it ends. */
static void a_handler_in_a_circle(void **state)
{
	static const uint8_t way_out[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05};
	uint64_t *frame = edge - 400, code;
	ElfW(Phdr) phdr = {.p_type = PT_LOAD, .p_flags = PF_X, .p_memsz = 4096};
	struct dl_phdr_info info = {.dlpi_phdr = &phdr, .dlpi_phnum = 1};

	(void)state;
	code = info.dlpi_addr = (uint64_t)(uintptr_t)jit(way_out, sizeof way_out);
	cp_tables_begin();
	cp_tables_add(&info);
	cp_tables_end();
	frame[-2] = frame[-1] = code;
	memset(frame, 0, 1024);
	frame[20] = (uint64_t)(uintptr_t)frame; /* rsp, rip */
	frame[21] = code;
	flags = 0;
	assert_int_equal(cp_own_here(frame - 2, 0, 0, pcs, 100, &flags), 100);
	assert_int_equal(flags, CP_ROW_TRUNCATED);
	assert_int_equal(cp_own_here(frame - 2, code, code + 64, pcs, 100, &flags), 0);
	know_modules();
}

/* Of a chain of frame pointers in code that nobody knows, whose last one leads nowhere. */
static void a_lost_chain_says_so(void **state)
{
	static const uint8_t nothing[] = {0xe8, 0, 0, 0, 0, 0x90, 0x5d, 0xc3};
	uint64_t *frame = edge - 400, code = (uint64_t)(uintptr_t)jit(nothing, sizeof nothing) + 5;
	const uint64_t ends[] = {1, 0, (uint64_t)(uintptr_t)(frame + 1), UINT64_MAX - 7};

	(void)state;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		memset(frame - 2, 0, 1024);
		frame[-2] = (uint64_t)(uintptr_t)frame;
		frame[-1] = code;
		frame[0] = (uint64_t)(uintptr_t)(frame + 10);
		frame[1] = code;
		frame[10] = ends[i];
		frame[11] = code;
		flags = 0;
		assert_int_equal(cp_own_here(frame - 2, 0, 0, pcs, 100, &flags), 3);
		assert_int_equal(flags, CP_ROW_ENDED_EARLY | CP_OWN_STRANGER);
	}
	munmap((void *)(uintptr_t)(code & ~UINT64_C(4095)), 4096);
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
	    cmocka_unit_test(every_address_on_any_stack),
	    cmocka_unit_test(a_handler_in_a_circle),
	    cmocka_unit_test(a_lost_chain_says_so),
	};
	struct sigaction act = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};

	(void)argv;
	sigaction(SIGUSR1, &act, NULL);
	know_modules();
	if (argc > 1)
		speed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
