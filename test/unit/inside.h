/* inside.h - a process whose root is the workshop, as a container's is a folder of ours. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "encoder/origin.h"
#include "test/unit/workshop.h"

static pid_t inside_pid;
static struct cp_origin *inside; /* NULL: we may make no such process */

/* Without privileges it is its own root in a namespace of its own. */
static inline void inside_live(int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!chroot(dir) || (!unshare(CLONE_NEWUSER) && !chroot(dir)))
		(void)!write(ready, "y", 1);
	close(ready);
	pause();
	_exit(0);
}

static inline void inside_open(void)
{
	int ready[2];
	char word = 'n';
	assert_int_equal(pipe(ready), 0);
	inside_pid = fork();
	if (!inside_pid)
		inside_live(ready[1]);
	close(ready[1]);
	if (inside_pid > 0 && read(ready[0], &word, 1) == 1 && word == 'y')
		inside = cp_origin_new(inside_pid, false);
	close(ready[0]);
}

/* As a group's last act. */
static inline int inside_close(void **state)
{
	cp_origin_drop(inside);
	if (inside_pid > 0) {
		kill(inside_pid, SIGKILL);
		waitpid(inside_pid, NULL, 0);
	}
	return workshop_close(state);
}
