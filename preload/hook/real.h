/* real.h - the functions we stand in front of, as the next object in line defines them. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>

#include "base/attrs.h"

/* Always forwarded to the next allocator (RTLD_NEXT): a pointer is the same thing to us, to the
 * application and to a plugin that frees it behind our back. The table starts full of finders (see
 * real.c), so callers never ask whether it is ready. */
struct cp_real {
	/* A thread's budget, counted from where the machine finds the thread's own words (heap.h);
	 * 0: not known yet, and all goes by the slow path. It stands here because this line of the
	 * cache is read anyhow: what malloc and free touch of ours is this one, one of code, and
	 * the budget. */
	uintptr_t budget_at;
	void *(*malloc)(size_t);
	void (*free)(void *);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void *(*reallocarray)(void *, size_t, size_t);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	void *(*memalign)(size_t, size_t);
	void *(*valloc)(size_t);
	void *(*pvalloc)(size_t);
	size_t (*malloc_usable_size)(void *);
	void (*free_sized)(void *, size_t);
	void (*free_aligned_sized)(void *, size_t, size_t);
	void (*cfree)(void *);
};

extern CP_HIDDEN struct cp_real cp_real;

/* A resolver of an indirect function runs while the loader relocates its own library, which is
 * before ours has its turn: then the table holds offsets, and no thread-local word may be touched.
 */
#define CP_REAL_OFFSETS (1 << 20)
static inline int cp_real_is_blank(void)
{
	return (uintptr_t)cp_real.malloc < CP_REAL_OFFSETS;
}

/* Those that are called seldom are looked up together by the constructor, or by the first call.
 * NULL: this libc has no such function. */
struct cp_real_calls {
	int (*pthread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	int (*pthread_attr_getstacksize)(const pthread_attr_t *, size_t *);
	int (*thrd_create)(thrd_t *, thrd_start_t, void *);
	int (*sigaction)(int, const struct sigaction *, struct sigaction *);
	void (*(*signal)(int, void (*)(int)))(int);
	void (*(*sysv_signal)(int, void (*)(int)))(int);
	void (*(*sigset)(int, void (*)(int)))(int);
	int (*sigignore)(int);
	int (*siginterrupt)(int, int);
	int (*sigaltstack)(const stack_t *, stack_t *);
	int (*setitimer)(__itimer_which_t, const struct itimerval *, struct itimerval *);
	int (*getitimer)(__itimer_which_t, struct itimerval *);
	int (*timer_create)(clockid_t, struct sigevent *, timer_t *);
	int (*dlclose)(void *);
	int (*prctl)(int, ...);
	int (*mlockall)(int);
	int (*execve)(const char *, char *const[], char *const[]);
	int (*execvpe)(const char *, char *const[], char *const[]);
	int (*fexecve)(int, char *const[], char *const[]);
	int (*execveat)(int, const char *, char *const[], char *const[], int);
};

/* NULL before the first look: then a system call is made without libc. */
extern long (*cp_real_syscall)(long, long, long, long, long, long, long);

/* The table, looked up if it is not. From ordinary context. */
const struct cp_real_calls *cp_real_calls(void);

/* Blocks handed out before the real functions are known, or before the loader has so much as
 * relocated this library: all zero, NULL if there are no more. cp_real_early_again is realloc. */
#define CP_EARLY_ALIGN 4096
void *cp_real_early(size_t size, size_t align);
void *cp_real_early_again(void *block, size_t size);
/* Whether a block is one of those. Such a block lies where cp_live_possible says so, so free() asks
 * only for those. size: may be NULL. */
int cp_real_is_early(const void *block, size_t *size);
/* It is not used any more. */
void cp_real_early_free(void *block);
