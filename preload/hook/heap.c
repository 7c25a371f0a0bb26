/* heap.c - a sampled block: where it is put, what is recorded, how its end is noticed. */
/* SPDX-License-Identifier: MIT */
#include "hook/heap.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/draw.h"
#include "hook/real.h"
#include "hook/record.h"
#include "libc/find.h"
#include "signal/apart.h"
#include "signal/blocks.h"
#include "signal/pace.h"

#include "hook/law.h"

#define PAGE 4096
/* From here on glibc gives a block a mapping of its own, which free() recognises without help; and
 * moving, copying or clearing more than this for our own sake would be felt. */
#define LARGE (128 * 1024)
/* From here on it always does. Between the two that depends on what was freed before: then a block
 * is asked for on a page at once, not given back for another (nginx with gzip, which takes 268 KB a
 * request: 8 % of a request's CPU time). */
#define HUGE (32 * 1024 * 1024)
/* Where nothing is recorded, the phase is asked again after so many bytes. */
#define OFF_GAP (1 << 20)

/* ---- where it is put ---- */

static void *plain(const struct cp_request *r)
{
	if (r->zeroed)
		return cp_real.calloc(1, r->size);
	return r->align ? cp_real.memalign(r->align, r->size) : cp_real.malloc(r->size);
}

/* Clears page by page, and only what is not clear: a page that was never written stays unmapped. */
static void clear(char *block, size_t n)
{
	for (size_t at = 0; at < n; at += PAGE) {
		size_t len = n - at < PAGE ? n - at : PAGE;
		const char *p = block + at;

		if (p[0] != 0 || memcmp(p, p + 1, len - 1) != 0)
			memset(block + at, 0, len);
	}
}

/* A small block is put into a size class further up: freed, it would lie first in glibc's cache of
 * its own class, and a loop over a few sizes would get it again and again, with a look-up for each
 * free (9.1 ns a pair instead of 6.3). It costs these bytes once in 512 KiB.
 *
 * All small ones into the same class: there a block that was sampled and freed lies first in the
 * cache, on its page already. memalign leaves what it cut off on either side to the caches of small
 * sizes, and a program that had its few blocks side by side would have them scattered over pages
 * (a pair of 64 bytes 6 % slower, for good). */
#define ASIDE	   272
#define SMALL	   512
#define SMALL_ROOM (SMALL + ASIDE)
#define KEPT_MAX   7 /* of a class, by glibc's cache */

/* So many of them lie there, as far as this thread knows. */
static CP_TLS unsigned kept;

static void *kept_one(void)
{
	void *block = kept ? cp_real.malloc(SMALL_ROOM) : NULL;

	if (!block)
		return NULL;
	kept--;
	if (((uintptr_t)block & (PAGE - 1)) == 0)
		return block;
	kept = 0;
	cp_real.free(block);
	return NULL;
}

static void *on_a_page(const struct cp_request *r)
{
	int small = r->size <= SMALL && r->align <= PAGE;
	size_t room = small ? SMALL_ROOM : r->size < LARGE ? r->size + ASIDE : r->size;
	void *block = small ? kept_one() : NULL;

	if (!block)
		block = cp_real.memalign(r->align > PAGE ? r->align : PAGE, room);
	if (block && r->zeroed)
		clear(block, r->size);
	return block;
}

/* Where glibc may make no mappings (MALLOC_MMAP_MAX_ is 0, as it is where much is computed), a huge
 * block is in its heap like any other. In a second one on a page all would be looked at that is to
 * be clear, which has the kernel make it (160 ms for 256 MiB, of which a program may use little);
 * and what memalign cuts off at its end keeps the heap from being given back: seven times the block
 * stayed in memory. There it is better not followed to its end. */
static int has_no_mapping(const struct cp_request *r)
{
	return r->size >= HUGE && cp_libc_holds((uintptr_t)cp_real.malloc);
}

/* A block that free() will know again; any block if that can't be had; NULL if none. */
static void *placed(const struct cp_request *r)
{
	int natural = r->size >= HUGE || r->align >= PAGE || (r->zeroed && r->size >= LARGE);
	void *block = natural ? plain(r) : NULL, *better;

	if (natural && (!block || cp_live_possible(block) || has_no_mapping(r)))
		return block;
	better = on_a_page(r);
	if (!better)
		return block ? block : plain(r);
	cp_real.free(block);
	return better;
}

/* ---- the door ---- */

/* While the allocator behind us makes room for a sampled block, what it asks malloc for is not
 * sampled. We may never hear of the end: a handler jumped away, or the thread was cancelled. So
 * after this many questions it has ended. */
#define NESTED_MAX 64
static CP_TLS unsigned in_allocator;

static int is_nested(void)
{
	if (!in_allocator)
		return 0;
	in_allocator = in_allocator < NESTED_MAX ? in_allocator + 1 : 0;
	return in_allocator != 0;
}

static void make_ready(const struct cp_apart *apart, void *unused)
{
	(void)unused;
	cp_thread_ready(apart->self);
}

/* Draws the next gap. 1: this allocation is sampled. While none is wanted, marks fall as ever, and
 * are passed over: so the first that counts is as likely as any. A new thread comes here with its
 * first one, which is then weighed like any other. */
