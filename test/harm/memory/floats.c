// harm: build -lm
// harm: with CONPROF_HEAP_SAMPLE_INTERVAL=4096
// harm: same
// harm: exit 0
// harm: slow
// SPDX-License-Identifier: MIT
// A program that watches the flags of its sums, and one that has an inexact result end it: malloc
// and free, the start and a thread's beginning have none. It differs, and then dies of SIGFPE, when
// cp_floats_end of base/floats.h or CP_FLOATS_PLAIN in cp_floats_begin is left out.
#include <fenv.h>
#include <pthread.h>

#include "test/harm/harm.h"

#define ROUNDS 50000

static long work(void)
{
	long flagged = 0;

	for (int i = 0; i < ROUNDS; i++) {
		volatile char *block = malloc(200);

		*block = 1;
		free((void *)block);
		flagged += fetestexcept(FE_ALL_EXCEPT) != 0;
	}
	return flagged;
}

static void *run(void *unused)
{
	(void)unused;
	return (void *)work();
}

static long in_a_thread(void)
{
	pthread_t thread;
	void *flagged;

	HARM_UNLESS(pthread_create(&thread, NULL, run, NULL) == 0, "no thread");
	pthread_join(thread, &flagged);
	return (long)flagged;
}

int main(void)
{
	int at_start = fetestexcept(FE_ALL_EXCEPT);
	long flagged = work() + in_a_thread();

	printf("flags: %d at the start, %ld later\n", at_start, flagged);
	fflush(stdout);
	feclearexcept(FE_ALL_EXCEPT);
	feenableexcept(FE_ALL_EXCEPT);
	work();
	in_a_thread();
	printf("nothing trapped\n");
	return 0;
}
