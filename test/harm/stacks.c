// harm: with CONPROF_CPU_PROFILERATE=4000 CONPROF_HEAP_SAMPLE_INTERVAL=512
// harm: within 40
// harm: exit 0
// SPDX-License-Identifier: MIT
// Stacks with little room: an alternate signal stack of 8 KiB in use when the tick comes, and
// fibers of 16 KiB. Around each lies a canary. They die when cp_tick of signal/tick.c works on
// the stack that it finds (on_scratch called outright) and its own needs exceed the room.
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "test/harm/harm.h"

#define CANARY 4096
#define FIBERS 32
#define FIBER  (16 * 1024)
#define ROUNDS 40
#define LITTLE 1200 /* besides what the kernel writes: less than an unwinder needs */

static unsigned char *guarded(size_t size)
{
	unsigned char *at = mmap(NULL, size + 2 * CANARY, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	HARM_UNLESS(at != MAP_FAILED, "no memory");
	memset(at, 0xa5, CANARY);
	memset(at + CANARY + size, 0xa5, CANARY);
	return at + CANARY;
}

static void intact(const unsigned char *stack, size_t size)
{
	for (size_t i = 0; i < CANARY; i++) {
		HARM_UNLESS(stack[i - CANARY] == 0xa5, "byte %zu below a stack", CANARY - i);
		HARM_UNLESS(stack[size + i] == 0xa5, "byte %zu above a stack", i);
	}
}

static size_t kernels_frame(void)
{
	return getauxval(AT_MINSIGSTKSZ);
}

/* ---- alternate stacks ---- */

static __thread int handled;

static void on_usr1(int signal)
{
	(void)signal;
	truth_burn(5);
	handled++;
}

static void *on_small_stack(void *arg)
{
	/* The kernel's own two frames must fit: they are large on machines with wide registers. */
	size_t size = 2 * kernels_frame() + (arg ? 2048 : 1000);
	stack_t stack = {.ss_sp = guarded(size), .ss_size = size};

	HARM_UNLESS(sigaltstack(&stack, NULL) == 0, "no alternate stack");
	for (int i = 0; i < 40; i++) {
		pthread_kill(pthread_self(), SIGUSR1);
		HARM_UNLESS(handled == i + 1, "the handler did not run");
		intact(stack.ss_sp, size);
	}
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
	return arg;
}

/* ---- fibers ---- */

static ucontext_t home, fibers[FIBERS];
static long sums[FIBERS];

TRUTH_FRAME static long down(int depth)
{
	char *volatile block = malloc(64);
	long sum = 1;

	block[0] = (char)depth;
	if (depth)
		sum += down(depth - 1);
	sum += block[0] == (char)depth;
	free(block);
	return sum;
}

/* Near the stack's end. */
TRUTH_FRAME static void low(const unsigned char *stack)
{
	const unsigned char *here = __builtin_frame_address(0);
	size_t rest = (size_t)(here - stack) - kernels_frame() - LITTLE;
	char *volatile taken = __builtin_alloca(rest);

	taken[0] = 1;
	truth_burn(1);
}

static void fiber(int number)
{
	for (int i = 0; i < ROUNDS; i++) {
		sums[number] += down(12);
		low(fibers[number].uc_stack.ss_sp);
		swapcontext(&fibers[number], &home);
	}
}

static void run_fibers(void)
{
	unsigned char *stacks[FIBERS];

	for (int i = 0; i < FIBERS; i++) {
		stacks[i] = guarded(FIBER);
		getcontext(&fibers[i]);
		fibers[i].uc_stack.ss_sp = stacks[i];
		fibers[i].uc_stack.ss_size = FIBER;
		fibers[i].uc_link = &home;
		makecontext(&fibers[i], (void (*)(void))fiber, 1, i);
	}
	for (int round = 0; round <= ROUNDS; round++)
		for (int i = 0; i < FIBERS; i++)
			swapcontext(&home, &fibers[i]);
	for (int i = 0; i < FIBERS; i++) {
		intact(stacks[i], FIBER);
		HARM_UNLESS(sums[i] == ROUNDS * 26, "fiber %d: %ld", i, sums[i]);
	}
}

int main(void)
{
	struct sigaction action = {.sa_handler = on_usr1, .sa_flags = SA_ONSTACK};
	pthread_t threads[4];

	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < 4; i++)
		HARM_UNLESS(
		    pthread_create(&threads[i], NULL, on_small_stack, i % 2 ? threads : NULL) == 0,
		    "no thread");
	run_fibers();
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
