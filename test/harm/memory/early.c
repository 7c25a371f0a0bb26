// harm: build -Wl,-z,lazy
// harm: with CONPROF_HEAP_SAMPLE_INTERVAL=1 CONPROF_CPU_PROFILERATE=1000
// harm: run before before
// harm: run after after
// harm: within 30
// harm: same
// harm: exit 7
// SPDX-License-Identifier: MIT
// Memory is asked for before our constructor has run, and given back long after: by resolvers of
// indirect functions, in .preinit_array, in constructors of the program and of a library whose turn
// comes before ours; and at the other end by destructors of threads, atexit and .fini_array. It
// dies when malloc of hook/malloc.c does not ask READY_OR, or real.c waits for the constructor.
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>

#include "test/harm/memory/beside.h"

#define BLOCKS 40

static char *blocks[BLOCKS];
static int count;
extern int (*volatile early_pointer)(void) __attribute__((weak));
extern void *early_block(void) __attribute__((weak));

static void check(char *block, int mark, size_t n)
{
	for (size_t i = 0; i < n; i++)
		HARM_UNLESS(block[i] == (char)mark, "byte %zu of block %d", i, mark);
}

static void take(char *block, size_t n)
{
	HARM_UNLESS(block, "no memory");
	memset(block, count + 1, n);
	blocks[count++] = block;
}

/* Each kind once, of 200 bytes. */
static void some(void)
{
	void *aligned = NULL;

	take(malloc(200), 200);
	take(calloc(2, 100), 200);
	take(realloc(malloc(20), 200), 200);
	take(memalign(64, 200), 200);
	HARM_UNLESS(posix_memalign(&aligned, 4096, 200) == 0, "no memory");
	take(aligned, 200);
	take(reallocarray(NULL, 20, 10), 200);
	free(malloc(100000));
}

static void preinit(void)
{
	some();
}
__attribute__((section(".preinit_array"), used)) static void (*preinit_entry)(void) = preinit;

static int two(void)
{
	return 2;
}

static int (*choose(void))(void)
{
	some();
	return two;
}
int number(void) __attribute__((ifunc("choose")));

__attribute__((constructor)) static void begin(void)
{
	some();
}

/* ---- the other end ---- */

static pthread_key_t key;
static __thread int times;

static void of_a_thread(void *block)
{
	char *again = realloc(block, 3000);

	HARM_UNLESS(again, "no memory");
	if (++times < 3)
		pthread_setspecific(key, again);
	else
		free(again);
}

static void *thread(void *arg)
{
	pthread_setspecific(key, malloc(50));
	return arg;
}

static void at_exit(void)
{
	char *block = strdup("at the very end");

	puts(block);
	free(block);
}

__attribute__((destructor)) static void end(void)
{
	void *volatile block = calloc(7, 1000);

	printf("the end %d\n", malloc_usable_size(block) >= 7000);
	fflush(stdout);
	free(block);
}

int main(int argc, char **argv)
{
	pthread_t threads[8];

	const char *error = dlerror();

	printf("nobody's error: %s\n", error ? error : "none");
	beside(argv, "early_library", argc > 1 && strcmp(argv[1], "before") == 0);
	atexit(at_exit);
	HARM_UNLESS(number() == 2 && &early_pointer && early_pointer() == 1, "numbers");
	printf("early block %d, %d blocks\n", early_block() != NULL, count);
	for (int i = 0; i < count; i++) {
		check(blocks[i], i + 1, 200);
		blocks[i] = realloc(blocks[i], (size_t)(i * 300 + 1));
		HARM_UNLESS(blocks[i] && malloc_usable_size(blocks[i]) >= (size_t)(i * 300 + 1),
			    "no memory");
		check(blocks[i], i + 1, i ? 200 : 1);
		free(blocks[i]);
	}
	free(early_block());
	pthread_key_create(&key, of_a_thread);
	for (int i = 0; i < 8; i++)
		HARM_UNLESS(pthread_create(&threads[i], NULL, thread, NULL) == 0, "no thread");
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	return 7;
}
