// harm: build -rdynamic -fno-builtin -fno-tree-loop-distribute-patterns
// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=512 CONPROF_EXIT_WAIT=5
// harm: run auto
// harm: run libunwind CONPROF_UNWINDER=libunwind
// harm: within 40
// harm: exit 0
// SPDX-License-Identifier: MIT
// A program's own functions stand before libc's for every library in the process: one that defines
// `close`, `clock_gettime` or `strlen` for purposes of its own, or a second preloaded library that
// does (torsocks, faketime, fakechroot, overlays that have a `dlsym`), is called by whoever calls
// libc by name. Here the program has all the names that the library might call, and none of them
// may be called by it; nor is its `environ` the one that exec hands on. It fails when a function of
// preload/libc is left out.
#include "test/harm/loading/names.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

char **environ; /* libc keeps the real one under another name */

static struct {
	const char *name;
	uintptr_t caller;
} calls[4096];
static int used;
static struct {
	uintptr_t start, end;
} ours[16];
static int maps;

static void note(const char *name, void *caller)
{
	for (int i = 0; i < used && i < 4096; i++)
		if (calls[i].caller == (uintptr_t)caller && calls[i].name == name)
			return;
	int i = __atomic_fetch_add(&used, 1, __ATOMIC_RELAXED);
	if (i < 4096) {
		calls[i].name = name;
		calls[i].caller = (uintptr_t)caller;
	}
}

#define NOTED(name) note(#name, __builtin_return_address(0))

#define ONE(type, name, number, parameters, ...)                                                   \
	type name parameters                                                                       \
	{                                                                                          \
		NOTED(name);                                                                       \
		return (type)names_raw(number, __VA_ARGS__);                                       \
	}
#define L(x) ((long)(x))

ONE(int, access, SYS_access, (const char *p, int m), L(p), m, 0, 0, 0, 0)
ONE(int, clock_gettime, SYS_clock_gettime, (clockid_t c, struct timespec *t), c, L(t), 0, 0, 0, 0)
ONE(int, close, SYS_close, (int fd), fd, 0, 0, 0, 0, 0)
ONE(int, connect, SYS_connect, (int fd, const struct sockaddr *a, socklen_t n), fd, L(a), n, 0, 0,
    0)
ONE(int, fstat, SYS_fstat, (int fd, struct stat *s), fd, L(s), 0, 0, 0, 0)
ONE(int, stat, SYS_stat, (const char *p, struct stat *s), L(p), L(s), 0, 0, 0, 0)
ONE(int, ftruncate, SYS_ftruncate, (int fd, off_t n), fd, n, 0, 0, 0, 0)
ONE(pid_t, getpid, SYS_getpid, (void), 0, 0, 0, 0, 0, 0)
ONE(pid_t, getppid, SYS_getppid, (void), 0, 0, 0, 0, 0, 0)
ONE(int, getsockopt, SYS_getsockopt, (int fd, int l, int o, void *v, socklen_t *n), fd, l, o, L(v),
    L(n), 0)
ONE(int, madvise, SYS_madvise, (void *p, size_t n, int a), L(p), L(n), a, 0, 0, 0)
ONE(void *, mmap, SYS_mmap, (void *p, size_t n, int r, int f, int fd, off_t o), L(p), L(n), r, f,
    fd, o)
ONE(int, mprotect, SYS_mprotect, (void *p, size_t n, int r), L(p), L(n), r, 0, 0, 0)
ONE(int, munmap, SYS_munmap, (void *p, size_t n), L(p), L(n), 0, 0, 0, 0)
ONE(ssize_t, read, SYS_read, (int fd, void *p, size_t n), fd, L(p), L(n), 0, 0, 0)
ONE(ssize_t, write, SYS_write, (int fd, const void *p, size_t n), fd, L(p), L(n), 0, 0, 0)
ONE(ssize_t, readlink, SYS_readlink, (const char *p, char *t, size_t n), L(p), L(t), L(n), 0, 0, 0)
ONE(int, sched_yield, SYS_sched_yield, (void), 0, 0, 0, 0, 0, 0)
ONE(ssize_t, sendmsg, SYS_sendmsg, (int fd, const struct msghdr *m, int f), fd, L(m), f, 0, 0, 0)
ONE(int, socket, SYS_socket, (int d, int t, int p), d, t, p, 0, 0, 0)
ONE(int, socketpair, SYS_socketpair, (int d, int t, int p, int v[2]), d, t, p, L(v), 0, 0)

char *getcwd(char *to, size_t room)
{
	NOTED(getcwd);
	return names_raw(SYS_getcwd, L(to), L(room), 0, 0, 0, 0) > 0 ? to : NULL;
}

int open(const char *path, int flags, ...)
{
	NOTED(open);
	return (int)names_raw(SYS_open, L(path), flags, 0, 0, 0, 0);
}

