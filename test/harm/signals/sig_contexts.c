// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: run thread CONPROF_CPU_TIMER=thread
// harm: run itimer CONPROF_CPU_TIMER=itimer
// harm: within 40
// harm: cpu fiber = 300000000 +-12%
// harm: same
// harm: exit 0
// SPDX-License-Identifier: MIT
// Contexts carry masks: fibers with masks of their own, a handler that changes the mask that its
// return will set, one that leaves by siglongjmp or setcontext, signals that nest. A tick that
// falls in between must put back what it found, and the fibers, some with everything blocked, are
// sampled. It differs when on_signal of signal/reserved.c unblocks before it returns.
#include <setjmp.h>
#include <ucontext.h>

#include "test/harm/signals/signals.h"

#define FIBERS 6
#define ROUNDS 25
#define STACK  (64 * 1024)

static ucontext_t home, fibers[FIBERS];
static char stacks[FIBERS][STACK];
static _Atomic int wrong;

static uint64_t mask_now(void)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	return signals_bits(&mask);
}

/* Each has one signal of its own blocked; the last one all that can be without hiding SIGPROF where
 * it is shared. */
static uint64_t mask_of(int number)
{
	sigset_t set;

	sigemptyset(&set);
	if (number == FIBERS - 1)
		sigfillset(&set);
	else
		sigaddset(&set, SIGRTMIN + number);
	if (signals_shared())
		sigdelset(&set, SIGPROF);
	sigdelset(&set, SIGKILL);
	sigdelset(&set, SIGSTOP);
	return signals_bits(&set);
}

TRUTH_FRAME static void fiber(int number)
{
	for (int i = 0; i < ROUNDS; i++) {
		wrong += mask_now() != mask_of(number);
		truth_burn(2);
		wrong += mask_now() != mask_of(number);
		swapcontext(&fibers[number], &home);
	}
	TRUTH_STAY();
}

static void run_fibers(void)
{
	uint64_t before = mask_now();

	for (int i = 0; i < FIBERS; i++) {
		uint64_t mask = mask_of(i);

		getcontext(&fibers[i]);
		fibers[i].uc_stack.ss_sp = stacks[i];
		fibers[i].uc_stack.ss_size = STACK;
		fibers[i].uc_link = &home;
		memcpy(&fibers[i].uc_sigmask, &mask, sizeof mask);
		makecontext(&fibers[i], (void (*)(void))fiber, 1, i);
	}
	for (int round = 0; round <= ROUNDS; round++)
		for (int i = 0; i < FIBERS; i++) {
			swapcontext(&home, &fibers[i]);
			wrong += mask_now() != before;
		}
	printf("fibers: %d wrong, after them %llx\n", wrong, (unsigned long long)mask_now());
}

/* ---- handlers ---- */

static sigjmp_buf jump;
static ucontext_t way_out;
static volatile int how, inner;

static void on_usr2(int signal)
{
	(void)signal;
	truth_burn(1);
	inner++;
}

static void on_usr1(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	uint64_t before = mask_now();

	(void)info;
	truth_burn(2);
	raise(SIGUSR2);
	if (mask_now() != before)
		printf("in the handler: %llx, then %llx\n", (unsigned long long)before,
		       (unsigned long long)mask_now());
	if (how == 1)
		sigaddset(&uc->uc_sigmask, SIGWINCH);
	if (how == 2)
		siglongjmp(jump, signal);
	if (how == 3)
		setcontext(&way_out);
	if (how == 4)
		sigemptyset(&uc->uc_sigmask);
}

static void one_way(int keep)
{
	volatile int out = 0;

	getcontext(&way_out);
	if (!out && sigsetjmp(jump, keep) == 0) {
		out = 1;
		raise(SIGUSR1);
	}
	truth_burn(1);
}

static void handlers(void)
{
	for (int i = 0; i < 20; i++) {
		uint64_t before;
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, SIGRTMIN + i);
		sigprocmask(SIG_SETMASK, &set, NULL);
		before = mask_now();
		how = i % 5;
		one_way(i % 2 == 0);
		printf("way %d: %llx, then %llx, inner %d\n", how, (unsigned long long)before,
		       (unsigned long long)mask_now(), inner);
	}
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO};

	run_fibers();
	sigaddset(&action.sa_mask, SIGRTMAX);
	sigaction(SIGUSR1, &action, NULL);
	signal(SIGUSR2, on_usr2);
	handlers();
	return 0;
}
