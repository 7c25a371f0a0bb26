/* speed.c - what a stack costs, ours beside the others': warm, and at random instants. */
/* SPDX-License-Identifier: MIT */
/* speed THREADS [KIB]: in each thread, 2,000 functions call one another along random ways 44 deep,
 * some often and most seldom, and touch so much memory between. A timer interrupts them; each
 * instant is walked by one of the unwinders, in turn, so all meet the same caches. Then the warm
 * cost: the same stack at two depths; the slope is a frame's. */
#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "signal/step.h"
#include "signal/unwind_fp.h"
#include "test/unit/own_stacks.h"

#define DEPTH	  44
#define INSTANTS  2000 /* of each unwinder, in all threads, that count; and as many before */
#define ROUNDS	  2000 /* warm */
#define THREADS	  8
#define PERIOD_NS 197000

/* ---- the unwinders: of what a handler interrupted, and of the caller ---- */

static struct {
	int (*backtrace)(void **, int);
	int (*get_context)(void *);
	int (*init)(void *, void *, int);
	int (*step)(void *);
	int (*get_reg)(void *, int, uint64_t *);
} lib;

#define CURSOR 127 /* words, part of libunwind's ABI */
#define RIP    16

static size_t by_steps(void *context, int flag, uint64_t *pcs)
{
	uint64_t cursor[CURSOR];
	size_t n = 0;

	if (lib.init(cursor, context, flag) != 0)
		return 0;
	do
		lib.get_reg(cursor, RIP, &pcs[n]);
	while (++n < ROOM && lib.step(cursor) > 0);
	return n;
}

static size_t own_context(void *uc, uint64_t *pcs)
{
	return cp_own_context(uc, pcs, ROOM, &(unsigned){0});
}
static size_t own_here(uint64_t *pcs)
{
	return cp_own_here(__builtin_frame_address(0), 0, 0, pcs, ROOM, &(unsigned){0});
}
static size_t fast_context(void *uc, uint64_t *pcs)
{
	(void)uc;
	return (size_t)lib.backtrace((void **)pcs, ROOM);
}
static size_t fast_here(uint64_t *pcs)
{
	return (size_t)lib.backtrace((void **)pcs, ROOM);
}
static size_t step_context(void *uc, uint64_t *pcs)
{
	return by_steps(uc, 1, pcs);
}
static size_t step_here(uint64_t *pcs)
{
	ucontext_t here;

	lib.get_context(&here);
	return by_steps(&here, 0, pcs);
}
static size_t glibc_context(void *uc, uint64_t *pcs)
{
	(void)uc;
	return (size_t)backtrace((void **)pcs, ROOM);
}
static size_t glibc_here(uint64_t *pcs)
{
	return (size_t)backtrace((void **)pcs, ROOM);
}
static size_t fp_context(void *uc, uint64_t *pcs)
{
	return cp_fp_context(uc, pcs, ROOM, &(unsigned){0});
}
static size_t fp_here(uint64_t *pcs)
{
	return cp_fp_from(__builtin_frame_address(0), 0, 0, pcs, ROOM, &(unsigned){0});
}

static const struct unwinder {
	const char *name;
	size_t (*context)(void *uc, uint64_t *pcs);
	size_t (*here)(uint64_t *pcs);
	int by_libunwind;
} all[] = {
    {"conprof", own_context, own_here, 0},	   {"frame_pointers", fp_context, fp_here, 0},
    {"unw_backtrace", fast_context, fast_here, 1}, {"unw_step", step_context, step_here, 1},
    {"backtrace", glibc_context, glibc_here, 0},
};
#define ALL (sizeof all / sizeof *all)

static void open_libunwind(void)
{
	void *at = dlopen("libunwind.so.8", RTLD_NOW);

	if (!at)
		return;
	*(void **)&lib.backtrace = dlsym(at, "unw_backtrace");
	*(void **)&lib.get_context = dlsym(at, "_Ux86_64_getcontext");
	*(void **)&lib.init = dlsym(at, "_ULx86_64_init_local2");
	*(void **)&lib.step = dlsym(at, "_ULx86_64_step");
	*(void **)&lib.get_reg = dlsym(at, "_ULx86_64_get_reg");
	if (!lib.backtrace || !lib.get_context || !lib.init || !lib.step || !lib.get_reg)
		lib.backtrace = NULL;
}

