// harm: slow
// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=64
// harm: run jumped jumped
// harm: run nested nested
// harm: run cancelled cancelled
// harm: within 60
// harm: alloc_space afterwards = 20000000 +-5%
// harm: cpu burning = printed burnt +-25%
// harm: exit 0
// SPDX-License-Identifier: MIT
// The allocator behind us does not come back from a call that we made for a sampled block: it jumps
// away; it asks malloc for more; or the thread is cancelled at any place whatsoever, ours too. It
// fails when NESTED_MAX of hook/heap.c never ends, and recurses when in_allocator is not set.
#include <pthread.h>
#include <setjmp.h>
#include <string.h>

#include "test/harm/memory/beside.h"

#define KEPT   20000
#define ROUNDS 300

extern void (*bump_hook)(void) __attribute__((weak));
static jmp_buf out;
static void *volatile kept[KEPT];

TRUTH_FRAME static void afterwards(void)
{
	for (int i = 0; i < KEPT; i++)
		kept[i] = malloc(1000);
	TRUTH_STAY();
}

TRUTH_FRAME static void burning(void)
{
	uint64_t before = truth_clock(CLOCK_THREAD_CPUTIME_ID);

	truth_burn(600);
	truth_print("burnt", truth_clock(CLOCK_THREAD_CPUTIME_ID) - before);
}

/* ---- jumped ---- */

static void jump(void)
{
	longjmp(out, 1);
}

TRUTH_FRAME static void left_by_jumps(void)
{
	void *volatile block;

	for (volatile int i = 0; i < ROUNDS; i++) {
		bump_hook = jump;
		if (setjmp(out) == 0)
			for (;;)
				block = malloc(100);
		bump_hook = NULL;
	}
	(void)block;
}

/* ---- nested ---- */

static void ask_for_more(void)
{
	void *volatile block;

	for (int i = 0; i < 3; i++)
		block = malloc(300);
	(void)block;
}

TRUTH_FRAME static void asked_for_more(void)
{
	void *volatile block;

	bump_hook = ask_for_more;
	for (int i = 0; i < 10000; i++)
		block = malloc(200);
	bump_hook = NULL;
	(void)block;
}

/* ---- cancelled ---- */

static int begun;

TRUTH_FRAME static void *at_work(void *arg)
{
	void *volatile block;

	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	__atomic_store_n(&begun, 1, __ATOMIC_RELEASE);
	for (;;)
		block = malloc(100);
	(void)block;
	return arg;
}

TRUTH_FRAME static void cancel_some(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_t thread;
		void *result;

		begun = 0;
		HARM_UNLESS(pthread_create(&thread, NULL, at_work, NULL) == 0, "no thread");
		while (!__atomic_load_n(&begun, __ATOMIC_ACQUIRE))
			sched_yield();
		usleep((unsigned)(i * 37 % 400));
		pthread_cancel(thread);
		HARM_UNLESS(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED,
			    "not cancelled");
	}
}

int main(int argc, char **argv)
{
	(void)argc;
	beside(argv, "bump", 0);
	HARM_UNLESS(&bump_hook, "the allocator is not there");
	if (strcmp(argv[1], "jumped") == 0)
		left_by_jumps();
	else if (strcmp(argv[1], "nested") == 0)
		asked_for_more();
	else
		cancel_some();
	afterwards();
	burning();
	return 0;
}
