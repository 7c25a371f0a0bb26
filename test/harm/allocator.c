// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: run every CONPROF_HEAP_SAMPLE_INTERVAL=1
// harm: run some CONPROF_HEAP_SAMPLE_INTERVAL=4096
// harm: within 30
// harm: same
// harm: exit 0
// SPDX-License-Identifier: MIT
// Every allocation function, called by its name and as dlsym finds it; and every way to fail: the
// same results, the same errno, the old block untouched. It differs when cp_heap_slow of
// hook/heap.c sets errno, or cp_heap_realloc loses a block whose realloc fails.
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include "test/harm/harm.h"

#define HUGE ((size_t)3 << 30)

static struct functions {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void *(*reallocarray)(void *, size_t, size_t);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	void *(*memalign)(size_t, size_t);
	void *(*valloc)(size_t);
	void *(*pvalloc)(size_t);
	void (*free)(void *);
	size_t (*usable)(void *);
} by_name = {malloc,   calloc, realloc, reallocarray, posix_memalign,	 aligned_alloc,
	     memalign, valloc, pvalloc, free,	      malloc_usable_size},
  found;

static void find(void *to, const char *name)
{
	*(void **)to = dlsym(RTLD_DEFAULT, name);
	HARM_UNLESS(*(void **)to, "no %s", name);
}

static void find_all(void)
{
	find(&found.malloc, "malloc");
	find(&found.calloc, "calloc");
	find(&found.realloc, "realloc");
	find(&found.reallocarray, "reallocarray");
	find(&found.posix_memalign, "posix_memalign");
	find(&found.aligned_alloc, "aligned_alloc");
	find(&found.memalign, "memalign");
	find(&found.valloc, "valloc");
	find(&found.pvalloc, "pvalloc");
	find(&found.free, "free");
	find(&found.usable, "malloc_usable_size");
}

/* How it went, and that the block is as good as it says. The block is freed. */
static void tell(const struct functions *f, const char *what, void *block, size_t n, size_t align)
{
	int why = errno;
	int enough = block && f->usable(block) >= n;

	printf("%s(%zu): %s, errno %d, enough %d, aligned %d\n", what, n, block ? "block" : "NULL",
	       why, enough, (uintptr_t)block % align == 0);
	if (enough)
		memset(block, 0x5a, n);
	errno = 77;
	f->free(block);
	HARM_UNLESS(errno == 77, "free sets errno %d", errno);
}

static int is_clear(const unsigned char *block, size_t n)
{
	for (size_t i = 0; block && i < n; i++)
		if (block[i])
			return 0;
	return block != NULL;
}

static void sizes(const struct functions *f, size_t n)
{
	void *block = NULL;

	tell(f, "malloc", f->malloc(n), n, 16);
	for (int i = 0; i < 3; i++) {
		unsigned char *clear = f->calloc(n, 3);

		printf("clear %d ", is_clear(clear, n * 3));
		tell(f, "calloc", clear, n * 3, 16);
	}
	tell(f, "realloc", f->realloc(NULL, n), n, 16);
	tell(f, "reallocarray", f->reallocarray(NULL, n, 2), n * 2, 16);
	for (size_t align = 1; align <= 65536; align *= 4) {
		int result = f->posix_memalign(&block, align, n);

		printf("%d %zu ", result, align);
		tell(f, "posix_memalign", result ? NULL : block, n, result ? 1 : align);
		tell(f, "aligned_alloc", f->aligned_alloc(align, n), n, align);
		tell(f, "memalign", f->memalign(align, n), n, align);
	}
	tell(f, "valloc", f->valloc(n), n, 4096);
	tell(f, "pvalloc", f->pvalloc(n), n, 4096);
}

