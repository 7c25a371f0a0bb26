// truth: with CONPROF_PERIOD=2
// truth: hold 1
// truth: goroutine first = 4 exactly
// truth: goroutine second = 3 exactly
// truth: goroutine total = 8 exactly
// truth: exit 0
// SPDX-License-Identifier: MIT
// Seven threads from two creators, and the main one; eight more have ended before.
#include <pthread.h>
#include <threads.h>

#include "truth.h"

static void *wait_long(void *arg)
{
	pause();
	return arg;
}

static int wait_long_too(void *arg)
{
	(void)arg;
	pause();
	return 0;
}

static void *leave(void *arg)
{
	return arg;
}

TRUTH_FRAME static int first(void)
{
	pthread_t thread;
	int failed = 0;

	for (int i = 0; i < 4; i++)
		failed |= pthread_create(&thread, NULL, wait_long, NULL);
	for (int i = 0; i < 8; i++) {
		failed |= pthread_create(&thread, NULL, leave, NULL);
		pthread_join(thread, NULL);
	}
	return failed;
}

TRUTH_FRAME static int second(void)
{
	thrd_t thread;
	int failed = 0;

	for (int i = 0; i < 3; i++)
		failed |= thrd_create(&thread, wait_long_too, NULL) != thrd_success;
	return failed;
}

int main(void)
{
	if (first() != 0 || second() != 0)
		return 1;
	truth_hold();
	return 0;
}
