// harm: build -lrt
// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: within 40
// harm: slow
// harm: cpu burner/total = 1.0 +-10%
// harm: exit 0
// SPDX-License-Identifier: MIT
// Threads that wait get no signal at all while others burn CPU time: the kernel's books of each
// show that it has not run for a nanosecond, nor been given the processor once. A profiler with a
// thread or a clock of its own wakes them: so it does when arm_own of signal/timer.c takes
// CLOCK_MONOTONIC.
#include <linux/futex.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "test/harm/eintr/eintr.h"

#define IDLE 6

static _Atomic int ready;
static int ends[2], event;
static uint32_t word;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long tids[IDLE];

static void *idle(void *arg)
{
	struct pollfd p = {.fd = event, .events = POLLIN};
	struct timespec t = span(LONG);
	int which = (int)(intptr_t)arg;
	char c;

	tids[which] = syscall(SYS_gettid);
	ready++;
	switch (which) {
	case 0:
		poll(&p, 1, -1);
		break;
	case 1:
		HARM_UNLESS(read(ends[0], &c, 1) == 0, "read something");
		break;
	case 2:
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
		break;
	case 3:
		pthread_mutex_lock(&lock);
		pthread_mutex_unlock(&lock);
		break;
	case 4:
		ppoll(&p, 1, &t, NULL);
		break;
	default:
		HARM_UNLESS(read(event, &(uint64_t){0}, 8) == 8, "no event");
		HARM_UNLESS(write(event, &(uint64_t){1}, 8) == 8, "no event");
	}
	return NULL;
}

struct book {
	unsigned long long ran, waited, slices, switches;
};

static struct book book(long tid)
{
	char path[64], line[256];
	struct book b = {0};
	unsigned long long n;
	FILE *file;

	snprintf(path, sizeof path, "/proc/self/task/%ld/schedstat", tid);
	file = fopen(path, "r");
	if (file) {
		HARM_UNLESS(fscanf(file, "%llu %llu %llu", &b.ran, &b.waited, &b.slices) == 3,
			    "no schedstat");
		fclose(file);
	}
	snprintf(path, sizeof path, "/proc/self/task/%ld/status", tid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "voluntary_ctxt_switches: %llu", &n) == 1 ||
		    sscanf(line, "nonvoluntary_ctxt_switches: %llu", &n) == 1)
			b.switches += n;
	HARM_UNLESS(file && fclose(file) == 0, "no status");
	return b;
}

TRUTH_FRAME static void *burner(void *arg)
{
	truth_burn(500);
	TRUTH_STAY();
	return arg;
}

static void wake(void)
{
	HARM_UNLESS(write(event, &(uint64_t){1}, 8) == 8, "no event");
	close(ends[1]);
	word = 1;
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	pthread_mutex_unlock(&lock);
}

int main(void)
{
	pthread_t threads[IDLE], burners[2];
	struct book before[IDLE], after;

	event = eventfd(0, 0);
	HARM_UNLESS(event >= 0 && pipe(ends) == 0, "no descriptors");
	pthread_mutex_lock(&lock);
	for (int i = 0; i < IDLE; i++)
		HARM_UNLESS(pthread_create(&threads[i], NULL, idle, (void *)(intptr_t)i) == 0,
			    "no thread");
	while (ready < IDLE)
		usleep(1000);
	usleep(200000);
	for (int i = 0; i < IDLE; i++)
		before[i] = book(tids[i]);
	for (int i = 0; i < 2; i++)
		HARM_UNLESS(pthread_create(&burners[i], NULL, burner, NULL) == 0, "no thread");
	for (int i = 0; i < 2; i++)
		pthread_join(burners[i], NULL);
	for (int i = 0; i < IDLE; i++) {
		after = book(tids[i]);
		HARM_UNLESS(memcmp(&after, &before[i], sizeof after) == 0,
			    "idle thread %d ran %llu ns more, in %llu slices, with %llu switches",
			    i, after.ran - before[i].ran, after.slices - before[i].slices,
			    after.switches - before[i].switches);
	}
	wake();
	for (int i = 0; i < IDLE; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
