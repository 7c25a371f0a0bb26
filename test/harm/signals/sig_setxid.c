// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: within 40
// harm: slow
// harm: cpu total = printed cpu_ns +-20%
// harm: exit 0
// SPDX-License-Identifier: MIT
// setuid and its kin must change all threads at once, for which libc sends them a signal of its
// own, the one that brings our ticks: every call reaches every thread, also those that have blocked
// everything or are just being made, and sampling goes on. It hangs when hand_on of
// signal/reserved.c does nothing.
#include <grp.h>

#include "test/harm/signals/signals.h"

#define THREADS 4
#define TIMES	50

static _Atomic int stop, made;
static _Atomic long tids[THREADS];

static void *busy(void *arg)
{
	int number = (int)(intptr_t)arg;

	tids[number] = syscall(SYS_gettid);
	while (!stop)
		truth_burn(2);
	return NULL;
}

static void *sleeps(void *arg)
{
	int number = (int)(intptr_t)arg;

	tids[number] = syscall(SYS_gettid);
	while (!stop)
		usleep(1000);
	return NULL;
}

static void *brief(void *arg)
{
	truth_burn(1);
	return arg;
}

static void *maker(void *arg)
{
	while (!stop) {
		pthread_t thread;

		HARM_UNLESS(pthread_create(&thread, NULL, brief, NULL) == 0, "no thread");
		pthread_join(thread, NULL);
		made++;
	}
	return arg;
}

/* Effective user and group of a thread, as the kernel has them. */
static void ids(long tid, unsigned *user, unsigned *group)
{
	char path[64], line[256];
	FILE *status;
	int found = 0;

	snprintf(path, sizeof path, "/proc/self/task/%ld/status", tid);
	status = fopen(path, "r");
	while (status && fgets(line, sizeof line, status))
		found += sscanf(line, "Uid: %*u %u", user) == 1 ||
			 sscanf(line, "Gid: %*u %u", group) == 1;
	HARM_UNLESS(status && fclose(status) == 0 && found == 2, "no status of %ld", tid);
}

static void all_have(unsigned user, unsigned group)
{
	unsigned its_user, its_group;

	for (int i = 0; i < THREADS; i++) {
		ids(tids[i], &its_user, &its_group);
		HARM_UNLESS(its_user == user && its_group == group,
			    "thread %d is %u, %u, not %u, %u", i, its_user, its_group, user, group);
	}
}

int main(void)
{
	unsigned user = geteuid(), group = getegid(), other = user ? user : 65534;
	pthread_t threads[THREADS], making;
	sigset_t before;

	for (int i = 0; i < THREADS; i++) {
		if (i == 1)
			signals_block_all(&before);
		HARM_UNLESS(pthread_create(&threads[i], NULL, i < 3 ? busy : sleeps,
					   (void *)(intptr_t)i) == 0,
			    "no thread");
		if (i == 1)
			pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	HARM_UNLESS(pthread_create(&making, NULL, maker, NULL) == 0, "no thread");
	for (int i = 0; i < THREADS; i++)
		while (!tids[i])
			usleep(100);
	for (int i = 0; i < TIMES; i++) {
		HARM_UNLESS(setegid(other) == 0 && setresuid((uid_t)-1, other, (uid_t)-1) == 0,
			    "errno %d", errno);
		all_have(other, other);
		HARM_UNLESS(seteuid(user) == 0 && setresgid((gid_t)-1, group, (gid_t)-1) == 0,
			    "errno %d", errno);
		all_have(user, group);
		truth_burn(1);
	}
	while (made < 20)
		usleep(1000);
	stop = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_join(making, NULL);
	truth_print_cpu();
	return 0;
}
