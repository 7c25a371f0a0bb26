/* eintr.h - a table of calls that wait, each made many times by a thread of its own while the
 * library ticks: none may end with EINTR, unless the application's own signal came, and then it
 * must. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "test/harm/harm.h"

#define LONG 20000000 /* us: longer than anybody waits here */

struct lane {
	const struct call *call;
	long us;       /* how long the call waits at most */
	unsigned turn; /* how often it has been made */
	int fd[4];     /* whatever open() made */
	pthread_t thread, peer;
	timer_t timer;
	_Atomic int ended, tid;
	int broken, other; /* EINTR of nobody's making; the last error besides */
};

struct call {
	const char *name;
	int times;
	int (*once)(struct lane *);    /* 0, or the errno */
	void (*open)(struct lane *);   /* in the lane's own thread; may be NULL */
	void (*peer)(struct lane *);   /* the other side, until it is told to end; may be NULL */
	void (*finish)(struct lane *); /* tells it */
};

static __thread volatile sig_atomic_t own_signals;

static inline void own_signal(int signal)
{
	(void)signal;
	own_signals++;
}

static inline int failed(long result)
{
	return result < 0 ? errno : 0;
}

static inline struct timespec span(long us)
{
	return (struct timespec){us / 1000000, us % 1000000 * 1000};
}

static inline struct timeval span_us(long us)
{
	return (struct timeval){us / 1000000, us % 1000000};
}

/* For calls that count in milliseconds: mostly none, so that there is time for many. */
static inline int milliseconds(const struct lane *l)
{
	return l->us == LONG ? LONG / 1000 : l->turn % 64 == 0;
}

/* What this thread's calls wait for: a signal of the application's, every so often. */
static inline void sends_itself(struct lane *l, int signal)
{
	struct itimerspec when = {.it_value = {0, 150000}, .it_interval = {0, 150000}};
	struct sigevent event;

	if (l->us == LONG)
		return;
	memset(&event, 0, sizeof event);
	event.sigev_notify = SIGEV_THREAD_ID;
	event.sigev_signo = signal;
	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	HARM_UNLESS(timer_create(CLOCK_MONOTONIC, &event, &l->timer) == 0 &&
			timer_settime(l->timer, 0, &when, NULL) == 0,
		    "no timer");
}

/* Some work of its own before each call, so that a tick may fall anywhere. */
static inline void work(unsigned turn)
{
	for (unsigned i = 0; i < turn * 7919 % 8000; i++)
		__asm__ volatile("" : "+r"(i));
}

static inline void *eintr_lane(void *arg)
{
	struct lane *l = arg;

	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	if (l->call->open)
		l->call->open(l);
	l->tid = (int)syscall(SYS_gettid);
	for (; l->turn < (unsigned)l->call->times; l->turn++) {
		int before = own_signals, error;

		work(l->turn);
		error = l->call->once(l);
		if (error == EINTR && own_signals == before)
			l->broken++;
		else if (error && error != EINTR)
			l->other = error;
	}
	l->ended = 1;
	if (l->timer)
		timer_delete(l->timer);
	return NULL;
}

static inline void *eintr_peer(void *arg)
{
	struct lane *l = arg;

	while (!l->tid)
		usleep(100);
	l->call->peer(l);
	return NULL;
}

/* All at once. Returns how many calls were made. */
static inline unsigned eintr_many(const struct call *calls, size_t n)
{
	struct lane lanes[24];
	unsigned made = 0;
	int broken = 0;

	memset(lanes, 0, sizeof lanes);
	for (size_t i = 0; i < n; i++) {
		lanes[i].call = &calls[i];
		lanes[i].us = 1;
		HARM_UNLESS(pthread_create(&lanes[i].thread, NULL, eintr_lane, &lanes[i]) == 0,
			    "no thread");
		if (calls[i].peer)
			HARM_UNLESS(pthread_create(&lanes[i].peer, NULL, eintr_peer, &lanes[i]) ==
					0,
				    "no thread");
	}
	for (size_t i = 0; i < n; i++) {
		pthread_join(lanes[i].thread, NULL);
		if (calls[i].finish)
			calls[i].finish(&lanes[i]);
		if (calls[i].peer)
			pthread_join(lanes[i].peer, NULL);
		printf("%s: %u calls, %d broken off, other error %d\n", calls[i].name,
		       lanes[i].turn, lanes[i].broken, lanes[i].other);
		HARM_UNLESS(lanes[i].other == 0, "it fails, so nothing is proved");
		broken += lanes[i].broken;
		made += lanes[i].turn;
	}
	HARM_UNLESS(broken == 0, "%d calls of %u were broken off", broken, made);
	return made;
}

/* The application's own signal does break each of them off. */
static inline void eintr_control(const struct call *call)
{
	struct call once = *call;
	struct lane l = {.call = &once, .us = LONG};
	pthread_t thread;
	int sent = 0;

	once.times = 1;
	HARM_UNLESS(pthread_create(&thread, NULL, eintr_lane, &l) == 0, "no thread");
	while (!l.tid)
		usleep(100);
	for (; !l.ended && sent < 5000; sent++) {
		usleep(2000);
		if (!l.ended)
			pthread_kill(thread, SIGUSR1);
	}
	pthread_join(thread, NULL);
	HARM_UNLESS(l.other == 0 && l.broken == 0 && sent, "%s ended by itself, error %d",
		    call->name, l.other);
}

static inline int eintr_main(const struct call *calls, size_t n)
{
	struct sigaction action = {.sa_handler = own_signal};
	unsigned made;

	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGUSR1, &action, NULL);
	made = eintr_many(calls, n);
	for (size_t i = 0; i < n; i++)
		eintr_control(&calls[i]);
	truth_print("calls", made);
	truth_print_cpu();
	return 0;
}
