// harm: build -shared -fPIC -fno-plt -Wl,-z,now
// SPDX-License-Identifier: MIT
// A library that allocates before anything else of the process has begun: in the resolver of an
// indirect function, while the loader is still relocating, and in its constructor.
#include <malloc.h>
#include <string.h>

#include "test/harm/harm.h"

static void *resolved;

static int one(void)
{
	return 1;
}

static int (*choose(void))(void)
{
	char *volatile block = (char *)malloc(100);

	if (block)
		memset(block, 1, 100);
	free(block);
	resolved = calloc(3, 40);
	resolved = realloc(resolved, 500);
	return one;
}

static int number(void) __attribute__((ifunc("choose")));

/* Its address in data is asked for while the loader relocates this library. */
int (*volatile early_pointer)(void) = number;

/* What the resolver left: 500 bytes, the first 120 of them clear. */
void *early_block(void)
{
	return resolved;
}

static void *kept[6];

__attribute__((constructor)) static void begin(void)
{
	HARM_UNLESS(early_pointer() == 1, "not one");
	kept[0] = malloc(10000);
	kept[1] = calloc(100, 100);
	kept[2] = realloc(malloc(3), 5000);
	kept[3] = memalign(8192, 100);
	HARM_UNLESS(posix_memalign(&kept[4], 64, 1000) == 0, "no block");
	kept[5] = aligned_alloc(4096, 4096);
	for (int i = 0; i < 6; i++)
		HARM_UNLESS(kept[i], "no block %d", i);
}

__attribute__((destructor)) static void end(void)
{
	for (int i = 0; i < 6; i++)
		free(realloc(kept[i], 20000));
}