/* A block that grows and shrinks keeps its bytes. */
static void moves(const struct functions *f)
{
	unsigned seed = 5;
	size_t had = 1, n;
	unsigned char *block = f->malloc(1);

	*block = 9;
	for (int i = 0; i < 2000; i++, had = n) {
		n = (size_t)rand_r(&seed) % (i % 50 ? 3000 : 400000) + 1;
		unsigned char *now = f->realloc(block, n);

		HARM_UNLESS(now, "realloc to %zu", n);
		for (size_t at = 0; at < n && at < had; at++)
			HARM_UNLESS(now[at] == (unsigned char)(9 + at * 3), "byte %zu of %zu", at,
				    had);
		for (size_t at = 0; at < n; at++)
			now[at] = (unsigned char)(9 + at * 3);
		block = now;
	}
	errno = 5;
	block = f->realloc(block, 0);
	printf("realloc to nothing: %s, errno %d\n", block ? "block" : "NULL", errno);
}

static void refused(const struct functions *f)
{
	void *block = &block;

	errno = 5;
	tell(f, "calloc over", f->calloc(SIZE_MAX / 2, 3), 0, 1);
	errno = 5;
	tell(f, "reallocarray over", f->reallocarray(NULL, SIZE_MAX / 2, 3), 0, 1);
	errno = 5;
	tell(f, "malloc most", f->malloc(SIZE_MAX), 0, 1);
	errno = 5;
	tell(f, "malloc too much", f->malloc((size_t)PTRDIFF_MAX + 1), 0, 1);
	errno = 5;
	tell(f, "aligned_alloc 0", f->aligned_alloc(0, 100), 100, 1);
	errno = 5;
	tell(f, "aligned_alloc 3", f->aligned_alloc(3, 100), 100, 1);
	errno = 5;
	tell(f, "memalign most", f->memalign(SIZE_MAX, 100), 0, 1);
	errno = 5;
	tell(f, "pvalloc most", f->pvalloc(SIZE_MAX), 0, 1);
	for (size_t align = 0; align < 40; align++) {
		errno = 5;
		int result = f->posix_memalign(&block, align, 100);

		printf("posix_memalign %zu: %d, errno %d, untouched %d\n", align, result, errno,
		       block == &block);
		if (result == 0)
			f->free(block);
		block = &block;
	}
}

/* Nothing so large is to be had: each fails, and an old block is what and where it was. */
static void exhausted(const struct functions *f)
{
	unsigned char *old = f->malloc(5000);
	void *block = NULL;

	memset(old, 7, 5000);
	errno = 5;
	tell(f, "malloc", f->malloc(HUGE), HUGE, 1);
	errno = 5;
	tell(f, "calloc", f->calloc(HUGE / 8, 8), HUGE, 1);
	errno = 5;
	printf("posix_memalign %d, errno %d\n", f->posix_memalign(&block, 64, HUGE), errno);
	errno = 5;
	tell(f, "aligned_alloc", f->aligned_alloc(64, HUGE), HUGE, 1);
	errno = 5;
	tell(f, "memalign", f->memalign(8192, HUGE), HUGE, 1);
	errno = 5;
	tell(f, "valloc", f->valloc(HUGE), HUGE, 1);
	for (int i = 0; i < 3; i++) {
		errno = 5;
		block = i < 2 ? f->realloc(old, HUGE) : f->reallocarray(old, HUGE / 8, 8);
		printf("realloc: %s, errno %d\n", block ? "block" : "NULL", errno);
		for (int at = 0; at < 5000; at++)
			HARM_UNLESS(old[at] == 7, "the old block's byte %d is %d", at, old[at]);
	}
	old = f->realloc(old, 6000);
	printf("and still: %d\n", old && old[4999] == 7);
	f->free(old);
}

static void all(const char *how, const struct functions *f)
{
	static const size_t some[] = {0, 1, 24, 1000, 4096, 70000, 1 << 20};

	printf("---- %s\n", how);
	for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
		errno = 5;
		sizes(f, some[i]);
	}
	moves(f);
	refused(f);
	exhausted(f);
}

int main(void)
{
	struct rlimit limit = {(size_t)2 << 30, (size_t)2 << 30};

	find_all();
	HARM_UNLESS(setrlimit(RLIMIT_AS, &limit) == 0, "no limit");
	all("by name", &by_name);
	all("as found", &found);
	fflush(stdout);
	return 0;
}
