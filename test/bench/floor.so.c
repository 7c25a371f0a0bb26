/* floor.so.c - the floor under any allocation profiler: an interposer that only forwards. */
/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <stddef.h>

/* One load, one test, one jump each. The test is for calls before the constructor has run: those of
 * constructors of the libraries that come before this one. glibc's dlsym allocates only to say that
 * it found nothing. */
static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void *(*memalign)(size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	int (*posix_memalign)(void **, size_t, size_t);
	void (*free)(void *);
} real;

void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *block, size_t size);
void *memalign(size_t align, size_t size);
void *aligned_alloc(size_t align, size_t size);
int posix_memalign(void **out, size_t align, size_t size);
void free(void *block);

__attribute__((constructor, noinline, cold)) static void find(void)
{
	*(void **)&real.malloc = dlsym(RTLD_NEXT, "malloc");
	*(void **)&real.calloc = dlsym(RTLD_NEXT, "calloc");
	*(void **)&real.realloc = dlsym(RTLD_NEXT, "realloc");
	*(void **)&real.memalign = dlsym(RTLD_NEXT, "memalign");
	*(void **)&real.aligned_alloc = dlsym(RTLD_NEXT, "aligned_alloc");
	*(void **)&real.posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
	*(void **)&real.free = dlsym(RTLD_NEXT, "free");
}

#define READY(name)                                                                                \
	if (__builtin_expect(!real.name, 0))                                                       \
	find()

void *malloc(size_t size)
{
	READY(malloc);
	return real.malloc(size);
}

void *calloc(size_t count, size_t size)
{
	READY(calloc);
	return real.calloc(count, size);
}

void *realloc(void *block, size_t size)
{
	READY(realloc);
	return real.realloc(block, size);
}

void *memalign(size_t align, size_t size)
{
	READY(memalign);
	return real.memalign(align, size);
}

void *aligned_alloc(size_t align, size_t size)
{
	READY(aligned_alloc);
	return real.aligned_alloc(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
	READY(posix_memalign);
	return real.posix_memalign(out, align, size);
}

void free(void *block)
{
	READY(free);
	real.free(block);
}
