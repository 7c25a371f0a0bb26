// harm: slow
// harm: with CONPROF_HEAP_SAMPLE_INTERVAL=1 CONPROF_CPU_PROFILERATE=1000
// harm: run plain
// harm: run perturbed MALLOC_PERTURB_=90
// harm: run tuned GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.perturb=17
// harm: run checked MALLOC_CHECK_=3 HARM_MORE=libc_malloc_debug.so.0
// harm: run tuned_check GLIBC_TUNABLES=glibc.malloc.check=3 HARM_MORE=libc_malloc_debug.so.0
// harm: run traced MALLOC_TRACE=/dev/null HARM_MORE=libc_malloc_debug.so.0
// harm: within 30
// harm: same
// harm: exit 0
// SPDX-License-Identifier: MIT
// What glibc offers to look into its malloc still works: malloc_info and its kin, mallopt,
// MALLOC_PERTURB_, tunables, and its debugging library behind us. It differs when calloc's block is
// not cleared by clear() of hook/heap.c, and dies when a block that was sampled is not the
// allocator's own.
#include <malloc.h>
#include <mcheck.h>
#include <string.h>

#include "test/harm/harm.h"

static char *blocks[3000];

/* The library after those that are preloaded already; the harness knows ours alone. */
static void with_more(char **argv)
{
	const char *more = getenv("HARM_MORE"), *others = getenv("LD_PRELOAD");
	char list[4096];

	if (!more)
		return;
	snprintf(list, sizeof list, "%s %s", others ? others : "", more);
	setenv("LD_PRELOAD", list, 1);
	unsetenv("HARM_MORE");
	execv(argv[0], argv);
}

static int is(const char *block, int c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (block[i] != (char)c)
			return 0;
	return 1;
}

/* Under MALLOC_PERTURB_ a new block has the complement in it, unless it is an old one from a
 * thread's own cache. */
static void filled(void)
{
	const char *perturb = getenv("MALLOC_PERTURB_");
	int wrong = 0, perturbed = 0;

	for (size_t n = 1; n < 5000; n += 7) {
		char *volatile block = malloc(n), *volatile clear = calloc(1, n);

		perturbed += perturb && is(block, ~atoi(perturb), n);
		wrong += !is(clear, 0, n);
		free(block);
		free(clear);
	}
	printf("wrong %d, perturbed %d\n", wrong, perturbed > 400);
}

static void information(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	struct mallinfo2 before = mallinfo2(), after;
	char *volatile block = malloc(100000);

	after = mallinfo2();
	printf("more in use %d\n", after.uordblks >= before.uordblks + 100000);
	free(block);
	printf("malloc_info %d", malloc_info(0, to));
	fclose(to);
	printf(" %d\n", text && strstr(text, "</malloc>") != NULL);
	free(text);
	malloc_trim(0);
	printf("mallopt %d\n", mallopt(M_MMAP_THRESHOLD, 100000));
}

int main(int argc, char **argv)
{
	(void)argc;
	with_more(argv);
	mtrace();
	filled();
	information();
	for (unsigned i = 0; i < 30000; i++) {
		char **at = &blocks[i * 7919 % 3000];
		size_t n = i % 900 + 1;

		*at = i % 5 ? realloc(*at, n) : (free(*at), memalign(64, n));
		HARM_UNLESS(*at && malloc_usable_size(*at) >= n, "no block");
		memset(*at, (int)i, malloc_usable_size(*at));
	}
	for (int i = 0; i < 3000; i++)
		free(blocks[i]);
	muntrace();
	return 0;
}
