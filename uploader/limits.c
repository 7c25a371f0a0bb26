/* limits.c - the target's limits, inherited: lifted as far as that is allowed. */
/* SPDX-License-Identifier: MIT */
#include "uploader/limits.h"

#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>

/* libdw alone takes 150 KiB. */
#define STACK (1024 * 1024)

static void lift(void)
{
	static const int all[] = {RLIMIT_AS,	RLIMIT_CPU,    RLIMIT_DATA,
				  RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_STACK};
	struct rlimit limit;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (getrlimit((__rlimit_resource_t)all[i], &limit) == 0) {
			limit.rlim_cur = limit.rlim_max;
			setrlimit((__rlimit_resource_t)all[i], &limit);
		}
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like another */
}

struct job {
	int (*work)(void *);
	void *arg;
	int result;
};

static void *run(void *arg)
{
	struct job *job = arg;

	job->result = job->work(job->arg);
	return NULL;
}

/* The first thread's stack can't be made larger than the limit; another one's can. */
int cp_limits_run(int (*work)(void *), void *arg)
{
	struct job job = {work, arg, 1};
	pthread_attr_t attr;
	pthread_t thread;
	struct rlimit limit;
	sigset_t all;
	size_t size;

	lift();
	pthread_getattr_default_np(&attr);
	pthread_attr_getstacksize(&attr, &size);
	if (size < STACK)
		pthread_attr_setstacksize(&attr, STACK);
	pthread_setattr_default_np(&attr);
	if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= STACK)
		return work(arg);
	if (pthread_create(&thread, &attr, run, &job) != 0)
		return work(arg);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	pthread_join(thread, NULL);
	return job.result;
}
