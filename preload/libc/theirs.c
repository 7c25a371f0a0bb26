/* theirs.c - what only libc can do: its own function is called, not the program's of that name. */
/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

#include "libc/find.h"

/* The library is linked so that its calls of NAME come to __wrap_NAME here; __real_NAME is whatever
 * the process has by that name. */
#define THEIRS(X)                                                                                  \
	X(void *, dlsym, (void *library, const char *name), (library, name))                       \
	X(void *, dlopen, (const char *path, int flags), (path, flags))                            \
	X(char *, dlerror, (void), ())                                                             \
	X(int, dlinfo, (void *library, int what, void *to), (library, what, to))                   \
	X(int, dladdr, (const void *at, Dl_info *to), (at, to))                                    \
	X(int, dl_iterate_phdr, (int (*each)(struct dl_phdr_info *, size_t, void *), void *arg),   \
	  (each, arg))                                                                             \
	X(int, pthread_key_create, (pthread_key_t * key, void (*end)(void *)), (key, end))         \
	X(int, pthread_setspecific, (pthread_key_t key, const void *value), (key, value))          \
	X(unsigned long, getauxval, (unsigned long type), (type))                                  \
	X(int, clock_gettime, (clockid_t clock, struct timespec * to), (clock, to))

#define DECLARE(type, name, parameters, arguments)                                                 \
	type __real_##name parameters;                                                             \
	type __wrap_##name parameters;
#define MEMBER(type, name, parameters, arguments) type(*name) parameters;
#define REAL(type, name, parameters, arguments)	  .name = __real_##name,
#define FIND(type, name, parameters, arguments)                                                    \
	found = cp_libc_find(#name);                                                               \
	if (found)                                                                                 \
		*(void **)&libc.name = found;
#define SKIN(type, name, parameters, arguments)                                                    \
	type __wrap_##name parameters                                                              \
	{                                                                                          \
		if (!atomic_load_explicit(&libc_found, memory_order_acquire))                      \
			find();                                                                    \
		return libc.name arguments;                                                        \
	}

THEIRS(DECLARE)
/* If libc is not where it should be, they stay as the loader has bound them. */
static struct {
	THEIRS(MEMBER)
} libc = {THEIRS(REAL)};
static _Atomic uint32_t libc_found;

/* Two threads that do it at once write the same. */
static void find(void)
{
	void *found;

	THEIRS(FIND)
	atomic_store_explicit(&libc_found, 1, memory_order_release);
}

THEIRS(SKIN)

/* ---- what follows from them ---- */

int getpagesize(void)
{
	return (int)getauxval(AT_PAGESZ);
}

/* Nobody in this library asks for anything else. */
long sysconf(int name)
{
	return name == _SC_PAGESIZE ? getpagesize() : -1;
}
