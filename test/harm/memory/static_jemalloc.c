// harm: build -Wl,-Bstatic -ljemalloc -lstdc++ -Wl,-Bdynamic -lm
// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=64
// harm: within 30
// harm: same
// harm: exit 0
// SPDX-License-Identifier: MIT
// A program with jemalloc linked into it: everybody's malloc is the program's own, libc's strdup's
// too, and ours is called by nobody. What was allocated before us and by others crosses over and
// back. It dies when heap.c frees by its own cp_real.free what came from the malloc in front.
#include <malloc.h>
#include <pthread.h>
#include <string.h>

#include "test/harm/harm.h"

#define BLOCKS 10000

static void *volatile kept[BLOCKS];

TRUTH_FRAME static void *work(void *arg)
{
	unsigned seed = 7;

	for (int i = 0; i < BLOCKS * 20; i++) {
		void *mine =
		    __atomic_exchange_n(&kept[rand_r(&seed) % BLOCKS], NULL, __ATOMIC_ACQ_REL);

		mine = realloc(mine, (size_t)rand_r(&seed) % 3000 + 1);
		free(__atomic_exchange_n(&kept[rand_r(&seed) % BLOCKS], mine, __ATOMIC_ACQ_REL));
	}
	return arg;
}

int main(void)
{
	pthread_t threads[4];
	char *line = NULL;
	size_t room = 0;
	FILE *self = fopen("/proc/self/cmdline", "r");

	for (int i = 0; i < 4; i++)
		HARM_UNLESS(pthread_create(&threads[i], NULL, work, NULL) == 0, "no thread");
	HARM_UNLESS(self && getdelim(&line, &room, 0, self) > 0, "no line");
	line = realloc(line, 100000);
	printf("%d %d\n", malloc_usable_size(line) >= 100000, strlen(strdup("four")) == 4);
	free(line);
	fclose(self);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < BLOCKS; i++)
		free(kept[i]);
	return 0;
}
