/* run.c - `conprof run`: sets the environment, runs the app, says where its profiles went. */
/* SPDX-License-Identifier: MIT */
#include "uploader/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "uploader/await.h"
#include "uploader/ending.h"
#include "uploader/options.h"

#define LIBRARY "libconprof.so"

/* Beside the program: the build directory; ../lib/conprof and ../lib: installed. */
static int find_library(char *path, size_t len)
{
	static const char *const places[] = {"/" LIBRARY, "/../lib/conprof/" LIBRARY,
					     "/../lib/" LIBRARY};
	char self[4096], candidate[4200];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n <= 0)
		return -errno;
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		snprintf(candidate, sizeof candidate, "%s%s", self, places[i]);
		char *real = realpath(candidate, NULL);
		if (!real)
			continue;
		int n_real = snprintf(path, len, "%s", real);
		free(real);
		return n_real > 0 && (size_t)n_real < len ? 0 : -ENAMETOOLONG;
	}
	return -ENOENT;
}

/* One thread here: the environment is ours. */
static int set_preload(void)
{
	char library[4096];
	struct cp_text value = {0};
	int error = find_library(library, sizeof library);
	if (error) {
		fprintf(stderr, "conprof run: " LIBRARY " is not beside this program: %s\n",
			cp_text_error(error));
		return error;
	}
	if (strpbrk(library, " :")) {
		fprintf(stderr,
			"conprof run: %s: LD_PRELOAD takes no path with a blank or a colon\n",
			library);
		return -EINVAL;
	}
	const char *old = getenv("LD_PRELOAD"); // NOLINT(concurrency-mt-unsafe)
	cp_text_add(&value, library);
	if (old && *old)
		cp_text_addf(&value, ":%s", old);
	error = value.failed || setenv("LD_PRELOAD", value.data, 1) ? -ENOMEM : 0; // NOLINT
	cp_text_free(&value);
	return error;
}

static const int forwarded[] = {SIGTERM, SIGINT,  SIGHUP,  SIGQUIT,  SIGUSR1,
				SIGUSR2, SIGCONT, SIGALRM, SIGWINCH, SIGTSTP};

static void waited_signals(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < sizeof forwarded / sizeof forwarded[0]; i++)
		sigaddset(set, forwarded[i]);
	sigaddset(set, SIGCHLD);
}

static pid_t start(char **command, const sigset_t *old)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	pthread_sigmask(SIG_SETMASK, old, NULL);
	execvp(command[0], command);
	int error = errno;
	fprintf(stderr, "conprof run: %s: %s\n", command[0], cp_text_error(error));
	_exit(error == ENOENT ? 127 : 126);
}

/* The terminal sends its signals to the whole foreground group, the app included: only what came
 * from a process is passed on. */
static void forward(pid_t pid, const siginfo_t *info)
{
	if (info->si_signo == SIGCHLD || info->si_code == SI_KERNEL)
		return;
	kill(pid, info->si_signo);
}

/* Whether it has ended. It stays a zombie: of one the uploader can learn, on every kernel, how it
 * ended. */
static int has_ended(pid_t pid)
{
	siginfo_t info = {.si_pid = 0};
	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG))
		return errno != EINTR;
	return info.si_pid == pid;
}

#define LOOK_MS	 100u /* for the uploader; then rarer and rarer: perhaps there will never be one */
#define LOOK_MAX 12800u

/* Until the app ends; meanwhile its uploader is looked for, so that it is known at the end. */
static void supervise(pid_t pid, const sigset_t *set, struct cp_await *await)
{
	unsigned ms = LOOK_MS;
	for (;;) {
		siginfo_t info;
		if (has_ended(pid))
			return;
		if (!await->name[0])
			cp_await_find(await);
		struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
		if (await->name[0])
			wait = (struct timespec){.tv_sec = 60};
		ms = ms < LOOK_MAX ? ms * 2 : ms;
		if (sigtimedwait(set, &info, &wait) > 0)
			forward(pid, &info);
	}
}

/* The exit status; -1: there is none. */
static int ended_with(pid_t pid)
{
	siginfo_t info = {.si_code = 0};
	int known = !waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG);
	return known && info.si_code == CLD_EXITED ? info.si_status : -1;
}

static int reap(pid_t pid)
{
	int status = 0;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 0;
	return status;
}

/* What a shell says of it; and what it can't, because only the uploader knows. */
static void tell_end(const struct cp_await *await, int status)
{
	struct cp_ending ending;
	char text[CP_ENDING_TEXT];
	cp_ending_of_status(status, &ending);
	if (ending.how != CP_END_SIGNAL)
		return;
	ending.oom = cp_await_oom(await);
	cp_ending_text(&ending, text);
	fprintf(stderr, "conprof: the program was ended by %s\n", text);
}

/* As the app ended, so do we: by the same signal, but without a second core. */
static int end_like(int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	int number = WTERMSIG(status);
	struct rlimit none = {0};
	sigset_t one;
	setrlimit(RLIMIT_CORE, &none);
	signal(number, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, number);
	raise(number);
	pthread_sigmask(SIG_UNBLOCK, &one, NULL);
	return 128 + number;
}

int cp_run_main(char **args)
{
	struct cp_options options;
	struct cp_await await = {0};
	sigset_t set, old;
	int error = cp_options_parse(args, &options);
	if (error)
		return error;
	if (set_preload())
		return 1;
	waited_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	await.since_ns = cp_text_monotonic();
	await.pid = start(options.command, &old);
	if (await.pid < 0) {
		fprintf(stderr, "conprof run: fork: %s\n", cp_text_error(errno));
		return 1;
	}
	supervise(await.pid, &set, &await);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	/* 126 and 127: the app was never started, which was said already */
	int never = ended_with(await.pid) >= 126 && !await.name[0];
	if (!never)
		cp_await_delivery(&await, options.wait_s < 0 ? 15 : options.wait_s, options.quiet);
	int status = reap(await.pid);
	if (!options.quiet)
		tell_end(&await, status);
	cp_await_free(&await);
	return end_like(status);
}
