/* real.c - the functions we stand in front of, found once.
 *
 * The table starts full: every entry is a finder, which looks all of them up, puts the real ones in
 * the table and calls its own. So the fast path never asks "are we ready?", even for a malloc that
 * comes before our constructor does. While dlsym runs it may itself ask for memory: it gets an
 * early block, each on a page of its own, because free() looks twice at such addresses anyhow. */
/* SPDX-License-Identifier: MIT */
#include "hook/real.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "base/attrs.h"
#include "libc/find.h"
#include "signal/thread.h"

#include "hook/law.h"

/* glibc's dlsym asks for one or two small blocks, once; a resolver may read a file by stdio. */
#define EARLY_PAGE CP_EARLY_ALIGN
#define EARLY_MAX  64

/* One page more than are used, and none aligned by the linker: that would move all static room to a
 * page's start, and a start touches each page of it. */
static CP_LATE char early_room[(EARLY_MAX + 1) * EARLY_PAGE];
static _Atomic uint8_t early_used[EARLY_MAX];
/* volatile: libc declares dlsym a leaf, which says that it never calls back into this file. It
 * does. */
static volatile int finding;

static char *early(size_t page)
{
	uintptr_t first = ((uintptr_t)early_room + EARLY_PAGE - 1) & ~(uintptr_t)(EARLY_PAGE - 1);

	return early_room + (first - (uintptr_t)early_room) + page * EARLY_PAGE;
}

int cp_real_is_early(const void *block, size_t *size)
{
	if ((uintptr_t)block - (uintptr_t)early(0) >= EARLY_MAX * EARLY_PAGE)
		return 0;
	if (size)
		*size = EARLY_PAGE;
	return 1;
}

void *cp_real_early(size_t n, size_t align)
{
	if (n > EARLY_PAGE || align > EARLY_PAGE)
		return NULL;
	for (size_t i = 0; i < EARLY_MAX; i++)
		if (!atomic_exchange_explicit(&early_used[i], 1, memory_order_acquire)) {
			memset(early(i), 0, EARLY_PAGE);
			return early(i);
		}
	return NULL;
}

void *cp_real_early_again(void *block, size_t n)
{
	return n <= EARLY_PAGE && cp_real_is_early(block, NULL) ? block : NULL;
}

void cp_real_early_free(void *block)
{
	size_t at = (size_t)((char *)block - early(0));

	atomic_store_explicit(&early_used[at / EARLY_PAGE], 0, memory_order_release);
}

static void find(void);

#define FIND_OR(...)                                                                               \
	if (finding)                                                                               \
		return __VA_ARGS__;                                                                \
	find()

/* Nothing that is looked up can be missing: libc is behind us, and has them all. */
/* NOLINTBEGIN(clang-analyzer-core.CallAndMessage) */
static void *find_malloc(size_t n)
{
	FIND_OR(cp_real_early(n, 1));
	return cp_real.malloc(n);
}

static void find_free(void *p)
{
	FIND_OR();
	cp_real.free(p);
}

static void *find_calloc(size_t n, size_t size)
{
	FIND_OR(size && n > EARLY_PAGE / size ? NULL : cp_real_early(n * size, 1));
	return cp_real.calloc(n, size);
}

static void *find_realloc(void *p, size_t n)
{
	FIND_OR(p ? cp_real_early_again(p, n) : cp_real_early(n, 1));
	return cp_real.realloc(p, n);
}

static void *find_reallocarray(void *p, size_t n, size_t size)
{
	FIND_OR(NULL);
	return cp_real.reallocarray(p, n, size);
}

static int find_posix_memalign(void **p, size_t align, size_t n)
{
	FIND_OR(ENOMEM);
	return cp_real.posix_memalign(p, align, n);
}

static void *find_aligned_alloc(size_t align, size_t n)
{
	FIND_OR(cp_real_early(n, align));
	return cp_real.aligned_alloc(align, n);
}

static void *find_memalign(size_t align, size_t n)
{
	FIND_OR(cp_real_early(n, align));
	return cp_real.memalign(align, n);
}

static void *find_valloc(size_t n)
{
	FIND_OR(cp_real_early(n, EARLY_PAGE));
	return cp_real.valloc(n);
}

static void *find_pvalloc(size_t n)
{
	FIND_OR(cp_real_early(n, EARLY_PAGE));
	return cp_real.pvalloc(n);
}

static size_t find_usable_size(void *p)
{
	FIND_OR(p ? EARLY_PAGE : 0);
	return cp_real.malloc_usable_size(p);
}

static void find_free_sized(void *p, size_t n)
{
	FIND_OR();
	cp_real.free_sized(p, n);
}

