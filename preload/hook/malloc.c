/* malloc.c - the front door of memory: every entry of the allocator, a thin skin each. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "hook/heap.h"
#include "hook/real.h"

#include "hook/law.h"

/* Entries of newer standards, and one of the oldest, that the headers may not declare. */
CP_EXPORT void free_sized(void *block, size_t size);
CP_EXPORT void free_aligned_sized(void *block, size_t align, size_t size);
CP_EXPORT void cfree(void *block);

/* Before this library has been relocated (real.h). */
#define READY_OR(...)                                                                              \
	if (CP_UNLIKELY(cp_real_is_blank()))                                                       \
	return __VA_ARGS__

static CP_COLD void *malloc_slow(size_t n)
{
	READY_OR(cp_real_early(n, 1));
	return cp_heap_slow(&(struct cp_request){.size = n});
}

static inline void *take(size_t n)
{
	if (!cp_heap_pass(n))
		return malloc_slow(n);
	return cp_real.malloc(n);
}

/* Of what is nearly always run of malloc and of free, all lies in one line of the cache. */
CP_EXPORT __attribute__((aligned(64))) void *malloc(size_t n)
{
	return take(n);
}

static CP_NOINLINE void free_slow(void *block)
{
	if (cp_heap_free(block))
		cp_real.free(block);
}

static inline void give(void *block)
{
	if (CP_UNLIKELY(cp_live_possible(block)))
		free_slow(block);
	else
		cp_real.free(block);
}

CP_EXPORT void free(void *block)
{
	give(block);
}

static CP_COLD void *calloc_slow(size_t n, size_t size, size_t all, int over)
{
	READY_OR(over ? NULL : cp_real_early(all, 1));
	return over ? cp_real.calloc(n, size)
		    : cp_heap_slow(&(struct cp_request){.size = all, .zeroed = 1});
}

CP_EXPORT void *calloc(size_t n, size_t size)
{
	size_t all;
	int over = __builtin_mul_overflow(n, size, &all);

	if (CP_UNLIKELY(over) || !cp_heap_pass(all))
		return calloc_slow(n, size, all, over);
	return cp_real.calloc(n, size);
}

/* Frees, or gives a smallest block: the allocator's choice, and not worth a sample. */
static CP_COLD void *realloc_to_nothing(void *block)
{
	if (CP_UNLIKELY(cp_live_possible(block)) && !cp_heap_free(block))
		return NULL;
	return cp_real.realloc(block, 0);
}

static CP_COLD void *realloc_slow(void *block, size_t n, int pass)
{
	READY_OR(cp_real_early_again(block, n));
	return cp_heap_realloc(block, n, pass);
}

CP_EXPORT void *realloc(void *block, size_t n)
{
	int pass;

	if (!block)
		return take(n);
	if (CP_UNLIKELY(n == 0))
		return realloc_to_nothing(block);
	pass = cp_heap_pass(n);
	if (CP_UNLIKELY(!pass || cp_live_possible(block)))
		return realloc_slow(block, n, pass);
	return cp_real.realloc(block, n);
}

CP_EXPORT void *reallocarray(void *block, size_t n, size_t size)
{
	size_t all;

	if (__builtin_mul_overflow(n, size, &all)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(block, all);
}

/* An alignment that the allocator would refuse is its to refuse. */
static int odd(size_t align)
{
	return align == 0 || (align & (align - 1)) != 0;
}

CP_EXPORT int posix_memalign(void **out, size_t align, size_t n)
{
	int saved;
	void *block;

	READY_OR((block = cp_real_early(n, align)) ? (*out = block, 0) : ENOMEM);
	saved = errno;
	if (odd(align) || align % sizeof(void *) || cp_heap_pass(n))
		return cp_real.posix_memalign(out, align, n);
	block = cp_heap_slow(&(struct cp_request){.size = n, .align = align});
	errno = saved;
	if (!block)
		return ENOMEM;
	*out = block;
	return 0;
}

CP_EXPORT void *aligned_alloc(size_t align, size_t n)
{
	READY_OR(cp_real_early(n, align));
	if (odd(align) || cp_heap_pass(n))
		return cp_real.aligned_alloc(align, n);
	return cp_heap_slow(&(struct cp_request){.size = n, .align = align});
}

CP_EXPORT void *memalign(size_t align, size_t n)
{
	READY_OR(cp_real_early(n, align));
	if (odd(align) || cp_heap_pass(n))
		return cp_real.memalign(align, n);
	return cp_heap_slow(&(struct cp_request){.size = n, .align = align});
}

static size_t page(void)
{
	return (size_t)getpagesize();
}

CP_EXPORT void *valloc(size_t n)
{
	READY_OR(cp_real_early(n, CP_EARLY_ALIGN));
	if (cp_heap_pass(n))
		return cp_real.valloc(n);
	return cp_heap_slow(&(struct cp_request){.size = n, .align = page()});
}

CP_EXPORT void *pvalloc(size_t n)
{
	size_t whole;

	READY_OR(cp_real_early(n, CP_EARLY_ALIGN));
	whole = (n + page() - 1) & ~(page() - 1);
	if (n > PTRDIFF_MAX || cp_heap_pass(whole))
		return cp_real.pvalloc(n);
	return cp_heap_slow(&(struct cp_request){.size = whole, .align = page()});
}

CP_EXPORT size_t malloc_usable_size(void *block)
{
	size_t size;

	if (CP_UNLIKELY(cp_live_possible(block)) && cp_real_is_early(block, &size))
		return size;
	return cp_real.malloc_usable_size(block);
}

/* A sampled block is larger than what was asked for: its size must not be believed. */
CP_EXPORT void free_sized(void *block, size_t size)
{
	if (CP_UNLIKELY(cp_live_possible(block)))
		free_slow(block);
	else
		cp_real.free_sized(block, size);
}

CP_EXPORT void free_aligned_sized(void *block, size_t align, size_t size)
{
	if (CP_UNLIKELY(cp_live_possible(block)))
		free_slow(block);
	else
		cp_real.free_aligned_sized(block, align, size);
}

CP_EXPORT void cfree(void *block)
{
	give(block);
}
