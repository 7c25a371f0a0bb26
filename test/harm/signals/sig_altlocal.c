// harm: with CONPROF_HEAP_SAMPLE_INTERVAL=4096
// harm: same
// harm: exit 0
// harm: slow
// SPDX-License-Identifier: MIT
// An alternate stack that is an array of the thread's own, as programs have it that know the old
// SIGSTKSZ: what its handler allocates is not recorded on it, though it lies on the thread's stack,
// below which there is room. A canary lies there. Of the first thread, of one of the usual size, of
// one that asked for a size. It differs when cp_near_beside of signal/near.c does nothing.
#include <pthread.h>
#include <sys/auxv.h>

#include "test/harm/signals/signals.h"

#define CANARY 16384
#define ROOM   4096 /* besides the kernel's frame: libc's malloc needs less */

static void on_usr1(int signal)
{
	(void)signal;
	for (int i = 0; i < 1000; i++) {
		volatile char *block = malloc(3000);

		*block = 1;
		free((void *)block);
	}
}

/* The size of the array is known when it runs. */
static void *run(void *unused)
{
	size_t room = (getauxval(AT_MINSIGSTKSZ) ? getauxval(AT_MINSIGSTKSZ) : 4096) + ROOM;
	unsigned char *both = __builtin_alloca(CANARY + room);
	stack_t stack = {.ss_sp = both + CANARY, .ss_size = room}, none = {.ss_flags = SS_DISABLE};
	long hurt = 0;

	(void)unused;
	memset(both, 0x5a, CANARY);
	HARM_UNLESS(sigaltstack(&stack, NULL) == 0, "no alternate stack");
	for (int i = 0; i < 20; i++)
		raise(SIGUSR1);
	HARM_UNLESS(sigaltstack(&none, NULL) == 0, "it stays");
	for (size_t i = 0; i < CANARY; i++)
		hurt += both[i] != 0x5a;
	printf("%ld bytes are hurt\n", hurt);
	return NULL;
}

static void in_a_thread(size_t size)
{
	pthread_attr_t attr;
	pthread_t thread;

	HARM_UNLESS(pthread_attr_init(&attr) == 0, "no attributes");
	HARM_UNLESS(!size || pthread_attr_setstacksize(&attr, size) == 0, "no size");
	HARM_UNLESS(pthread_create(&thread, size ? &attr : NULL, run, NULL) == 0, "no thread");
	pthread_join(thread, NULL);
}

int main(void)
{
	struct sigaction action = {.sa_handler = on_usr1, .sa_flags = SA_ONSTACK};

	HARM_UNLESS(sigaction(SIGUSR1, &action, NULL) == 0, "no handler");
	in_a_thread(0);
	in_a_thread(1 << 20);
	run(NULL);
	return 0;
}
