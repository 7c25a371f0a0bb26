// harm: with CONPROF_HEAP_SAMPLE_INTERVAL=1024
// harm: alloc_space eater = 16777216 +-5%
// harm: alloc_space beginner = 16777216 +-5%
// harm: exit 0
// SPDX-License-Identifier: MIT
// Asks for absurd sizes, and is refused; what it allocates afterwards is recorded as before. It is
// not when drawn() in hook/heap.c lets such a size touch the thread's budget.
#include <errno.h>
#include <pthread.h>
#include <stdint.h>

#include "test/harm/harm.h"

static void ask(void)
{
	volatile size_t most = SIZE_MAX;

	for (int i = 0; i < 3; i++) {
		errno = 0;
		HARM_UNLESS(!malloc(most >> (i & 1)) && errno == ENOMEM, "errno %d", errno);
		HARM_UNLESS(!calloc(most / 2 + 2, 1), "calloc");
	}
}

/* 16 MiB, by the KiB. */
#define EAT()                                                                                      \
	for (int i = 0; i < 16384; i++) {                                                          \
		void *volatile block = malloc(1024);                                               \
		free(block);                                                                       \
	}

TRUTH_FRAME static void eater(void)
{
	EAT();
	TRUTH_STAY();
}

TRUTH_FRAME static void *beginner(void *arg)
{
	ask();
	EAT();
	return arg;
}

int main(void)
{
	pthread_t thread;

	ask();
	eater();
	HARM_UNLESS(pthread_create(&thread, NULL, beginner, NULL) == 0, "no thread");
	pthread_join(thread, NULL);
	return 0;
}
