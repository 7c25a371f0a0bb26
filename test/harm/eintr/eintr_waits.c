// harm: build -lrt
// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: within 90
// harm: slow
// harm: cpu total = printed cpu_ns +-20%
// harm: exit 0
// SPDX-License-Identifier: MIT
// Waiting for descriptors and for signals: calls that the kernel never starts again, half a million
// of them under a thousand ticks a second. An application that takes EINTR for an error ends here
// with a profiler whose clock ticks while a thread sleeps: it does when arm_own of signal/timer.c
// takes CLOCK_MONOTONIC.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>

#include "test/harm/eintr/eintr.h"

#define TIMES 60000

static void descriptor(struct lane *l)
{
	l->fd[0] = eventfd(0, 0);
	HARM_UNLESS(l->fd[0] >= 0, "no descriptor");
}

static void epoll(struct lane *l)
{
	struct epoll_event event = {.events = EPOLLIN};

	descriptor(l);
	l->fd[1] = epoll_create1(0);
	HARM_UNLESS(epoll_ctl(l->fd[1], EPOLL_CTL_ADD, l->fd[0], &event) == 0, "no epoll");
}

static int do_poll(struct lane *l)
{
	struct pollfd p = {.fd = l->fd[0], .events = POLLIN};

	return failed(poll(&p, 1, milliseconds(l)));
}

static int do_ppoll(struct lane *l)
{
	struct pollfd p = {.fd = l->fd[0], .events = POLLIN};
	struct timespec t = span(l->us);
	sigset_t none;

	sigemptyset(&none);
	return failed(ppoll(&p, 1, &t, l->turn % 2 ? &none : NULL));
}

static int do_select(struct lane *l)
{
	struct timeval t = span_us(l->us);
	fd_set set;

	FD_ZERO(&set);
	FD_SET(l->fd[0], &set);
	return failed(select(l->fd[0] + 1, &set, NULL, NULL, &t));
}

static int do_pselect(struct lane *l)
{
	struct timespec t = span(l->us);
	sigset_t none;
	fd_set set;

	sigemptyset(&none);
	FD_ZERO(&set);
	FD_SET(l->fd[0], &set);
	return failed(pselect(l->fd[0] + 1, &set, NULL, NULL, &t, l->turn % 2 ? &none : NULL));
}

static int do_epoll_wait(struct lane *l)
{
	struct epoll_event event;

	return failed(epoll_wait(l->fd[1], &event, 1, milliseconds(l)));
}

static int do_epoll_pwait(struct lane *l)
{
	struct epoll_event event;
	sigset_t none;

	sigemptyset(&none);
	return failed(epoll_pwait(l->fd[1], &event, 1, milliseconds(l), &none));
}

/* Linux 5.11. Where there is none, its older sister again. */
static int do_epoll_pwait2(struct lane *l)
{
	struct timespec t = span(l->us);
	struct epoll_event event;
	int error = ENOSYS;

#ifdef SYS_epoll_pwait2
	error = failed(syscall(SYS_epoll_pwait2, l->fd[1], &event, 1, &t, NULL, 0));
#endif
	return error == ENOSYS ? do_epoll_pwait(l) : error;
}

static void usr1_by_timer(struct lane *l)
{
	sends_itself(l, SIGUSR1);
}

static int do_pause(struct lane *l)
{
	(void)l;
	return failed(pause());
}

static void usr1_blocked(struct lane *l)
{
	sigset_t usr1;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	sends_itself(l, SIGUSR1);
}

static int do_sigsuspend(struct lane *l)
{
	sigset_t none;

	(void)l;
	sigemptyset(&none);
	return failed(sigsuspend(&none));
}

static void usr2_blocked(struct lane *l)
{
	sigset_t usr2;

	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &usr2, NULL);
	sends_itself(l, SIGUSR2);
}

static int do_sigwaitinfo(struct lane *l)
{
	sigset_t usr2;

	(void)l;
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	return failed(sigwaitinfo(&usr2, NULL));
}

static int do_sigtimedwait(struct lane *l)
{
	struct timespec t = span(l->us);
	sigset_t usr2;
	int error;

	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	error = failed(sigtimedwait(&usr2, NULL, &t));
	return error == EAGAIN ? 0 : error;
}

int main(void)
{
	const struct call calls[] = {
	    {"poll", TIMES, do_poll, descriptor, NULL, NULL},
	    {"ppoll", TIMES, do_ppoll, descriptor, NULL, NULL},
	    {"select", TIMES, do_select, descriptor, NULL, NULL},
	    {"pselect", TIMES, do_pselect, descriptor, NULL, NULL},
	    {"epoll_wait", TIMES, do_epoll_wait, epoll, NULL, NULL},
	    {"epoll_pwait", TIMES, do_epoll_pwait, epoll, NULL, NULL},
	    {"epoll_pwait2", TIMES, do_epoll_pwait2, epoll, NULL, NULL},
	    {"pause", 8000, do_pause, usr1_by_timer, NULL, NULL},
	    {"sigsuspend", 8000, do_sigsuspend, usr1_blocked, NULL, NULL},
	    {"sigwaitinfo", 8000, do_sigwaitinfo, usr2_blocked, NULL, NULL},
	    {"sigtimedwait", TIMES, do_sigtimedwait, usr2_blocked, NULL, NULL},
	};

	return eintr_main(calls, sizeof calls / sizeof *calls);
}
