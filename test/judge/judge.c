/* judge.c - preloaded into a program: libunwind's stack against ours, at random instants. */
/* SPDX-License-Identifier: MIT */
/* A real-time timer interrupts the program; both walk what it interrupted. At the end of each
 * process one line with sums goes to JUDGE_OUT, and one for each kind of disagreement: the last
 * frame they agree on, what each saw next, how often. An instant at which the program has not moved
 * since the last one does not count. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "life/libunwind.h"
#include "signal/frames.h"
#include "signal/modules.h"
#include "signal/recording.h"
#include "signal/stack.h"
#include "signal/step.h"
#include "signal/unwind.h"
#include "signal/unwind_own.h"

#define DEPTH  512
#define KINDS  256
#define SIGNAL 33 /* out of every program's reach (preload/signal/reserved.h) */

static struct {
	_Atomic uint32_t busy;
	uint64_t ours[DEPTH], theirs[DEPTH];
	_Alignas(16) char stack[64 * 1024];
} scratch;

static struct cp_wiped wiped;
/* Who is right where they differ: BARE: the frame they agree on last is code without tables, at
 * which each guesses. ASTRAY: libunwind goes on to what is no code, where ours has ended. LONGER:
 * one goes on where the other has ended. OTHER: by tables, to another caller. */
enum { EQUAL, BARE, THEIRS_ASTRAY, OURS_LONGER, THEIRS_LONGER, OTHER, CLASSES };
static const char *const class_name[] = {"equal",	"no_table",	 "theirs_astray",
					 "ours_longer", "theirs_longer", "different"};
static struct {
	uint64_t contexts, frames, class[CLASSES];
} sum;

static struct kind {
	int class;
	uint64_t last, ours, theirs, times;
} kind[KINDS];

/* What each walk took, for medians: a mean is what the machine's other work makes of it. */
#define TIMES 65536
static uint32_t took[3][TIMES];

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void tell_times(FILE *out)
{
	static const char *const name[] = {"ours_ns", "warm_ns", "theirs_ns"};
	size_t n = sum.contexts < TIMES ? sum.contexts : TIMES;

	for (int i = 0; i < 3; i++) {
		uint64_t mean = 0;

		qsort(took[i], n, sizeof **took, by_size);
		for (size_t at = n / 20; at < n - n / 20; at++)
			mean += took[i][at];
		fprintf(out, " %s %u %s_mean %lu", name[i], took[i][n / 2], name[i],
			mean / (n - n / 20 * 2 + !n));
	}
}

/* From the environment, while it is there: nginx clears its workers'. */
static char path[4096];
static long period_us = 977;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void note(int class, uint64_t last, uint64_t ours, uint64_t theirs)
{
	for (int i = 0; i < KINDS; i++) {
		struct kind *k = &kind[i];

		if (k->times && (k->last != last || (k->ours != ours && k->theirs != theirs)))
			continue;
		*k = (struct kind){class, last, ours, theirs, k->times + 1};
		return;
	}
}

static int has_table(size_t frame)
{
	enum cp_step how =
	    cp_word_kind(cp_step_of(scratch.ours[frame] - (frame > 0), cp_tables_epoch));

	return how != CP_STEP_NONE && how != CP_STEP_UNKNOWN;
}

static void compare(size_t ours, size_t theirs)
{
	size_t same = 0;
	int class = OTHER;

	while (same < ours && same < theirs && scratch.ours[same] == scratch.theirs[same])
		same++;
	if (same == ours && same == theirs)
		class = EQUAL;
	else if (same == ours && !cp_is_code(scratch.theirs[same]))
		class = THEIRS_ASTRAY;
	else if (same && !has_table(same - 1))
		class = BARE;
	else if (same == theirs)
		class = OURS_LONGER;
	else if (same == ours)
		class = THEIRS_LONGER;
	sum.contexts++;
	sum.frames += ours;
	sum.class[class]++;
	if (class != EQUAL)
		note(class, same ? scratch.ours[same - 1] : 0, same < ours ? scratch.ours[same] : 0,
		     same < theirs ? scratch.theirs[same] : 0);
}

/* As cp_unwind_context does: a module that has just been loaded is not in our list yet. */
static size_t walk_ours(const void *context, uint64_t *pcs)
{
	unsigned flags = 0;
	size_t n = cp_own_context(context, pcs, DEPTH, &flags);

	for (size_t i = 0; (flags & CP_OWN_STRANGER) && i < n; i++)
		if (cp_modules_look_for(pcs[i])) {
			n = cp_own_context(context, pcs, DEPTH, &flags);
			break;
		}
	/* What a handler interrupted has one more than its address (trail.h): the judges do not. */
	for (size_t i = 1; i < n; i++)
		pcs[i] -= cp_word_kind(cp_step_of(pcs[i - 1], cp_tables_epoch)) == CP_STEP_SIGNAL;
	return n;
}

static void both(void *context)
{
	uint64_t at[4];
	size_t ours, theirs, slot = sum.contexts % TIMES;

	at[0] = now_ns();
	cp_own_context(context, scratch.ours, DEPTH, &(unsigned){0});
	at[1] = now_ns();
	ours = walk_ours(context, scratch.ours);
	at[2] = now_ns();
	theirs = cp_unwind_context(context, scratch.theirs, DEPTH, &(unsigned){0});
	at[3] = now_ns();
	for (int i = 0; i < 3; i++)
		took[i][slot] = (uint32_t)(at[i + 1] - at[i]);
	compare(ours, theirs);
}

