// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=512 CONPROF_LOG_LEVEL=1
// harm: run all all
// harm: run enough enough
// harm: run little little
// harm: run none none
// harm: within 30
// harm: slow
// harm: same
// harm: exit 0
// SPDX-License-Identifier: MIT
// mlockall(): it locks, and makes, every page there is, so 9 MiB of holes in a recording would be
// memory; and without privileges it counts address space, so it fails with RLIMIT_MEMLOCK where it
// did not without a profiler. Both when hook/locked.c is left out.
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "test/harm/harm.h"

#define MIB (1024 * 1024)

static volatile int stop;

TRUTH_FRAME static void churn(void)
{
	void *volatile blocks[100];

	for (size_t i = 0; i < 100; i++)
		blocks[i] = malloc(300 + i * 10);
	for (size_t i = 0; i < 100; i++)
		free(blocks[i]);
	TRUTH_STAY();
}

static void *thread(void *unused)
{
	(void)unused;
	while (!stop)
		churn();
	return NULL;
}

/* A line of /proc/self/status, in KiB. */
static long status(const char *word)
{
	char line[256];
	long value = -1;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, word, strlen(word)) == 0)
			value = atol(line + strlen(word));
	if (f)
		fclose(f);
	return value;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "all";
	rlim_t most = strcmp(how, "enough") == 0 ? 8 * MIB : strcmp(how, "little") == 0 ? MIB : 0;
	struct rlimit limit = {most, most};
	pthread_t other;
	pthread_attr_t attr;
	int failed;

	mallopt(M_ARENA_MAX, 1); /* another one is 64 MiB of address space */
	churn();
	truth_burn(20);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	HARM_UNLESS(pthread_create(&other, &attr, thread, NULL) == 0, "no thread");
	if (strcmp(how, "all") != 0) {
		HARM_UNLESS(setrlimit(RLIMIT_MEMLOCK, &limit) == 0, "setrlimit");
		HARM_UNLESS(setreuid(4242, 4242) == 0, "setresuid");
	}
	for (int i = 0; i < 3; i++) {
		failed = mlockall(i == 2 ? MCL_CURRENT | MCL_FUTURE : MCL_CURRENT);
		printf("mlockall: %s\n", failed ? strerror(errno) : "done");
		HARM_UNLESS(failed || status("VmRSS:") < 24 * 1024, "%ld KiB resident",
			    status("VmRSS:"));
		truth_burn(30);
		churn();
	}
	stop = 1;
	pthread_join(other, NULL);
	printf("munlockall: %d\n", munlockall());
	truth_burn(30);
	churn();
	return 0;
}
