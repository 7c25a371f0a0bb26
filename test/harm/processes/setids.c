// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=65536
// harm: run thread CONPROF_CPU_TIMER=thread
// harm: run itimer CONPROF_CPU_TIMER=itimer
// harm: within 200
// harm: slow
// harm: exit 0
// SPDX-License-Identifier: MIT
// Six hundred changes of user, group and groups while eight threads work, others are made and end,
// and the process forks: libc tells all threads by signal 33, and waits for each; a profiler that
// takes that signal, or loses one, leaves a thread with rights that it must not have, or the
// process waiting for ever. Each thread asks the kernel all the time for its own rights. It hangs
// when hand_on of signal/reserved.c does nothing.
#include <grp.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

#define THREADS 8
#define CHANGES 600
#define NOBODY	65534u

/* Odd while a change is being made. What is expected is written in between. */
static unsigned epoch, user, group, groups;
static int stop;

static unsigned load(const unsigned *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/* This thread's rights, of which the kernel keeps a copy for each. */
static void check(const char *who)
{
	unsigned before = load(&epoch);
	unsigned real_user = (unsigned)syscall(SYS_geteuid),
		 real_group = (unsigned)syscall(SYS_getegid);
	unsigned count = (unsigned)syscall(SYS_getgroups, 0, NULL);
	unsigned want_user = load(&user), want_group = load(&group), want = load(&groups);

	if (before % 2 || load(&epoch) != before)
		return;
	HARM_UNLESS(real_user == want_user && real_group == want_group && count == want,
		    "%s is %u:%u with %u groups, not %u:%u with %u", who, real_user, real_group,
		    count, want_user, want_group, want);
}

static void *work(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		void *volatile block = malloc(5000);

		truth_burn(1);
		free(block);
		check("a thread");
		if (arg)
			usleep(5000);
	}
	check("a thread at last");
	return arg;
}

static void *brief(void *arg)
{
	check("a new thread");
	return arg;
}

static void *maker(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		pthread_t thread;

		HARM_UNLESS(pthread_create(&thread, NULL, brief, NULL) == 0, "no thread");
		pthread_join(thread, NULL);
		usleep(300);
	}
	return arg;
}

/* A child has the rights of the thread that forks, in the middle of a change perhaps; its own
 * change must not wait for threads that it does not have. */
static void *forker(void *arg)
{
	int status;

	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		pid_t pid = fork();

		if (pid == 0) {
			uid_t now = geteuid();

			_exit(seteuid(0) == 0 && seteuid(NOBODY) == 0 && seteuid(now) == 0 ? 7 : 8);
		}
		HARM_UNLESS(waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
				WEXITSTATUS(status) == 7,
			    "a child ended with %#x", (unsigned)status);
		usleep(2000);
	}
	return arg;
}

static int change(int i)
{
	static const gid_t some[3] = {10, 20, 30};
	int on = i / 6 % 2, done;

	switch (i % 6) {
	case 0:
		done = setegid(on ? NOBODY : 0);
		group = on ? NOBODY : 0;
		return done;
	case 1:
		done = setgroups((size_t)(i % 4), some);
		groups = (unsigned)(i % 4);
		return done;
	case 2:
		return setresgid(0, group, 0);
	case 3:
		user = NOBODY;
		return seteuid(NOBODY);
	case 4:
		return setreuid(0, NOBODY);
	default:
		user = 0;
		return setresuid(0, 0, 0);
	}
}

static void drop(void)
{
	HARM_UNLESS(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0,
		    "not dropped");
	user = group = NOBODY;
	groups = 0;
	HARM_UNLESS(setuid(0) != 0 && seteuid(0) != 0 && setegid(0) != 0, "still root");
	check("the first thread");
}

int main(void)
{
	pthread_t threads[THREADS + 2];

	if (geteuid() != 0) {
		printf("it takes root\n");
		truth_burn(50);
		return 0;
	}
	groups = 0;
	HARM_UNLESS(setgroups(0, NULL) == 0, "no groups");
	for (int i = 0; i < THREADS; i++)
		HARM_UNLESS(pthread_create(&threads[i], NULL, work, i % 2 ? &stop : NULL) == 0,
			    "no thread");
	HARM_UNLESS(pthread_create(&threads[THREADS], NULL, maker, NULL) == 0 &&
			pthread_create(&threads[THREADS + 1], NULL, forker, NULL) == 0,
		    "no thread");
	for (int i = 0; i < CHANGES; i++) {
		__atomic_add_fetch(&epoch, 1, __ATOMIC_SEQ_CST);
		HARM_UNLESS(change(i) == 0, "change %d is refused", i);
		__atomic_add_fetch(&epoch, 1, __ATOMIC_SEQ_CST);
		check("the first thread");
	}
	__atomic_add_fetch(&epoch, 1, __ATOMIC_SEQ_CST);
	stop = 1;
	/* The forker's children must be able to come back: it is gone before rights are dropped. */
	pthread_join(threads[THREADS + 1], NULL);
	drop();
	__atomic_add_fetch(&epoch, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < THREADS + 1; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