static int is_there(size_t which)
{
	return !all[which].by_libunwind || lib.backtrace;
}

/* ---- a program of many functions ---- */

static uint64_t lines; /* of the memory that is touched between */

struct way {
	uint64_t seed;
	volatile char *memory;
	size_t (*leaf)(struct way *); /* instead of touching memory */
};

static uint64_t next(struct way *w)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	return w->seed ^= w->seed << 17;
}

typedef size_t function(struct way *, int);
static function *const table[2000];

static size_t touch(struct way *w)
{
	size_t sum = 0;

	for (int i = 0; i < 64; i++)
		sum += (size_t)w->memory[next(w) % lines * 64]++;
	return sum;
}

/* As in real programs a few functions are met often and most seldom: of three draws the least. */
static function *choose(uint64_t draw)
{
	uint64_t a = draw % 2000, b = (draw >> 20) % 2000, c = (draw >> 40) % 2000;

	a = a < b ? a : b;
	return table[a < c ? a : c];
}

/* Frames of several sizes and shapes, each with a few of its caller's registers to keep. */
#define F(n)                                                                                       \
	__attribute__((noinline)) static size_t f##n(struct way *w, int depth)                     \
	{                                                                                          \
		volatile size_t room[1 + n % 9];                                                   \
		size_t a = next(w), b = a ^ (n * 0x9e37u), c = b + (size_t)depth;                  \
		room[n % 9] = a;                                                                   \
		if (depth == 0)                                                                    \
			return w->leaf ? w->leaf(w) : touch(w);                                    \
		c += choose(a)(w, depth - 1);                                                      \
		if (n % 3)                                                                         \
			b ^= c;                                                                    \
		return a + b + c + room[n % 9];                                                    \
	}
