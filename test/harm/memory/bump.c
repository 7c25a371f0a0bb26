// harm: build -shared -fPIC
// SPDX-License-Identifier: MIT
// An allocator that may be left anywhere: each thread takes from its own piece and nothing is given
// back. On demand one of its calls does not come back, or asks malloc for more in between.
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "test/harm/harm.h"

#define PIECE ((size_t)1 << 30)

static __thread char *at, *end;

/* What its memalign does besides, set by the program. */
void (*bump_hook)(void);

static void *take(size_t align, size_t n)
{
	char *block;

	if (!at) {
		at = mmap(NULL, PIECE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		end = at + PIECE;
	}
	block = (char *)(((uintptr_t)at + sizeof(size_t) + align - 1) & ~(align - 1));
	if (n > PIECE || block + n > end) {
		errno = ENOMEM;
		return NULL;
	}
	at = block + n;
	((size_t *)(void *)block)[-1] = n;
	return block;
}

void *malloc(size_t n)
{
	return take(16, n);
}

void *memalign(size_t align, size_t n)
{
	if (bump_hook)
		bump_hook();
	return take(align < 16 ? 16 : align, n);
}

void free(void *block)
{
	(void)block;
}

void *calloc(size_t n, size_t size)
{
	return take(16, n * size);
}

size_t malloc_usable_size(void *block)
{
	return block ? ((size_t *)block)[-1] : 0;
}

void *realloc(void *block, size_t n)
{
	size_t was = malloc_usable_size(block);
	void *moved = take(16, n);

	if (moved && block)
		memcpy(moved, block, was < n ? was : n);
	return moved;
}

int posix_memalign(void **out, size_t align, size_t n)
{
	*out = take(align, n);
	return *out ? 0 : ENOMEM;
}

void *aligned_alloc(size_t align, size_t n)
{
	return take(align, n);
}
