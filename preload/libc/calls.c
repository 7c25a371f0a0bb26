/* calls.c - libc's system calls under their own names, hidden: what the library means by `close`.
 */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "libc/raw.h"

/* The first definition of a name in the process is everybody's: a program that has a `close` of its
 * own, or a library beside us that stands in front of it, would be called from our constructor
 * before its own has run, and from our signal handler. And libc's may be the end of the thread, if
 * somebody has cancelled it. Defined in here, these names are bound when the library is linked, and
 * are nobody else's. */
#define CALL(number, ...) cp_answer(FIRST_SIX((number), ##__VA_ARGS__, 0, 0, 0, 0, 0, 0))
#define FIRST_SIX(n, a, b, c, d, e, f, ...)                                                        \
	cp_raw((n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* libc's takes what it is given from the registers, and so does this: what was not passed is handed
 * on unread. Our calls of `syscall` come here by the linker's --wrap, since the library shows one
 * of that name to the world (hook/seccomp.c). */
long __wrap_syscall(long number, ...);

long __wrap_syscall(long number, ...)
{
	long a[6];
	va_list args;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	return CALL(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- files ---- */

int open(const char *path, int flags, ...)
{
	va_list args;
	unsigned mode;

	va_start(args, flags);
	mode = va_arg(args, unsigned);
	va_end(args);
	return (int)CALL(SYS_openat, AT_FDCWD, path, flags, mode);
}

int close(int fd)
{
	return (int)CALL(SYS_close, fd);
}

ssize_t read(int fd, void *to, size_t n)
{
	return CALL(SYS_read, fd, to, n);
}

ssize_t write(int fd, const void *from, size_t n)
{
	return CALL(SYS_write, fd, from, n);
}

int access(const char *path, int mode)
{
	return (int)CALL(SYS_faccessat, AT_FDCWD, path, mode);
}

int stat(const char *path, struct stat *to)
{
	return (int)CALL(SYS_newfstatat, AT_FDCWD, path, to, 0);
}

int fstat(int fd, struct stat *to)
{
	return (int)CALL(SYS_fstat, fd, to);
}

ssize_t readlink(const char *path, char *to, size_t n)
{
	return CALL(SYS_readlinkat, AT_FDCWD, path, to, n);
}

int ftruncate(int fd, off_t size)
{
	return (int)CALL(SYS_ftruncate, fd, size);
}

int fcntl(int fd, int command, ...)
{
	va_list args;
	long more;

	va_start(args, command);
	more = va_arg(args, long);
	va_end(args);
	return (int)CALL(SYS_fcntl, fd, command, more);
}

/* The kernel says how long it is, and shows a folder outside of our root as "(unreachable)". */
char *getcwd(char *to, size_t room)
{
	if (CALL(SYS_getcwd, to, room) < 0)
		return NULL;
	if (to[0] == '/')
		return to;
	errno = ENOENT;
	return NULL;
}

/* ---- memory ---- */

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	return (void *)CALL(SYS_mmap, at, size, protection, flags, fd, offset);
}

int munmap(void *at, size_t size)
{
	return (int)CALL(SYS_munmap, at, size);
}

int mprotect(void *at, size_t size, int protection)
{
	return (int)CALL(SYS_mprotect, at, size, protection);
}

int madvise(void *at, size_t size, int advice)
{
	return (int)CALL(SYS_madvise, at, size, advice);
}

void *mremap(void *at, size_t size, size_t new_size, int flags, ...)
{
	va_list args;
	void *to;

	va_start(args, flags);
	to = va_arg(args, void *);
	va_end(args);
	return (void *)CALL(SYS_mremap, at, size, new_size, flags, to);
}

/* ---- sockets ---- */

int socket(int domain, int type, int protocol)
{
	return (int)CALL(SYS_socket, domain, type, protocol);
}

int socketpair(int domain, int type, int protocol, int pair[2])
{
	return (int)CALL(SYS_socketpair, domain, type, protocol, pair);
}

int connect(int sock, __CONST_SOCKADDR_ARG to, socklen_t len)
{
	return (int)CALL(SYS_connect, sock, to.__sockaddr__, len);
}

ssize_t sendmsg(int sock, const struct msghdr *message, int flags)
{
	return CALL(SYS_sendmsg, sock, message, flags);
}

int getsockopt(int sock, int level, int option, void *value, socklen_t *len)
{
	return (int)CALL(SYS_getsockopt, sock, level, option, value, len);
}

/* ---- processes ---- */

pid_t getpid(void)
{
	return (pid_t)CALL(SYS_getpid);
}

pid_t getppid(void)
{
	return (pid_t)CALL(SYS_getppid);
}

int sched_yield(void)
{
	return (int)CALL(SYS_sched_yield);
}

int uname(struct utsname *to)
{
	return (int)CALL(SYS_uname, to);
}
