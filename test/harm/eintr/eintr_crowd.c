// harm: build -lrt
// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: within 60
// harm: slow
// harm: cpu crowded = printed crowded_ns +-20%
// harm: cpu scanned = printed scanned_ns +-20%
// harm: exit 0
// SPDX-License-Identifier: MIT
// Calls that work long inside the kernel before they sleep, over 900 descriptors: nearly all of
// these threads' CPU time, and nearly every tick, falls between the call's beginning and its sleep,
// which a pending signal would not let begin. It fails when arm_own of signal/timer.c takes
// CLOCK_MONOTONIC, and would on a kernel before 5.9.
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>

#include "test/harm/eintr/eintr.h"

#define CROWD 900
#define MS    700

static int fds[CROWD];
static _Atomic unsigned made;

static void kernels_share(const char *who)
{
	struct rusage usage;
	uint64_t user, kernel;

	getrusage(RUSAGE_THREAD, &usage);
	user = (uint64_t)usage.ru_utime.tv_sec * 1000000 + (uint64_t)usage.ru_utime.tv_usec;
	kernel = (uint64_t)usage.ru_stime.tv_sec * 1000000 + (uint64_t)usage.ru_stime.tv_usec;
	HARM_UNLESS(kernel > user, "%s: %llu us in the kernel, %llu outside", who,
		    (unsigned long long)kernel, (unsigned long long)user);
}

TRUTH_FRAME static void *crowded(void *arg)
{
	uint64_t end = truth_clock(CLOCK_THREAD_CPUTIME_ID) + MS * 1000000ull;
	struct pollfd crowd[CROWD];

	for (int i = 0; i < CROWD; i++)
		crowd[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	while (truth_clock(CLOCK_THREAD_CPUTIME_ID) < end)
		for (int i = 0; i < 50; i++, made++) {
			struct timespec little = span(20);
			int result = i ? ppoll(crowd, CROWD, &little, NULL) : poll(crowd, CROWD, 1);

			HARM_UNLESS(result == 0, "poll: %d, errno %d", result, errno);
		}
	kernels_share("poll");
	*(uint64_t *)arg = truth_clock(CLOCK_THREAD_CPUTIME_ID);
	TRUTH_STAY();
	return NULL;
}

TRUTH_FRAME static void *scanned(void *arg)
{
	uint64_t end = truth_clock(CLOCK_THREAD_CPUTIME_ID) + MS * 1000000ull;

	while (truth_clock(CLOCK_THREAD_CPUTIME_ID) < end)
		for (int i = 0; i < 50; i++, made++) {
			struct timeval little = span_us(20);
			fd_set crowd;
			int result;

			FD_ZERO(&crowd);
			for (int k = 0; k < CROWD; k++)
				FD_SET(fds[k], &crowd);
			result = select(fds[CROWD - 1] + 1, &crowd, NULL, NULL, &little);
			HARM_UNLESS(result == 0, "select: %d, errno %d", result, errno);
		}
	kernels_share("select");
	*(uint64_t *)arg = truth_clock(CLOCK_THREAD_CPUTIME_ID);
	TRUTH_STAY();
	return NULL;
}

int main(void)
{
	struct rlimit limit;
	pthread_t threads[4];
	uint64_t spent[4];

	HARM_UNLESS(getrlimit(RLIMIT_NOFILE, &limit) == 0, "no limit");
	limit.rlim_cur = limit.rlim_max < FD_SETSIZE ? limit.rlim_max : FD_SETSIZE;
	HARM_UNLESS(setrlimit(RLIMIT_NOFILE, &limit) == 0, "no limit");
	for (int i = 0; i < CROWD; i++) {
		fds[i] = eventfd(0, 0);
		HARM_UNLESS(fds[i] >= 0 && fds[i] < FD_SETSIZE, "descriptor %d of %d", fds[i], i);
	}
	for (int i = 0; i < 4; i++)
		HARM_UNLESS(
		    pthread_create(&threads[i], NULL, i % 2 ? scanned : crowded, &spent[i]) == 0,
		    "no thread");
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	HARM_UNLESS(made > 4000, "only %u calls", made);
	truth_print("crowded_ns", spent[0] + spent[2]);
	truth_print("scanned_ns", spent[1] + spent[3]);
	truth_print("calls", made);
	return 0;
}