static void find_free_aligned_sized(void *p, size_t align, size_t n)
{
	FIND_OR();
	cp_real.free_aligned_sized(p, align, n);
}
_Alignas(64) struct cp_real cp_real = {.malloc = find_malloc,
				       .free = find_free,
				       .calloc = find_calloc,
				       .realloc = find_realloc,
				       .reallocarray = find_reallocarray,
				       .posix_memalign = find_posix_memalign,
				       .aligned_alloc = find_aligned_alloc,
				       .memalign = find_memalign,
				       .valloc = find_valloc,
				       .pvalloc = find_pvalloc,
				       .malloc_usable_size = find_usable_size,
				       .free_sized = find_free_sized,
				       .free_aligned_sized = find_free_aligned_sized,
				       .cfree = find_free};

/* An allocator without the C23 functions takes its blocks back by free(). */
static void free_without_size(void *p, size_t n)
{
	(void)n;
	cp_real.free(p);
}

static void free_without_align(void *p, size_t align, size_t n)
{
	(void)align;
	(void)n;
	cp_real.free(p);
}

/* NOLINTEND(clang-analyzer-core.CallAndMessage) */

/* A name that may be nowhere is asked of dlsym only if it is somewhere: its error would be found by
 * the program. */
static void look(struct cp_sought *sought, unsigned n, unsigned sure)
{
	int known = cp_libc_next(sought, n);

	for (unsigned i = 0; i < n; i++) {
		void *found = sought[i].found;

		if (!found && (i < sure || (!known && cp_libc_anyone_has(sought[i].name))))
			found = dlsym(RTLD_NEXT, sought[i].name);
		*sought[i].to = found;
	}
}

#define SOUGHT_AS(called, entry)                                                                   \
	(struct cp_sought)                                                                         \
	{                                                                                          \
		.name = called, .to = (void **)&(entry)                                            \
	}
#define SOUGHT(table, entry) SOUGHT_AS(#entry, (table).entry)

/* Happens on the first allocation of the process, when there is one thread only. */
static void find(void)
{
	struct cp_real found = cp_real;
	int saved = errno;
	struct cp_sought sought[] = {
	    SOUGHT(found, malloc), SOUGHT(found, free), SOUGHT(found, calloc),
	    SOUGHT(found, realloc), SOUGHT(found, reallocarray), SOUGHT(found, posix_memalign),
	    SOUGHT(found, aligned_alloc), SOUGHT(found, memalign), SOUGHT(found, valloc),
	    SOUGHT(found, pvalloc), SOUGHT(found, malloc_usable_size),
	    /* only some have these */
	    SOUGHT(found, free_sized), SOUGHT(found, free_aligned_sized), SOUGHT(found, cfree)};

	finding = 1;
	found.budget_at = (uintptr_t)&cp_self.budget - (uintptr_t)__builtin_thread_pointer();
	look(sought, sizeof sought / sizeof *sought, 11);
	if (!found.free_sized)
		found.free_sized = free_without_size;
	if (!found.free_aligned_sized)
		found.free_aligned_sized = free_without_align;
	if (!found.cfree)
		found.cfree = found.free;
	cp_real = found;
	finding = 0;
	errno = saved;
}

/* Before glibc 2.34 it is in librt, which may have been loaded for a plugin alone. */
static void *find_timer_create(void)
{
	void *librt = dlopen("librt.so.1", RTLD_LAZY | RTLD_NOLOAD);

	return librt ? dlsym(librt, "timer_create") : NULL;
}

long (*cp_real_syscall)(long, long, long, long, long, long, long);
static struct cp_real_calls calls;
static _Atomic uint32_t calls_found;

static void find_calls(void)
{
	struct cp_sought sought[] = {
	    SOUGHT(calls, sigaction), SOUGHT(calls, signal), SOUGHT(calls, sigset),
	    SOUGHT(calls, sigignore), SOUGHT(calls, siginterrupt), SOUGHT(calls, sigaltstack),
	    SOUGHT(calls, setitimer), SOUGHT(calls, getitimer), SOUGHT(calls, dlclose),
	    SOUGHT(calls, prctl), SOUGHT(calls, mlockall), SOUGHT(calls, execve),
	    SOUGHT(calls, execvpe), SOUGHT(calls, fexecve), SOUGHT(calls, pthread_create),
	    SOUGHT_AS("__sysv_signal", calls.sysv_signal), SOUGHT_AS("syscall", cp_real_syscall),
	    /* only some libraries have these */
	    SOUGHT(calls, pthread_attr_getstacksize), SOUGHT(calls, thrd_create),
	    SOUGHT(calls, timer_create), SOUGHT(calls, execveat)};

	look(sought, sizeof sought / sizeof *sought, 17);
	if (!calls.timer_create)
		*(void **)&calls.timer_create = find_timer_create();
	atomic_store_explicit(&calls_found, 1, memory_order_release);
}

const struct cp_real_calls *cp_real_calls(void)
{
	if (CP_UNLIKELY(!atomic_load_explicit(&calls_found, memory_order_acquire)))
		find_calls();
	return &calls;
}
