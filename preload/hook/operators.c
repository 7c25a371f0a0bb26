/* operators.c - operator new and delete in all their spellings, a thin skin each.
 *
 * A sampled block is what the real operator new gives, and not one on a page of its own: a sized
 * delete takes the size for the block's true class, and it may be called where no skin is. So its
 * delete can't tell by the address and asks the list of the living each time, which mostly answers
 * from one byte. An exception of the real one passes through the skin: no door is open then. */
/* SPDX-License-Identifier: MIT */
#include "hook/operators.h"

#include <stddef.h>

#include "hook/heap.h"
#include "hook/real.h"

#include "hook/law.h"

/* The spellings: a(rray) or not, A(ligned), S(ized), N(othrow). Their reference to std::nothrow is
 * a pointer, their alignment a size_t. */
static struct {
	void *(*new)(size_t);
	void *(*newN)(size_t, const void *);
	void *(*newA)(size_t, size_t);
	void *(*newAN)(size_t, size_t, const void *);
	void *(*anew)(size_t);
	void *(*anewN)(size_t, const void *);
	void *(*anewA)(size_t, size_t);
	void *(*anewAN)(size_t, size_t, const void *);
	void (*del)(void *);
	void (*delN)(void *, const void *);
	void (*delS)(void *, size_t);
	void (*delA)(void *, size_t);
	void (*delAN)(void *, size_t, const void *);
	void (*delSA)(void *, size_t, size_t);
	void (*adel)(void *);
	void (*adelN)(void *, const void *);
	void (*adelS)(void *, size_t);
	void (*adelA)(void *, size_t);
	void (*adelAN)(void *, size_t, const void *);
	void (*adelSA)(void *, size_t, size_t);
	void (*sdallocx)(void *, size_t, int);
} real;

/* The budget is charged first; what fell on a mark is told afterwards, when the block is there. */
#define NEW(name, params, args)                                                                    \
	static void *name params                                                                   \
	{                                                                                          \
		void *block;                                                                       \
                                                                                                   \
		if (cp_heap_pass(n))                                                               \
			return real.name args;                                                     \
		block = real.name args;                                                            \
		cp_heap_found(block, n);                                                           \
		return block;                                                                      \
	}

#define DELETE(name, params, args)                                                                 \
	static void name params                                                                    \
	{                                                                                          \
		cp_heap_free(block);                                                               \
		real.name args;                                                                    \
	}

NEW(new, (size_t n), (n))
NEW(newN, (size_t n, const void *nothrow), (n, nothrow))
NEW(newA, (size_t n, size_t align), (n, align))
NEW(newAN, (size_t n, size_t align, const void *nothrow), (n, align, nothrow))
NEW(anew, (size_t n), (n))
NEW(anewN, (size_t n, const void *nothrow), (n, nothrow))
NEW(anewA, (size_t n, size_t align), (n, align))
NEW(anewAN, (size_t n, size_t align, const void *nothrow), (n, align, nothrow))

DELETE(del, (void *block), (block))
DELETE(delN, (void *block, const void *nothrow), (block, nothrow))
DELETE(delS, (void *block, size_t size), (block, size))
DELETE(delA, (void *block, size_t align), (block, align))
DELETE(delAN, (void *block, size_t align, const void *nothrow), (block, align, nothrow))
DELETE(delSA, (void *block, size_t size, size_t align), (block, size, align))
DELETE(adel, (void *block), (block))
DELETE(adelN, (void *block, const void *nothrow), (block, nothrow))
DELETE(adelS, (void *block, size_t size), (block, size))
DELETE(adelA, (void *block, size_t align), (block, align))
DELETE(adelAN, (void *block, size_t align, const void *nothrow), (block, align, nothrow))
DELETE(adelSA, (void *block, size_t size, size_t align), (block, size, align))

/* jemalloc's sized free, also of what malloc gave; a sampled one is larger than its size says. */
static void sdallocx(void *block, size_t size, int flags)
{
	cp_heap_free(block);
	if (CP_UNLIKELY(cp_live_possible(block)))
		cp_real.free(block);
	else
		real.sdallocx(block, size, flags);
}

/* size_t is written m on the machines that we know. */
#define ROW(name, skin)                                                                            \
	{                                                                                          \
		name, (void *)skin, (void **)&real.skin                                            \
	}

const struct cp_operator cp_operators[CP_OPERATORS] = {
    ROW("_Znwm", new),
    ROW("_ZnwmRKSt9nothrow_t", newN),
    ROW("_ZnwmSt11align_val_t", newA),
    ROW("_ZnwmSt11align_val_tRKSt9nothrow_t", newAN),
    ROW("_Znam", anew),
    ROW("_ZnamRKSt9nothrow_t", anewN),
    ROW("_ZnamSt11align_val_t", anewA),
    ROW("_ZnamSt11align_val_tRKSt9nothrow_t", anewAN),
    ROW("_ZdlPv", del),
    ROW("_ZdlPvRKSt9nothrow_t", delN),
    ROW("_ZdlPvm", delS),
    ROW("_ZdlPvSt11align_val_t", delA),
    ROW("_ZdlPvSt11align_val_tRKSt9nothrow_t", delAN),
    ROW("_ZdlPvmSt11align_val_t", delSA),
    ROW("_ZdaPv", adel),
    ROW("_ZdaPvRKSt9nothrow_t", adelN),
    ROW("_ZdaPvm", adelS),
    ROW("_ZdaPvSt11align_val_t", adelA),
    ROW("_ZdaPvSt11align_val_tRKSt9nothrow_t", adelAN),
    ROW("_ZdaPvmSt11align_val_t", adelSA),
    ROW("sdallocx", sdallocx),
};
