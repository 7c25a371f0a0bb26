// harm: with CONPROF_PROFILE_TYPES=heap CONPROF_HEAP_SAMPLE_INTERVAL=1
// harm: run default 0
// harm: run half_a_mebibyte 524288
// harm: run quarter 262144
// harm: run given 1
// harm: alloc_space near_the_end = printed asked +-1%
// harm: exit 0
// SPDX-License-Identifier: MIT
// Threads that allocate ever deeper, until 3 KiB of their stacks are left: of the libc's default
// size, of a size they asked for, on memory they brought along (below which lies a canary and no
// guard). What is sampled on the thread's own stack takes more than that.
// It dies when has_room of signal/near.c says yes.
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "test/harm/harm.h"

#define LEAST  3072
#define CANARY 65536
#define GIVEN  (1u << 20)

static char *low; // the stack's lower end
static uint64_t asked;
static void *volatile kept;

TRUTH_FRAME static void near_the_end(void)
{
	asked += 100;
	kept = malloc(100);
	free(kept);
	TRUTH_STAY();
}

TRUTH_FRAME static void deeper(void)
{
	volatile char frame[1000];

	frame[0] = 0;
	if ((char *)frame - low < LEAST + 4000)
		near_the_end();
	if ((char *)frame - low > LEAST)
		deeper();
	TRUTH_STAY();
}

static void *run(void *unused)
{
	pthread_attr_t attr;
	size_t size, guard;
	void *at;

	HARM_UNLESS(pthread_getattr_np(pthread_self(), &attr) == 0, "no attributes");
	HARM_UNLESS(pthread_attr_getstack(&attr, &at, &size) == 0, "no stack");
	HARM_UNLESS(pthread_attr_getguardsize(&attr, &guard) == 0, "no guard size");
	low = at;
	deeper();
	deeper(); // again, now that what is known of this stack is known
	return unused;
}

int main(int argc, char **argv)
{
	size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned char *mine = NULL;
	pthread_attr_t attr;
	pthread_t thread;

	HARM_UNLESS(pthread_attr_init(&attr) == 0, "no attributes");
	if (size == 1) {
		mine = mmap(NULL, GIVEN + CANARY, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		HARM_UNLESS(mine != MAP_FAILED, "no memory");
		memset(mine, 0x5a, CANARY);
		HARM_UNLESS(pthread_attr_setstack(&attr, mine + CANARY, GIVEN) == 0, "no stack");
	} else if (size) {
		HARM_UNLESS(pthread_attr_setstacksize(&attr, size) == 0, "no size");
	}
	for (int i = 0; i < 50; i++) {
		HARM_UNLESS(pthread_create(&thread, size ? &attr : NULL, run, NULL) == 0,
			    "no thread");
		pthread_join(thread, NULL);
		for (size_t k = 0; mine && k < CANARY; k++)
			HARM_UNLESS(mine[k] == 0x5a, "the canary is hurt at -%zu", CANARY - k);
	}
	truth_print("asked", asked);
	return 0;
}
