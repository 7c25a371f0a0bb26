// truth: with CONPROF_HEAP_SAMPLE_INTERVAL=2048
// truth: alloc_space burst = printed bytes +-5%
// truth: exit 0
// SPDX-License-Identifier: MIT
// Shared memory across RTLD_DEEPBIND: the C library, opened so, looks for malloc in itself. What
// the program got from malloc is freed behind our back, and what was got behind our back is freed
// here.
#include <dlfcn.h>
#include <string.h>

#include "test/truth/truth.h"

#define PIECES 20000

static char *piece[PIECES];

TRUTH_FRAME static size_t burst(void)
{
	size_t sum = 0;

	for (size_t i = 0; i < PIECES; i++) {
		size_t size = i % 100 ? 16 + i % 700 : 200000;

		piece[i] = malloc(size);
		memset(piece[i], (int)i, size);
		sum += size;
	}
	return sum;
}

int main(void)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
	void *(*their_malloc)(size_t) = (void *(*)(size_t))dlsym(libc, "malloc");
	void (*their_free)(void *) = (void (*)(void *))dlsym(libc, "free");
	size_t sum = 0;
	int wrong = their_free == free;

	for (int round = 0; round < 5; round++) {
		sum += burst();
		for (size_t i = 0; i < PIECES; i++) {
			wrong += piece[i][15] != (char)i;
			their_free(piece[i]);
		}
		for (size_t i = 0; i < PIECES; i++) {
			piece[i] = their_malloc(16 + i % 9000);
			memset(piece[i], (int)i, 16);
		}
		for (size_t i = 0; i < PIECES; i++) {
			wrong += piece[i][15] != (char)i;
			piece[i] = realloc(piece[i], 20000 - i);
			free(piece[i]);
		}
	}
	truth_print("bytes", sum);
	return wrong != 0;
}
