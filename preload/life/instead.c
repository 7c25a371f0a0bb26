/* instead.c - what libunwind is given in place of functions of libc. */
/* SPDX-License-Identifier: MIT */
#include "life/instead.h"

#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "signal/modules.h"
#include "signal/probe.h"
#include "signal/unwind.h"

#if defined(__x86_64__)

/* libc's, as they stood in the slots. Written once, before any of ours can be called. */
static struct {
	int (*pipe2)(int[2], int);
	int (*pipe)(int[2]);
	ssize_t (*read)(int, void *, size_t);
	ssize_t (*write)(int, const void *, size_t);
	int (*close)(int);
	long (*syscall)(long, ...);
	int (*mincore)(void *, size_t, unsigned char *);
	int (*msync)(void *, size_t, int);
	int (*open)(const char *, int, ...);
	int (*stat)(const char *, struct stat *);
	int (*fstat)(int, struct stat *);
	void *(*malloc)(size_t);
	void (*free)(void *);
	int (*sigprocmask)(int, const sigset_t *, sigset_t *);
	int (*dl_iterate_phdr)(int (*)(struct dl_phdr_info *, size_t, void *), void *);
} real;

static int fail(int why)
{
	errno = why;
	return -1;
}

/* libunwind asks again for as long as errno is EINTR, so errno is always set. */
static int probe(const void *address)
{
	if ((uintptr_t)address < 8 || !cp_readable((uintptr_t)address))
		return fail(EFAULT);
	errno = 0;
	return 0;
}

static int our_pipe2(int fd[2], int flags)
{
	return cp_unwind_inside() ? fail(EMFILE) : real.pipe2(fd, flags);
}

static int our_pipe(int fd[2])
{
	return cp_unwind_inside() ? fail(EMFILE) : real.pipe(fd);
}

/* An empty pipe: libunwind is content with it and opens no other. */
static ssize_t our_read(int fd, void *to, size_t n)
{
	return cp_unwind_inside() ? fail(EAGAIN) : real.read(fd, to, n);
}

static ssize_t our_write(int fd, const void *from, size_t n)
{
	if (!cp_unwind_inside())
		return real.write(fd, from, n);
	return probe(from) == 0 ? (ssize_t)n : -1;
}

static int our_close(int fd)
{
	return cp_unwind_inside() ? 0 : real.close(fd);
}

static long our_syscall(long number, ...)
{
	long a[6];
	va_list args;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (!cp_unwind_inside())
		return real.syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (number == SYS_write)
		return our_write((int)a[0], (const void *)a[1], (size_t)a[2]);
	return fail(ENOSYS);
}

static int our_mincore(void *at, size_t n, unsigned char *to)
{
	return cp_unwind_inside() ? probe(at) : real.mincore(at, n, to);
}

static int our_msync(void *at, size_t n, int flags)
{
	return cp_unwind_inside() ? probe(at) : real.msync(at, n, flags);
}

static int our_open(const char *path, int flags, ...)
{
	va_list args;
	unsigned mode;

	va_start(args, flags);
	mode = va_arg(args, unsigned);
	va_end(args);
	return cp_unwind_inside() ? fail(ENOENT) : real.open(path, flags, mode);
}

static int our_stat(const char *path, struct stat *to)
{
	return cp_unwind_inside() ? fail(ENOENT) : real.stat(path, to);
}

static int our_fstat(int fd, struct stat *to)
{
	return cp_unwind_inside() ? fail(EBADF) : real.fstat(fd, to);
}

static void *our_malloc(size_t n)
{
	return cp_unwind_inside() ? NULL : real.malloc(n);
}

/* What others got from malloc and we are asked to free is leaked: malloc's lock may be ours. */
static void our_free(void *block)
{
	if (!cp_unwind_inside())
		real.free(block);
}

/* libunwind blocks all signals around its locks, twice a frame. Mostly they are. */
static int our_sigprocmask(int how, const sigset_t *set, sigset_t *before)
{
	if (!cp_unwind_undisturbed())
		return real.sigprocmask(how, set, before);
	if (before)
		memset(before, 0, sizeof *before);
	return 0;
}

static int our_dl_iterate_phdr(int (*cb)(struct dl_phdr_info *, size_t, void *), void *arg)
{
	return cp_unwind_inside() ? cp_modules_iterate(cb, arg) : real.dl_iterate_phdr(cb, arg);
}

/* need: each group of a letter must have a slot, or this is not the library we know. */
#define SLOT(name, need)                                                                           \
	{                                                                                          \
#name, (void *)our_##name, (void **)&real.name, need                               \
	}
static const struct cp_instead slots[] = {
    SLOT(pipe2, 'p'),	  SLOT(pipe, 'p'),  SLOT(read, 'r'),
    SLOT(write, 'w'),	  SLOT(close, 'c'), SLOT(syscall, 'w'),
    SLOT(mincore, 'm'),	  SLOT(msync, 'm'), SLOT(open, 0),
    SLOT(stat, 0),	  SLOT(fstat, 0),   SLOT(malloc, 0),
    SLOT(sigprocmask, 0), SLOT(free, 0),    SLOT(dl_iterate_phdr, 'd'),
};
#define SLOTS (sizeof slots / sizeof *slots)

const struct cp_instead *cp_instead_of(const char *name, unsigned *met)
{
	for (size_t i = 0; i < SLOTS; i++) {
		if (strcmp(name, slots[i].name) != 0)
			continue;
		*met |= 1u << i;
		return &slots[i];
	}
	return NULL;
}

int cp_instead_is_complete(unsigned found)
{
	for (const char *need = "prwcmd"; *need; need++) {
		int there = 0;

		for (size_t i = 0; i < SLOTS; i++)
			there |= slots[i].need == *need && (found >> i & 1);
		if (!there)
			return 0;
	}
	return 1;
}

#endif
