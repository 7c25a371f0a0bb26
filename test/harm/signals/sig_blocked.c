// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: within 40
// harm: cpu in_main = 200000000 +-25%
// harm: cpu created = 200000000 +-25%
// harm: cpu with_attribute = 200000000 +-25%
// harm: cpu in_handler = 200000000 +-25%
// harm: cpu with_c11 = 200000000 +-25%
// harm: cpu in_child = 200000000 +-25%
// harm: exit 0
// SPDX-License-Identifier: MIT
// Threads that have blocked everything, or were created when everything was, handlers that block
// everything, children forked so: all are sampled like any other. With SIGPROF for a tick they have
// no samples: so it is when CP_TICK_SIGNAL is SIGPROF.
#include <sys/wait.h>
#include <threads.h>

#include "test/harm/signals/signals.h"

#define PLACE(name)                                                                                \
	TRUTH_FRAME static void name(void)                                                         \
	{                                                                                          \
		truth_burn(200);                                                                   \
		TRUTH_STAY();                                                                      \
	}
PLACE(in_main)
PLACE(created)
PLACE(with_attribute)
PLACE(in_handler)
PLACE(with_c11)
PLACE(in_child)

static void *run(void *arg)
{
	((void (*)(void))arg)();
	return NULL;
}

static int run_c11(void *arg)
{
	run(arg);
	return 7;
}

static void on_usr1(int signal)
{
	(void)signal;
	in_handler();
}

static void in_a_handler(void)
{
	struct sigaction action = {.sa_handler = on_usr1};
	sigset_t usr1;

	sigfillset(&action.sa_mask);
	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
	raise(SIGUSR1);
	signals_block_all(NULL);
}

static void in_a_child(void)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		in_child();
		_exit(0);
	}
	HARM_UNLESS(waitpid(child, &status, 0) == child && status == 0, "the child: %#x", status);
}

int main(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, none;
	thrd_t c11;
	int seven = 0;

	sigfillset(&all);
	sigemptyset(&none);
	pthread_attr_init(&attr);
	pthread_attr_setsigmask_np(&attr, &all);
	HARM_UNLESS(pthread_create(&thread, &attr, run, (void *)with_attribute) == 0, "no thread");
	pthread_join(thread, NULL);
	signals_block_all(NULL);
	in_main();
	HARM_UNLESS(pthread_create(&thread, NULL, run, (void *)created) == 0, "no thread");
	HARM_UNLESS(thrd_create(&c11, run_c11, (void *)with_c11) == thrd_success, "no thread");
	pthread_join(thread, NULL);
	HARM_UNLESS(thrd_join(c11, &seven) == thrd_success && seven == 7, "joined with %d", seven);
	in_a_handler();
	in_a_child();
	return 0;
}
