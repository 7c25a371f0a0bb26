// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: run thread CONPROF_CPU_TIMER=thread
// harm: within 40
// harm: slow
// harm: cpu total = printed cpu_ns +-20%
// harm: exit 0
// SPDX-License-Identifier: MIT
// SIGPROF from everyone who can send it, itself, its threads, a child, a descriptor: each arrives
// once, with the sender's word for it, in the thread it was meant for; none is taken for a tick. It
// fails when ticks are SIGPROF and nothing is handed on. Under ITIMER_PROF they are, and one that
// meets a pending tick may be lost: not run there.
#include <fcntl.h>
#include <sys/wait.h>

#include "test/harm/signals/signals.h"

#define SENT 300

static _Atomic int came, code, value, who_sent, descriptor;
static _Atomic long where;
static _Atomic int stop;

static void informed(int signal, siginfo_t *info, void *context)
{
	HARM_UNLESS(signal == SIGPROF && info->si_signo == SIGPROF && context, "signal %d", signal);
	code = info->si_code;
	value = info->si_value.sival_int;
	who_sent = info->si_pid;
	descriptor = info->si_fd;
	where = syscall(SYS_gettid);
	came++;
}

TRUTH_FRAME static void *busy(void *arg)
{
	while (!stop)
		truth_burn(2);
	return arg;
}

static pid_t tid_of_other;

/* Waits, as the application might: in short sleeps, with calls that are started again. */
static void *other(void *arg)
{
	tid_of_other = (pid_t)syscall(SYS_gettid);
	*(_Atomic int *)arg = 1;
	while (!stop)
		truth_burn(2);
	return NULL;
}

/* One has come, of this code; from a place that may take a while to tell us. */
static void arrived(const char *how, int before, int expected)
{
	for (int i = 0; came == before && i < 4000; i++)
		usleep(500);
	HARM_UNLESS(came == before + 1, "%s: %d came", how, came - before);
	HARM_UNLESS(code == expected, "%s: code %d", how, code);
	HARM_UNLESS(code == SI_KERNEL || code == POLL_IN || who_sent == getpid(), "%s: from %d",
		    how, who_sent);
}

static void to_itself(pthread_t thread)
{
	union sigval word;

	for (int i = 0; i < SENT; i++) {
		int before = came;

		word.sival_int = i * 7919;
		switch (i % 6) {
		case 0:
			raise(SIGPROF);
			HARM_UNLESS(where == getpid(), "raised in %ld", where);
			arrived("raise", before, SI_TKILL);
			break;
		case 1:
			kill(getpid(), SIGPROF);
			arrived("kill", before, SI_USER);
			break;
		case 2:
			sigqueue(getpid(), SIGPROF, word);
			arrived("sigqueue", before, SI_QUEUE);
			HARM_UNLESS(value == word.sival_int, "value %d", value);
			break;
		case 3:
			pthread_kill(thread, SIGPROF);
			arrived("pthread_kill", before, SI_TKILL);
			HARM_UNLESS(where == tid_of_other, "killed in %ld", where);
			break;
		case 4:
			pthread_sigqueue(thread, SIGPROF, word);
			arrived("pthread_sigqueue", before, SI_QUEUE);
			HARM_UNLESS(value == word.sival_int && where == tid_of_other,
				    "value %d in %ld", value, where);
			break;
		default:
			syscall(SYS_tgkill, getpid(), tid_of_other, SIGPROF);
			arrived("tgkill", before, SI_TKILL);
			HARM_UNLESS(where == tid_of_other, "sent to %ld", where);
		}
	}
}

static void from_a_child(void)
{
	int before = came, status, ends[2];
	char c = 0;
	pid_t child;

	HARM_UNLESS(pipe(ends) == 0, "no pipe");
	child = fork();
	if (child == 0) {
		for (int i = 0; i < 50; i++) {
			kill(getppid(), SIGPROF);
			if (read(ends[0], &c, 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	for (int i = 0; i < 50; i++) {
		for (int turn = 0; came == before && turn < 20000; turn++)
			usleep(100);
		HARM_UNLESS(came == before + 1 && code == SI_USER && who_sent == child,
			    "%d came, code %d, from %d", came - before, code, who_sent);
		before = came;
		HARM_UNLESS(write(ends[1], &c, 1) == 1, "no write");
	}
	HARM_UNLESS(waitpid(child, &status, 0) == child && status == 0, "the child: %#x", status);
}

/* A descriptor that becomes readable says so by the signal of our choice. */
static void from_a_descriptor(void)
{
	int ends[2], before = came;
	char c = 0;

	HARM_UNLESS(pipe(ends) == 0 && fcntl(ends[0], F_SETOWN, getpid()) == 0 &&
			fcntl(ends[0], F_SETSIG, SIGPROF) == 0 &&
			fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK) == 0,
		    "no signal by a pipe");
	HARM_UNLESS(write(ends[1], &c, 1) == 1, "no write");
	arrived("a pipe", before, POLL_IN);
	HARM_UNLESS(descriptor == ends[0], "descriptor %d", descriptor);
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = informed, .sa_flags = SA_SIGINFO | SA_RESTART};
	_Atomic int ready = 0;
	pthread_t threads[2];

	HARM_UNLESS(sigaction(SIGPROF, &action, NULL) == 0, "no handler");
	HARM_UNLESS(pthread_create(&threads[0], NULL, busy, NULL) == 0 &&
			pthread_create(&threads[1], NULL, other, (void *)&ready) == 0,
		    "no thread");
	while (!ready)
		usleep(100);
	to_itself(threads[1]);
	from_a_child();
	from_a_descriptor();
	truth_burn(150);
	stop = 1;
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	HARM_UNLESS(came == SENT + 51, "%d came in all", came);
	truth_print_cpu();
	return 0;
}
