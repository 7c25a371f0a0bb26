/* signal_unwind.c - proves signal/unwind.c, signal/unwind_fp.c and life/libunwind.c. */
/* SPDX-License-Identifier: MIT */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/attrs.h"
#include "base/recording.h"
#include "life/libunwind.h"
#include "signal/modules.h"
#include "signal/unwind.h"

/* ---- the module list, as the unwinder sees it: collected once ---- */

#define MODULES 64
static struct dl_phdr_info module[MODULES];
static size_t modules;
static volatile int changing, asked;

static int collect(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	if (modules < MODULES)
		module[modules++] = *info;
	return 0;
}

int cp_modules_iterate(int (*cb)(struct dl_phdr_info *, size_t, void *), void *arg)
{
	int stop = 0;

	asked++;
	for (size_t i = 0; i < modules && !stop; i++)
		stop = cb(&module[i], sizeof module[i], arg);
	return stop;
}

int cp_modules_look_for(uint64_t pc)
{
	(void)pc;
	return 0;
}

int cp_modules_changing(void)
{
	return changing;
}

int cp_modules_settled(const uint64_t *at, size_t n)
{
	(void)at;
	(void)n;
	return 1;
}

/* ---- stacks of a known depth, without frame pointers where the compiler may ---- */

static uint64_t pcs[CP_UNWIND_STACK];
static size_t got;
static unsigned flags;
static size_t room = 512;

__attribute__((noinline, optimize("omit-frame-pointer"))) static int deep(int n)
{
	volatile int here = n;

	if (n == 0)
		got = cp_unwind_here(NULL, pcs, room, &flags);
	else
		deep(n - 1);
	return here;
}

static void here_finds_every_frame(void **state)
{
	uintptr_t from = (uintptr_t)deep;
	size_t mine = 0;

	(void)state;
	flags = 0;
	room = 512;
	deep(30);
	for (size_t i = 0; i < got; i++)
		mine += pcs[i] >= from && pcs[i] < from + 256;
	assert_int_equal(mine, 31);
	assert_true(pcs[0] >= from && pcs[0] < from + 256);
	assert_true(got > 33);
	assert_int_equal(flags, 0);
}

static void a_cut_stack_says_so(void **state)
{
	(void)state;
	flags = 0;
	room = 10;
	deep(30);
	assert_in_range(got, 8, 10); /* libunwind's own and ours took part of the room */
	assert_int_equal(flags, CP_ROW_TRUNCATED);
	room = 512;
}

/* ---- from a handler ---- */

static volatile uintptr_t lr;
static uint64_t tick_pcs[512];
static volatile size_t tick_got;
static volatile unsigned tick_flags;
static volatile long ticks, whole;
static uintptr_t root_lo, root_hi;

static void on_tick(int sig, siginfo_t *info, void *uc)
{
	unsigned f = 0;

	(void)sig;
	(void)info;
	errno = 77;
	tick_got = cp_unwind_context(uc, tick_pcs, 512, &f);
	if (errno != 77)
		_exit(99);
	tick_flags = f;
	ticks++;
	for (size_t i = 0; i < tick_got; i++)
		if (tick_pcs[i] >= root_lo && tick_pcs[i] < root_hi) {
			whole++;
			break;
		}
}

static void handler(int sig, int on_stack)
{
	struct sigaction act = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | on_stack};

	sigaction(sig, &act, NULL);
}

static void timer(long us)
{
	struct itimerspec every = {{0, us * 1000}, {0, us * 1000}};
	static timer_t id;
	static int made;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF};

	if (!made)
		timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &id);
	made = 1;
	timer_settime(id, 0, &every, NULL);
}

__attribute__((noinline, optimize("omit-frame-pointer"))) static unsigned leaf(unsigned x)
{
	return x * 3 + 1;
}

/* By the clock of the ticks: on a crowded machine there is little of it in a second. */
__attribute__((noinline)) static unsigned root(long ms)
{
	struct timespec a, b;
	unsigned x = 1;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	do {
		for (int i = 0; i < 20000; i++)
			x = leaf(x);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	} while ((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < ms);
	return x;
}

/* Leaves are hit in their prologue and at their ret: the caller must be there all the same. */
static void every_tick_finds_the_caller(void **state)
{
	(void)state;
	root_lo = (uintptr_t)root;
	root_hi = root_lo + 512;
	ticks = whole = 0;
	handler(SIGPROF, 0);
	timer(300);
	lr = root(1000);
	timer(0);
	assert_true(ticks > 10);
	assert_true(whole >= ticks - 2); /* the first and the last may be outside */
}

static void a_nested_unwind_gives_nothing(void **state)
{
	(void)state;
	handler(SIGPROF, 0);
	timer(200);
	for (int i = 0; i < 200000; i++)
		deep(8 + i % 60);
	timer(0);
	assert_false(cp_unwind_inside());
	assert_false(cp_unwind_active_now());
}

/* ---- descriptors ---- */

static int descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int at_start;

static void no_descriptor_and_no_loader_lock(void **state)
{
	(void)state;
	assert_true(asked > 0);
	assert_int_equal(descriptors(), at_start);
}

/* ---- stacks that lie ---- */

__asm__(".text\n.globl no_cfi\n.type no_cfi,@function\n"
	"no_cfi: pushq %rbp\n movq %rsi, %rbp\n call *%rdi\n popq %rbp\n ret\n"
	".size no_cfi,.-no_cfi\n"
	".globl wrong_cfi\n.type wrong_cfi,@function\n"
	"wrong_cfi: .cfi_startproc\n pushq %rbx\n movq %rsi, %rbx\n .cfi_def_cfa %rbx, 0\n"
	" call *%rdi\n popq %rbx\n ret\n .cfi_endproc\n.size wrong_cfi,.-wrong_cfi\n");
extern void no_cfi(void (*f)(void), uintptr_t junk);
extern void wrong_cfi(void (*f)(void), uintptr_t junk);

static void both_ways(void)
{
	flags = 0;
	got = cp_unwind_here(NULL, pcs, 512, &flags);
	assert_true(got <= 512);
	raise(SIGUSR1);
}

static void liars_do_no_harm(void **state)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t last = (uintptr_t)map + (uintptr_t)page - 8, loop[2];
	uintptr_t junk[] = {
	    0, 1, 8, 0xdeadbeefdead, last, last + 4, (uintptr_t)loop, UINTPTR_MAX - 7, UINTPTR_MAX};

	(void)state;
	munmap(map + page, (size_t)page);
	loop[0] = (uintptr_t)loop;
	loop[1] = (uintptr_t)liars_do_no_harm;
	handler(SIGUSR1, 0);
	for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) {
		no_cfi(both_ways, junk[i]);
		wrong_cfi(both_ways, junk[i]);
	}
	munmap(map, (size_t)page);
}

