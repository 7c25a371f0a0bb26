/* duty.c - works until its stdin is closed, and says when a timer was armed on its CPU
 * time for each period. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* In CPU time; the kernel's own look comes every 4 or 10 ms. */
#define LOOK_NS 1000000
#define TIMERS	64 /* numbers that are tried: the kernel counts them up from 0 */

static uint64_t now_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int has_timer(int id, struct itimerspec *it)
{
	return syscall(SYS_timer_gettime, id, it) == 0;
}

/* The only one is the library's; -1: there is none. */
static int find_timer(void)
{
	struct itimerspec it;

	for (int id = 0; id < TIMERS; id++)
		if (has_timer(id, &it))
			return id;
	return -1;
}

static __attribute__((noinline)) uint64_t work_until(uint64_t end)
{
	uint64_t now;

	while ((now = now_of(CLOCK_THREAD_CPUTIME_ID)) < end)
		for (int k = 0; k < 20000; k++)
			__asm__ volatile("" : "+r"(k));
	return now;
}

/* A line for each time in which it was armed: from when to when, and the CPU time in between. */
int main(void)
{
	int timer = find_timer(), was = 0;
	uint64_t last = 0, armed = 0, from = 0;
	char c;

	fcntl(0, F_SETFL, O_NONBLOCK);
	while (timer >= 0 && read(0, &c, 1) != 0) {
		struct itimerspec it;
		uint64_t cpu = work_until(last + LOOK_NS);
		int is = has_timer(timer, &it) && (it.it_interval.tv_sec || it.it_interval.tv_nsec);

		if (is && !was) {
			from = now_of(CLOCK_REALTIME);
			armed = 0;
		} else if (was) {
			armed += cpu - last;
		}
		if (was && !is)
			printf("armed %llu %llu %llu\n", (unsigned long long)from,
			       (unsigned long long)now_of(CLOCK_REALTIME),
			       (unsigned long long)armed);
		was = is;
		last = cpu;
	}
	printf("timer %d\ncpu %llu\n", timer, (unsigned long long)last);
	return 0;
}
