// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: within 40
// harm: cpu burner = 900000000 +-20%
// harm: exit 0
// SPDX-License-Identifier: MIT
// Every thread has blocked everything, and four wait for everything, by signalfd and epoll,
// sigwait, sigwaitinfo and sigtimedwait: what they get is what was sent to them, and the threads
// that burn CPU time are sampled all the same. With a visible signal the ticks arrive here, and the
// burners have no samples: so it is when CP_TICK_SIGNAL is SIGPROF, or 34.
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "test/harm/signals/signals.h"

#define EACH 60

static _Atomic int got[4];
static sigset_t all, ones; /* the second with libc's own, which no call of its would put there */

/* Word n was queued for this waiter as its n-th. */
static void take(int who, int signal, int code, int word)
{
	int signals[] = {SIGPROF, SIGUSR1, SIGRTMIN, SIGRTMAX, SIGALRM};

	HARM_UNLESS(signal == signals[got[who] % 5] && code == SI_QUEUE && word == got[who],
		    "waiter %d got signal %d, code %d, word %d as its number %d", who, signal, code,
		    word, got[who]);
	got[who]++;
}

static void *by_signalfd(void *arg)
{
	int fd = signalfd(-1, &ones, SFD_NONBLOCK), ep = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN};
	struct signalfd_siginfo info;

	HARM_UNLESS(fd >= 0 && ep >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) == 0, "no fd");
	while (got[0] < EACH) {
		int ready = epoll_wait(ep, &event, 1, 5000);

		truth_burn(1);
		HARM_UNLESS(ready >= 0, "epoll_wait: errno %d", errno);
		HARM_UNLESS(ready == 1, "nothing came");
		while (read(fd, &info, sizeof info) == sizeof info)
			take(0, (int)info.ssi_signo, info.ssi_code, info.ssi_int);
	}
	return arg;
}

static void *by_sigwaitinfo(void *arg)
{
	siginfo_t info;

	while (got[1] < EACH) {
		int signal = sigwaitinfo(&all, &info);

		HARM_UNLESS(signal > 0, "sigwaitinfo: errno %d", errno);
		take(1, signal, info.si_code, info.si_value.sival_int);
	}
	return arg;
}

static void *by_sigtimedwait(void *arg)
{
	struct timespec little = {0, 300000};
	siginfo_t info;

	while (got[2] < EACH) {
		int signal;

		truth_burn(1);
		signal = sigtimedwait(&ones, &info, &little);

		if (signal > 0)
			take(2, signal, info.si_code, info.si_value.sival_int);
		else
			HARM_UNLESS(errno == EAGAIN, "sigtimedwait: errno %d", errno);
	}
	return arg;
}

static void *by_sigwait(void *arg)
{
	int signals[] = {SIGPROF, SIGUSR1, SIGRTMIN, SIGRTMAX, SIGALRM}, signal;

	while (got[3] < EACH) {
		HARM_UNLESS(sigwait(&all, &signal) == 0 && signal == signals[got[3] % 5],
			    "sigwait got %d as its number %d", signal, got[3]);
		got[3]++;
	}
	return arg;
}

TRUTH_FRAME static void *burner(void *arg)
{
	sigset_t mask, pending;

	for (int i = 0; i < 30; i++) {
		truth_burn(10);
		sigpending(&pending);
		pthread_sigmask(SIG_SETMASK, NULL, &mask);
		HARM_UNLESS(sigisemptyset(&pending), "pending: %#llx",
			    (unsigned long long)signals_bits(&pending));
		HARM_UNLESS(signals_bits(&mask) == signals_status("SigBlk"), "blocked: %#llx",
			    (unsigned long long)signals_status("SigBlk"));
	}
	TRUTH_STAY();
	return arg;
}

static void send(pthread_t *waiter)
{
	int signals[] = {SIGPROF, SIGUSR1, SIGRTMIN, SIGRTMAX, SIGALRM};
	union sigval word;

	for (int n = 0; n < EACH; n++)
		for (int who = 0; who < 4; who++) {
			word.sival_int = n;
			HARM_UNLESS(pthread_sigqueue(waiter[who], signals[n % 5], word) == 0,
				    "not sent");
			/* The next one only when this one has been taken: else the kernel may
			 * choose which comes first. */
			for (int i = 0; got[who] == n && i < 50000; i++)
				usleep(100);
			HARM_UNLESS(got[who] == n + 1, "waiter %d waits for number %d", who, n);
		}
}

int main(void)
{
	void *(*const waits[])(void *) = {by_signalfd, by_sigwaitinfo, by_sigtimedwait, by_sigwait};
	pthread_t waiter[4], burners[3];

	sigfillset(&all);
	memset(&ones, 0xff, sizeof ones);
	signals_block_all(NULL);
	for (int i = 0; i < 3; i++)
		HARM_UNLESS(pthread_create(&burners[i], NULL, burner, NULL) == 0, "no thread");
	for (int i = 0; i < 4; i++)
		HARM_UNLESS(pthread_create(&waiter[i], NULL, waits[i], NULL) == 0, "no thread");
	send(waiter);
	for (int i = 0; i < 4; i++)
		pthread_join(waiter[i], NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(burners[i], NULL);
	return 0;
}