static ucontext_t home, away;

static void fiber(void)
{
	both_ways();
	swapcontext(&away, &home);
}

static void other_stacks_do(void **state)
{
	static char room_of_fiber[65536], alt[65536];
	stack_t ss = {.ss_sp = alt, .ss_size = sizeof alt}, off = {.ss_flags = SS_DISABLE};

	(void)state;
	getcontext(&away);
	away.uc_stack.ss_sp = room_of_fiber;
	away.uc_stack.ss_size = sizeof room_of_fiber;
	makecontext(&away, fiber, 0);
	swapcontext(&home, &away);
	assert_true(got >= 1);
	sigaltstack(&ss, NULL);
	handler(SIGUSR1, SA_ONSTACK);
	tick_got = 0;
	raise(SIGUSR1);
	sigaltstack(&off, NULL);
	assert_true(tick_got > 3);
}

/* ---- the need for stack, and threads ---- */

static size_t need;

/* A handler on a painted alternate stack: what is no longer paint was needed. */
static void *measure(void *arg)
{
	size_t size = 65536, clean = 0;
	unsigned char *alt =
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t ss = {.ss_sp = alt, .ss_size = size}, off = {.ss_flags = SS_DISABLE};

	(void)arg;
	cp_unwind_warm();
	memset(alt, 0xa5, size);
	sigaltstack(&ss, NULL);
	handler(SIGUSR1, SA_ONSTACK);
	cp_unwind_forget();
	raise(SIGUSR1);
	sigaltstack(&off, NULL);
	while (clean < size && alt[clean] == 0xa5)
		clean++;
	need = size - clean;
	cp_unwind_thread_end();
	tick_got = 0;
	raise(SIGUSR1);
	munmap(alt, size);
	return NULL;
}

static void the_stack_suffices(void **state)
{
	pthread_t t;

	(void)state;
	pthread_create(&t, NULL, measure, NULL);
	pthread_join(t, NULL);
	print_message("a handler's unwind took %zu bytes of stack, the signal frame included\n",
		      need);
	assert_true(tick_got >= 1);
	assert_in_range(need, 1000, CP_UNWIND_STACK);
}

static void forbidden_means_frame_pointers(void **state)
{
	int before;

	(void)state;
	cp_unwind_forked(); /* nobody was unwinding: libunwind stays */
	cp_unwind_forget();
	asked = 0;
	deep(5);
	assert_true(asked > 0);
	changing = 1;
	cp_unwind_forget();
	before = asked;
	deep(6);
	assert_int_equal(asked, before);
	changing = 0;
	cp_unwind_forbid_libunwind();
	deep(7);
	assert_int_equal(asked, before);
}

static void speed(const char *what)
{
	for (int depth = 10; depth <= 100; depth = depth == 10 ? 30 : depth == 30 ? 100 : 101) {
		struct timespec a, b;

		room = (size_t)depth;
		deep(depth);
		clock_gettime(CLOCK_MONOTONIC, &a);
		for (int i = 0; i < 5000; i++)
			deep(depth);
		clock_gettime(CLOCK_MONOTONIC, &b);
		print_message("%s, depth %d: %ld ns per stack\n", what, depth,
			      ((b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec) / 5000);
	}
	room = 512;
}

static int set_up(void **state)
{
	(void)state;
	at_start = descriptors();
	cp_unwind_init((uintptr_t)cp_unwind_here, (uintptr_t)cp_unwind_here + 1024);
	if (cp_libunwind_open() != 0)
		return -1;
	dl_iterate_phdr(collect, NULL);
	cp_unwind_warm();
	return 0;
}

int main(int argc, char **argv)
{
	(void)argv;
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(here_finds_every_frame),
	    cmocka_unit_test(a_cut_stack_says_so),
	    cmocka_unit_test(every_tick_finds_the_caller),
	    cmocka_unit_test(a_nested_unwind_gives_nothing),
	    cmocka_unit_test(liars_do_no_harm),
	    cmocka_unit_test(other_stacks_do),
	    cmocka_unit_test(the_stack_suffices),
	    cmocka_unit_test(no_descriptor_and_no_loader_lock),
	    cmocka_unit_test(forbidden_means_frame_pointers),
	};
	int failed;

	if (argc > 1 && set_up(NULL) == 0)
		speed("libunwind");
	failed = cmocka_run_group_tests(tests, argc > 1 ? NULL : set_up, NULL);
	if (argc > 1)
		speed("frame pointers");
	return failed;
}
