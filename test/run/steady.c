/* steady.c - works and allocates until its stdin is closed; then says how much CPU time it took. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static __attribute__((noinline)) void work(void)
{
	for (int i = 0; i < 300; i++) {
		char *volatile block = malloc(4096);

		for (int k = 0; k < 2000; k++)
			__asm__ volatile("" : "+r"(k));
		free(block);
	}
}

int main(void)
{
	struct timespec t;
	char c;

	fcntl(0, F_SETFL, O_NONBLOCK);
	while (read(0, &c, 1) != 0)
		work();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	printf("cpu_ns %lld\n", (long long)t.tv_sec * 1000000000 + t.tv_nsec);
	return 0;
}
