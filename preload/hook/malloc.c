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

/* A resolver of an indirect function runs while the loader relocates its own library, which is
 * before ours has its turn: then the table holds offsets, and no thread-local word may be touched.
 */
#define OFFSETS (1 << 20)
#define READY_OR(...)                                                                              \
	if (CP_UNLIKELY((uintptr_t)cp_real.malloc < OFFSETS))                                      \
	return __VA_ARGS__

CP_EXPORT void *malloc(size_t n)
{
	READY_OR(cp_real_early(n, 1));
	if (cp_heap_pass(n))
		return cp_real.malloc(n);
	return cp_heap_slow(&(struct cp_request){.size = n});
}

CP_EXPORT void free(void *block)
{
	if (CP_UNLIKELY(cp_live_possible(block)) && !cp_heap_free(block))
		return;
	cp_real.free(block);
}

CP_EXPORT void *calloc(size_t n, size_t size)
{
	int over;
	size_t all;

	over = __builtin_mul_overflow(n, size, &all);
	READY_OR(over ? NULL : cp_real_early(all, 1));
	if (over || cp_heap_pass(all))
		return cp_real.calloc(n, size);
	return cp_heap_slow(&(struct cp_request){.size = all, .zeroed = 1});
}

CP_EXPORT void *realloc(void *block, size_t n)
{
	int pass;

	if (!block)
		return malloc(n);
	if (n == 0) {
		/* Frees, or gives a smallest block: the allocator's choice, and not worth a sample.
		 */
		if (CP_UNLIKELY(cp_live_possible(block)) && !cp_heap_free(block))
			return NULL;
		return cp_real.realloc(block, 0);
	}
	READY_OR(cp_real_early_again(block, n));
	pass = cp_heap_pass(n);
	if (pass && CP_LIKELY(!cp_live_possible(block)))
		return cp_real.realloc(block, n);
	return cp_heap_realloc(block, n, pass);
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
		free(block);
	else
		cp_real.free_sized(block, size);
}

CP_EXPORT void free_aligned_sized(void *block, size_t align, size_t size)
{
	if (CP_UNLIKELY(cp_live_possible(block)))
		free(block);
	else
		cp_real.free_aligned_sized(block, align, size);
}

CP_EXPORT void cfree(void *block)
{
	free(block);
}