/* With as many arguments as there can be: what was not passed is not looked at. */
long syscall(long number, ...)
{
	va_list args;
	long a[6];

	NOTED(syscall);
	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	return names_raw(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int fcntl(int fd, int command, ...)
{
	va_list args;

	NOTED(fcntl);
	va_start(args, command);
	long more = va_arg(args, long);
	va_end(args);
	return (int)names_raw(SYS_fcntl, fd, command, more, 0, 0, 0);
}

void *mremap(void *at, size_t was, size_t size, int flags, ...)
{
	va_list args;

	NOTED(mremap);
	va_start(args, flags);
	void *to = va_arg(args, void *);
	va_end(args);
	return (void *)names_raw(SYS_mremap, L(at), L(was), L(size), flags, L(to), 0);
}

/* ---- what is no system call ---- */

void *memcpy(void *to, const void *from, size_t n)
{
	NOTED(memcpy);
	for (size_t i = 0; i < n; i++)
		((char *)to)[i] = ((const char *)from)[i];
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	NOTED(memmove);
	for (size_t i = 0; i < n; i++) {
		size_t at = (uintptr_t)to < (uintptr_t)from ? i : n - 1 - i;
		((char *)to)[at] = ((const char *)from)[at];
	}
	return to;
}

void *memset(void *to, int c, size_t n)
{
	NOTED(memset);
	for (size_t i = 0; i < n; i++)
		((char *)to)[i] = (char)c;
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	NOTED(memcmp);
	for (size_t i = 0; i < n; i++)
		if (((const unsigned char *)a)[i] != ((const unsigned char *)b)[i])
			return ((const unsigned char *)a)[i] - ((const unsigned char *)b)[i];
	return 0;
}

void *memchr(const void *p, int c, size_t n)
{
	NOTED(memchr);
	for (size_t i = 0; i < n; i++)
		if (((const char *)p)[i] == (char)c)
			return (char *)L(p) + i;
	return NULL;
}

void *memmem(const void *in, size_t n, const void *what, size_t len)
{
	NOTED(memmem);
	for (size_t i = 0; i + len <= n; i++)
		if (memcmp((const char *)in + i, what, len) == 0)
			return (char *)L(in) + i;
	return NULL;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	NOTED(strlen);
	while (s[n])
		n++;
	return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
	NOTED(strncmp);
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i] || !a[i])
			return (unsigned char)a[i] - (unsigned char)b[i];
	return 0;
}

int strcmp(const char *a, const char *b)
{
	NOTED(strcmp);
	return strncmp(a, b, SIZE_MAX);
}

char *strrchr(const char *s, int c)
{
	char *found = NULL;

	NOTED(strrchr);
	for (;; s++) {
		if (*s == (char)c)
			found = (char *)L(s);
		if (!*s)
			return found;
	}
}

/* ---- what only libc can do ---- */

#define NEXT(name) ((__typeof__(name) *)dlvsym(RTLD_NEXT, #name, NAMES_SINCE_##name))

unsigned long getauxval(unsigned long type)
{
	NOTED(getauxval);
	return NEXT(getauxval)(type);
}

long sysconf(int name)
{
	NOTED(sysconf);
	return NEXT(sysconf)(name);
}

int getpagesize(void)
{
	NOTED(getpagesize);
	return 4096;
}

void *dlsym(void *handle, const char *name)
{
	NOTED(dlsym);
	return NEXT(dlsym)(handle, name);
}

void *dlopen(const char *path, int flags)
{
	NOTED(dlopen);
	return NEXT(dlopen)(path, flags);
}

char *dlerror(void)
{
	NOTED(dlerror);
	return NEXT(dlerror)();
}

int dlinfo(void *handle, int what, void *to)
{
	NOTED(dlinfo);
	return NEXT(dlinfo)(handle, what, to);
}

int dladdr(const void *address, Dl_info *to)
{
	NOTED(dladdr);
	return NEXT(dladdr)(address, to);
}

int dl_iterate_phdr(int (*each)(struct dl_phdr_info *, size_t, void *), void *arg)
{
	NOTED(dl_iterate_phdr);
	return NEXT(dl_iterate_phdr)(each, arg);
}

int pthread_key_create(pthread_key_t *key, void (*end)(void *))
{
	NOTED(pthread_key_create);
	return NEXT(pthread_key_create)(key, end);
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
	NOTED(pthread_setspecific);
	return NEXT(pthread_setspecific)(key, value);
}

int clone(int (*run)(void *), void *stack, int flags, void *arg, ...)
{
	NOTED(clone);
	return NEXT(clone)(run, stack, flags, arg);
}

/* ---- the work, with everything that makes the library act ---- */

static void *work(void *arg)
{
	static void *volatile kept[64];

	for (int i = 0; i < 4000; i++) {
		free(kept[i % 64]);
		kept[i % 64] = realloc(malloc(100), (size_t)(200 + i % 800));
	}
	truth_burn(50);
	return arg;
}

static void forked(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		work(NULL);
		execl("/bin/sh", "sh", "-c", "test -n \"$HOME\"", (char *)NULL);
		_exit(1);
	}
	HARM_UNLESS(waitpid(pid, &status, 0) == pid && status == 0, "a child ended with %#x",
		    (unsigned)status);
}

/* Where the library and what it has brought in lie. */
static void find_ours(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512], path[256];
	unsigned long start, end;

	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %255s", &start, &end, path) != 3)
			continue;
		if (!strstr(path, "libconprof") && !strstr(path, "libunwind"))
			continue;
		HARM_UNLESS(maps < 16, "too many segments");
		ours[maps].start = start;
		ours[maps++].end = end;
	}
	fclose(f);
}

int main(void)
{
	pthread_t thread;
	int wrong = 0;

	HARM_UNLESS(pthread_create(&thread, NULL, work, NULL) == 0, "no thread");
	pthread_join(thread, NULL);
	work(NULL);
	dlclose(dlopen("libm.so.6", RTLD_NOW));
	forked();
	find_ours();
	for (int i = 0; i < used && i < 4096; i++)
		for (int j = 0; j < maps; j++)
			if (calls[i].caller >= ours[j].start && calls[i].caller < ours[j].end) {
				printf("called by the library: %s\n", calls[i].name);
				wrong = 1;
			}
	return wrong;
}