/* For gdb, the other judge (by_gdb.py), which asks for it: our stack, and where each of its frames
 * has its rule from, to be compared with what it makes of the handler's frame. */
volatile int judge_asked;
struct {
	uint64_t moved, n, pcs[DEPTH], tables[DEPTH];
} judge_moment;

static void show_gdb(const ucontext_t *uc)
{
	judge_moment.n = walk_ours(uc, judge_moment.pcs);
	for (size_t i = 0; i < judge_moment.n; i++)
		judge_moment.tables[i] =
		    cp_word_kind(cp_step_of(judge_moment.pcs[i] - (i > 0), cp_tables_epoch));
	__asm__ volatile("int3" ::: "memory");
}

/* Asleep in the same call as before. */
static int has_moved(const ucontext_t *uc)
{
	static uint64_t last[2];
	uint64_t pc = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
	uint64_t sp = (uint64_t)uc->uc_mcontext.gregs[REG_RSP];
	int moved = pc != last[0] || sp != last[1];

	last[0] = pc;
	last[1] = sp;
	return moved;
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	static unsigned still;
	int saved = errno;

	(void)sig;
	if (info->si_code != SI_TIMER || __atomic_exchange_n(&scratch.busy, 1, __ATOMIC_ACQUIRE))
		return;
	cp_unwind_warm();
	judge_moment.moved = (uint64_t)has_moved(context);
	if (judge_moment.moved)
		cp_on_stack(scratch.stack + sizeof scratch.stack, both, context);
	/* Asleep for a while: then it may look at its clock. */
	still = judge_moment.moved ? 0 : still + 1;
	if (judge_asked && still % 256 == 0)
		show_gdb(context);
	__atomic_store_n(&scratch.busy, 0, __ATOMIC_RELEASE);
	errno = saved;
}

static void arm(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGNAL};
	struct itimerspec when = {.it_interval.tv_nsec = period_us * 1000};
	int timer;

	when.it_value = when.it_interval;
	if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) == 0)
		syscall(SYS_timer_settime, timer, 0, &when, NULL);
}

static void in_child(void)
{
	memset(&sum, 0, sizeof sum);
	memset(kind, 0, sizeof kind);
	scratch.busy = 0;
	cp_modules_forked();
	arm();
}

static void place(FILE *out, uint64_t pc)
{
	Dl_info info = {0};

	if (!pc)
		fprintf(out, " end");
	else if (dladdr((void *)(uintptr_t)pc, &info) && info.dli_fname)
		fprintf(out, " %s+%#lx(%s)",
			strrchr(info.dli_fname, '/') ? strrchr(info.dli_fname, '/') + 1
						     : info.dli_fname,
			(unsigned long)(pc - (uintptr_t)info.dli_fbase),
			info.dli_sname ? info.dli_sname : "?");
	else
		fprintf(out, " %#lx", (unsigned long)pc);
}

__attribute__((destructor)) static void finish(void)
{
	char line[65536];
	FILE *out;

	while (__atomic_exchange_n(&scratch.busy, 1, __ATOMIC_ACQUIRE))
		; /* for good: the sums stand still */
	if (!path[0] || !sum.contexts || !(out = fmemopen(line, sizeof line, "w")))
		return;
	fprintf(out, "sum contexts %lu frames %lu", sum.contexts, sum.frames);
	for (int i = 0; i < CLASSES; i++)
		fprintf(out, " %s %lu", class_name[i], sum.class[i]);
	tell_times(out);
	fprintf(out, "\n");
	for (int i = 0; i < KINDS && kind[i].times; i++) {
		fprintf(out, "kind %lu %s: after", kind[i].times, class_name[kind[i].class]);
		place(out, kind[i].last);
		fprintf(out, " ours");
		place(out, kind[i].ours);
		fprintf(out, " theirs");
		place(out, kind[i].theirs);
		fprintf(out, "\n");
	}
	fflush(out);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
	(void)!write(fd, line, strlen(line));
	close(fd);
}

/* The way out of a handler, which the kernel wants to be told: signal/reserved.c's. */
void cp_sigaction_restorer(void);

static void install(void)
{
	struct {
		void (*handler)(int, siginfo_t *, void *);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} action = {on_signal, SA_SIGINFO | SA_RESTART | SA_ONSTACK | 0x04000000,
		    cp_sigaction_restorer, ~UINT64_C(0)};

	syscall(SYS_rt_sigaction, SIGNAL, &action, NULL, 8);
}

/* libc puts its own handler there with the first thread. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	int result;

	*(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
	result = real(thread, attr, run, arg);
	install();
	return result;
}

__attribute__((constructor)) static void start(void)
{
	int fd;

	snprintf(path, sizeof path, "%s", getenv("JUDGE_OUT") ?: "");
	if (getenv("JUDGE_US"))
		period_us = atol(getenv("JUDGE_US"));
	cp_state.wiped = &wiped;
	wiped.phase = CP_RUNNING;
	wiped.pid = getpid();
	if (cp_modules_open() != 0 || !(cp_state.rec = cp_recording_make(&fd)))
		return;
	close(fd);
	cp_modules_look();
	cp_unwind_init(1, 1);
	cp_step_open();
	cp_libunwind_open();
	cp_unwind_warm();
	install();
	pthread_atfork(NULL, NULL, in_child);
	arm();
}
