/* theirs.c - what only libc can do: its own function is called, not the program's of that name. */
/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
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
	X(int, clock_gettime, (clockid_t clock, struct timespec * to), (clock, to))                \
	X(int, __sigaction,                                                                        \
	  (int signal, const struct sigaction *action, struct sigaction *before),                  \
	  (signal, action, before))

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
/* musl has none. */
extern __typeof__(__real___sigaction) __real___sigaction __attribute__((weak));
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

/* Linked in, libc's own would ask for __register_atfork by name. */
extern const char __dso_handle __attribute__((visibility("hidden")));
/* Ours has no start files, whose own this would be: they do nothing at the start and at the end but
 * touch pages. */
__attribute__((weak)) const char __dso_handle = 0;
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	int (*enter)(void (*)(void), void (*)(void), void (*)(void), void *);

	*(void **)&enter = cp_libc_find("__register_atfork");
	return enter ? enter(prepare, parent, child, (void *)&__dso_handle) : ENOSYS;
}

/* musl has none. */
int __wrap_on_exit(void (*call)(int, void *), void *with);

int __wrap_on_exit(void (*call)(int, void *), void *with)
{
	int (*ask)(void (*)(int, void *), void *);

	*(void **)&ask = cp_libc_find("on_exit");
	return ask ? ask(call, with) : -1;
}

int getpagesize(void)
{
	return (int)getauxval(AT_PAGESZ);
}

/* Nobody in this library asks for anything else. */
long sysconf(int name)
{
	return name == _SC_PAGESIZE ? getpagesize() : -1;
}