static int drawn(size_t n)
{
	struct cp_thread *self = &cp_self;

	if (self->inside)
		return 0;
	/* What its mark fell into is not told; the next block is not to have it instead. */
	if (is_nested()) {
		if (cp_state.heap_interval)
			self->budget = cp_next_gap(&self->rng, cp_state.heap_interval);
		return 0;
	}
	if (!self->ready)
		cp_apart(make_ready, NULL);
	if (!cp_state.heap_interval)
		self->budget = INT64_MAX / 2;
	if (n < self->budget) {
		self->budget -= n + 1;
		return 0;
	}
	if (n > PTRDIFF_MAX) /* refused, whoever asks */
		return 0;
	self->budget = cp_next_gap(&self->rng, cp_state.heap_interval);
	if (CP_UNLIKELY(cp_pace_heap_is_off())) {
		cp_record_nothing();
		return 0;
	}
	return 1;
}

void *cp_heap_slow(const struct cp_request *request)
{
	int saved = errno, sampled;
	void *block;

	cp_witness();
	if (cp_phase() == CP_OFF) {
		cp_self.budget = OFF_GAP;
		return plain(request);
	}
	sampled = drawn(request->size);
	errno = saved;
	if (!sampled)
		return plain(request);
	in_allocator = 1;
	block = placed(request);
	in_allocator = 0;
	if (!block)
		return NULL; /* errno is the allocator's */
	cp_record(block, request->size, cp_live_possible(block));
	errno = saved;
	return block;
}

void cp_heap_found(void *block, size_t size)
{
	int saved = errno;

	if (cp_phase() == CP_OFF) {
		cp_self.budget = OFF_GAP;
		return;
	}
	if (drawn(size) && block)
		cp_record(block, size, 1);
	errno = saved;
}

/* ---- its end ---- */

/* Where the size is fixed it can't be raised. */
#define WAYS_MAX 16

/* glibc gives blocks from a certain size on a mapping of their own, and raises that size to the
 * largest of them that was freed: so a program that takes 268 KB again and again has a mapping
 * once. memalign asks for a page more than the block has in the end, so it would find the size too
 * low for ever, and a fresh mapping be touched for each sampled block (nginx with gzip: 27 page
 * faults a request, 8 %). The block that is freed here raises it by that much more. usable % 16
 * tells: a mapping's chunk has no neighbour whose first word it could use. */
static void make_way(void *block, size_t size)
{
	static CP_TLS unsigned times;
	int saved = errno;

	if (size < LARGE || size >= HUGE || ((uintptr_t)block & (PAGE - 1)) || times == WAYS_MAX ||
	    in_allocator || cp_real.malloc_usable_size(block) % 16 != 0)
		return;
	times++;
	in_allocator = 1;
	cp_real.free(cp_real.malloc(size + 3 * PAGE));
	in_allocator = 0;
	errno = saved;
}

int cp_heap_free(void *block)
{
	struct cp_block was;

	if (!block)
		return 0;
	if (cp_real_is_early(block, NULL)) {
		cp_real_early_free(block);
		return 0;
	}
	if (cp_block_end(block, &was)) {
		kept += was.size <= SMALL && kept < KEPT_MAX;
		make_way(block, was.size);
	}
	return 1;
}

/* A block from before the real functions were known can't be given to them. */
static void *out_of_early(void *block, size_t room, size_t n)
{
	void *moved = cp_real.malloc(n);

	if (!moved)
		return NULL;
	memcpy(moved, block, n < room ? n : room);
	cp_real_early_free(block);
	return moved;
}

/* A sampled realloc needs a block that free() knows. A large one mostly has a mapping of its own
 * and stays where the allocator puts it; what remains is moved by hand, and if it grows in place
 * later it need not be moved again. */
static void *regrown(void *block, size_t n)
{
	struct cp_request r = {.size = n};
	size_t room;
	void *moved;

	if (n >= LARGE) {
		block = cp_real.realloc(block, n);
		if (!block || cp_live_possible(block))
			return block;
	}
	moved = on_a_page(&r);
	if (!moved)
		return n >= LARGE ? block : cp_real.realloc(block, n);
	room = cp_real.malloc_usable_size(block);
	memcpy(moved, block, n < room ? n : room);
	cp_real.free(block);
	return moved;
}

static void *sampled_realloc(void *block, size_t n)
{
	int saved = errno, sampled = drawn(n);
	void *moved;

	errno = saved;
	if (!sampled)
		return cp_real.realloc(block, n);
	in_allocator = 1;
	moved = regrown(block, n);
	in_allocator = 0;
	if (!moved)
		return NULL;
	cp_record(moved, n, cp_live_possible(moved));
	errno = saved;
	return moved;
}

/* The old block is taken off the list before the call, since afterwards its address may already be
 * another thread's; if the call fails it is alive as before. */
void *cp_heap_realloc(void *block, size_t n, int pass)
{
	struct cp_block was;
	size_t size = 0;
	void *moved;
	int known;

	if (cp_live_possible(block) && cp_real_is_early(block, &size))
		return out_of_early(block, size, n);
	known = cp_live_possible(block) && cp_block_end(block, &was);
	moved =
	    pass || cp_phase() == CP_OFF ? cp_real.realloc(block, n) : sampled_realloc(block, n);
	if (known && !moved)
		cp_block_go_on(block, &was);
	return moved;
}