#define F10(n) F(n##0) F(n##1) F(n##2) F(n##3) F(n##4) F(n##5) F(n##6) F(n##7) F(n##8) F(n##9)
#define F100(n)                                                                                    \
	F10(n##0)                                                                                  \
	F10(n##1) F10(n##2) F10(n##3) F10(n##4) F10(n##5) F10(n##6) F10(n##7) F10(n##8) F10(n##9)
#define F1000(n)                                                                                   \
	F100(n##0)                                                                                 \
	F100(n##1)                                                                                 \
	F100(n##2) F100(n##3) F100(n##4) F100(n##5) F100(n##6) F100(n##7) F100(n##8) F100(n##9)
F1000(1)
F1000(2)
#define N(n)   f##n,
#define N10(n) N(n##0) N(n##1) N(n##2) N(n##3) N(n##4) N(n##5) N(n##6) N(n##7) N(n##8) N(n##9)
#define N100(n)                                                                                    \
	N10(n##0)                                                                                  \
	N10(n##1) N10(n##2) N10(n##3) N10(n##4) N10(n##5) N10(n##6) N10(n##7) N10(n##8) N10(n##9)
#define N1000(n)                                                                                   \
	N100(n##0)                                                                                 \
	N100(n##1)                                                                                 \
	N100(n##2) N100(n##3) N100(n##4) N100(n##5) N100(n##6) N100(n##7) N100(n##8) N100(n##9)
static function *const table[2000] = {N1000(1) N1000(2)};

/* ---- random instants ---- */

static uint32_t took[ALL][INSTANTS];
static _Atomic uint32_t taken[ALL], turn;
static _Atomic uint64_t frames[ALL];

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void on_signal(int sig, siginfo_t *info, void *uc)
{
	uint64_t pcs[ROOM], before, after;
	size_t which = turn++ % ALL, n;
	uint32_t at;

	(void)sig;
	(void)info;
	if (!is_there(which))
		return;
	now_ns(); /* it is warm, and nothing else is */
	before = now_ns();
	n = all[which].context(uc, pcs);
	after = now_ns();
	at = taken[which]++;
	/* The first ones meet each function for the first time, which a profiler does once. */
	if (at < INSTANTS || at >= 2 * INSTANTS)
		return;
	at -= INSTANTS;
	took[which][at] = (uint32_t)(after - before);
	frames[which] += n;
}

static int is_done(void)
{
	for (size_t i = 0; i < ALL; i++)
		if (is_there(i) && taken[i] < 2 * INSTANTS)
			return 0;
	return 1;
}

static void arm(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
	struct itimerspec when = {.it_interval.tv_nsec = PERIOD_NS, .it_value.tv_nsec = PERIOD_NS};
	timer_t timer;

	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
	    timer_settime(timer, 0, &when, NULL) != 0)
		abort();
}

static struct way make_way(uint64_t number)
{
	return (struct way){.seed = number * 77 + 5, .memory = calloc(lines, 64)};
}

static void *wander(void *arg)
{
	struct way w = make_way((uintptr_t)arg + 1);

	if (!w.memory)
		abort();
	arm();
	while (!is_done())
		table[next(&w) % 2000](&w, DEPTH - 3); /* main or start_thread, and this */
	return NULL;
}

/* ---- warm ---- */

static double warm_ns[ALL][THREADS];
static pthread_barrier_t together;

static __thread const struct unwinder *chosen;
static __thread double ns_a_stack;
static __thread size_t frames_seen;

static size_t many_times(struct way *w)
{
	uint64_t pcs[ROOM], before;

	(void)w;
	for (int i = 0; i < 20; i++)
		frames_seen = chosen->here(pcs);
	before = cpu_ns();
	for (int i = 0; i < ROUNDS; i++)
		frames_seen = chosen->here(pcs);
	ns_a_stack = (double)(cpu_ns() - before) / ROUNDS;
	return frames_seen;
}

static void *warm(void *arg)
{
	size_t thread = (uintptr_t)arg;

	for (size_t i = 0; i < ALL; i++) {
		double ns[2], seen[2];

		pthread_barrier_wait(&together);
		for (int deep = 0; deep < 2; deep++) {
			struct way w = {.seed = 3 + thread, .leaf = many_times};

			chosen = &all[i];
			if (is_there(i))
				table[thread](&w, deep ? 100 : 10);
			ns[deep] = ns_a_stack;
			seen[deep] = (double)frames_seen;
		}
		warm_ns[i][thread] = (ns[1] - ns[0]) / (seen[1] - seen[0]);
	}
	return NULL;
}

/* ---- the figures ---- */

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The mean without its highest and lowest twentieth: what else the machine does is not the
 * unwinder's. */
static void tell(size_t which, size_t threads)
{
	uint64_t sum = 0;
	size_t cut = INSTANTS / 20;

	qsort(took[which], INSTANTS, sizeof **took, by_size);
	qsort(warm_ns[which], threads, sizeof **warm_ns, by_value);
	for (size_t i = cut; i < INSTANTS - cut; i++)
		sum += took[which][i];
	printf("%s threads %zu frames %.1f random_mean_ns %.0f random_median_ns %u "
	       "warm_ns_a_frame %.2f\n",
	       all[which].name, threads, (double)frames[which] / INSTANTS,
	       (double)sum / (double)(INSTANTS - 2 * cut), took[which][INSTANTS / 2],
	       warm_ns[which][threads / 2]);
}

static void run(void *(*what)(void *), size_t threads)
{
	pthread_t t[THREADS];

	for (size_t i = 0; i < threads; i++)
		if (pthread_create(&t[i], NULL, what, (void *)i) != 0)
			abort();
	for (size_t i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
}

int main(int argc, char **argv)
{
	struct sigaction act = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
	size_t threads = argc > 1 ? (size_t)atoi(argv[1]) : 1;
	uint64_t pcs[ROOM];

	lines = (argc > 2 ? (uint64_t)atol(argv[2]) : 32 * 1024) * 1024 / 64;
	if (!lines || threads < 1 || threads > THREADS)
		return 2;
	open_libunwind();
	cp_step_open();
	know_modules();
	for (size_t i = 0; i < ALL; i++)
		if (is_there(i))
			all[i].here(pcs);
	sigaction(SIGUSR1, &act, NULL);
	run(wander, threads);
	pthread_barrier_init(&together, NULL, (unsigned)threads);
	run(warm, threads);
	for (size_t i = 0; i < ALL; i++)
		if (is_there(i))
			tell(i, threads);
	return 0;
}
