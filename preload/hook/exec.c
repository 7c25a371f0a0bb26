/* exec.c - the exec family: nothing of ours outlives the image, not even a pending signal. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/attrs.h"
#include "hook/real.h"
#include "signal/itimer.h"
#include "signal/rest.h"
#include "signal/shared.h"
#include "signal/state.h"

#include "hook/law.h"

CP_EXPORT int execveat(int dir, const char *path, char *const argv[], char *const envp[],
		       int flags);

/* What is undone if the exec fails. */
struct before {
	int itimer;
	int marked;
};

/* POSIX timers and their pending signals end with the image; ITIMER_PROF, where it serves, and its
 * signal do not, and would kill the next one: also that of a forked child that is not recorded yet.
 * A vfork child shares our memory, but the recording is not its own to mark: its signals are, and
 * so is what it ignores. */
static struct before prepare(void)
{
	struct before b = {cp_itimer_pause(), 0};

	if (cp_phase() == CP_ASLEEP)
		cp_rest_leave();
	if (cp_phase() == CP_RUNNING && cp_state.wiped->pid == (int32_t)syscall(SYS_getpid)) {
		cp_rest_leave();
		b.marked = 1;
		atomic_store_explicit(&cp_state.rec->ended, CP_ENDED_EXEC, memory_order_release);
	}
	if (cp_shared_now())
		cp_shared_before_exec();
	return b;
}

static int undo(struct before b, int result)
{
	int saved = errno;

	if (cp_shared_now())
		cp_shared_after_failed_exec();
	if (b.marked)
		atomic_store_explicit(&cp_state.rec->ended, CP_RUNNING_ON, memory_order_release);
	if (b.itimer)
		cp_itimer_resume();
	errno = saved;
	return result;
}

CP_EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
	const struct cp_real_calls *real = cp_real_calls();
	struct before b = prepare();

	return undo(b, real->execve(path, argv, envp));
}

CP_EXPORT int execv(const char *path, char *const argv[])
{
	return execve(path, argv, __environ);
}

CP_EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
	const struct cp_real_calls *real = cp_real_calls();
	struct before b = prepare();

	return undo(b, real->execvpe(file, argv, envp));
}

CP_EXPORT int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, __environ);
}

CP_EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
	const struct cp_real_calls *real = cp_real_calls();
	struct before b = prepare();

	return undo(b, real->fexecve(fd, argv, envp));
}

/* glibc has it since 2.34; for an older one's program it is not there to be called. */
CP_EXPORT int execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags)
{
	const struct cp_real_calls *real = cp_real_calls();
	struct before b = prepare();

	if (real->execveat)
		return undo(b, real->execveat(dir, path, argv, envp, flags));
	return undo(b, (int)syscall(SYS_execveat, dir, path, argv, envp, flags));
}

/* ---- the variadic ones: count, copy onto the stack, call their sister ---- */

static size_t count(va_list args)
{
	size_t n = 1;

	while (va_arg(args, char *))
		n++;
	return n;
}

/* argv[0] is `first`; the terminating NULL is copied too. */
static void copy(char **argv, const char *first, size_t n, va_list args)
{
	argv[0] = (char *)first;
	for (size_t i = 1; i <= n; i++)
		argv[i] = va_arg(args, char *);
}

#define COLLECT(argv, first, args)                                                                 \
	va_start(args, first);                                                                     \
	n = count(args);                                                                           \
	va_end(args);                                                                              \
	argv = __builtin_alloca((n + 1) * sizeof *argv);                                           \
	va_start(args, first);                                                                     \
	copy(argv, first, n, args)

CP_EXPORT int execl(const char *path, const char *first, ...)
{
	va_list args;
	char **argv;
	size_t n;

	COLLECT(argv, first, args);
	va_end(args);
	return execve(path, argv, __environ);
}

CP_EXPORT int execlp(const char *file, const char *first, ...)
{
	va_list args;
	char **argv;
	size_t n;

	COLLECT(argv, first, args);
	va_end(args);
	return execvpe(file, argv, __environ);
}

CP_EXPORT int execle(const char *path, const char *first, ...)
{
	va_list args;
	char **argv, **envp;
	size_t n;

	COLLECT(argv, first, args);
	envp = va_arg(args, char **);
	va_end(args);
	return execve(path, argv, envp);
}
