// harm: with CONPROF_CPU_PROFILERATE=100 CONPROF_HEAP_SAMPLE_INTERVAL=64
// harm: run main main
// harm: run thread thread
// harm: within 60
// harm: alloc_space afterwards = 20000000 +-5%
// harm: inuse_space afterwards = 20000000 +-5%
// harm: cpu burning = printed burnt +-20%
// harm: exit 0
// SPDX-License-Identifier: MIT
// A handler leaves by siglongjmp, again and again, whenever it has interrupted the profiler inside
// a call of malloc. A door that is open only to who leaves by it stays shut from then on, and
// nothing of that thread is seen any more. It fails when cp_apart of signal/apart.c blocks no
// signals.
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <ucontext.h>

#include "test/harm/harm.h"

#define SIGNALS 1500
#define KEPT	20000

static uintptr_t from, to; /* the profiler's code */
static volatile long signals, jumps;
static sigjmp_buf out;
static void *volatile kept[KEPT];

static int find(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size;
	(void)unused;
	for (int i = 0; strstr(info->dlpi_name, "libconprof") && i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_LOAD && (ph->p_flags & PF_X)) {
			from = info->dlpi_addr + ph->p_vaddr;
			to = from + ph->p_memsz;
		}
	}
	return 0;
}

static uintptr_t interrupted(const ucontext_t *uc)
{
#ifdef __x86_64__
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
#else
	return uc->uc_mcontext.pc;
#endif
}

/* Only out of the profiler's own code: malloc itself may not be left so. */
static void on_alarm(int sig, siginfo_t *info, void *uc)
{
	uintptr_t pc = interrupted(uc);

	(void)sig;
	(void)info;
	signals++;
	if (pc >= from && pc < to) {
		jumps++;
		siglongjmp(out, 1);
	}
}

TRUTH_FRAME static void *interrupted_again_and_again(void *arg)
{
	void *volatile block = NULL;

	while (signals < SIGNALS) {
		sigsetjmp(out, 1);
		for (int i = 0; i < 1000 && signals < SIGNALS; i++) {
			block = malloc(200);
			free(block);
		}
	}
	return arg;
}

TRUTH_FRAME static void afterwards(void)
{
	for (int i = 0; i < KEPT; i++)
		kept[i] = malloc(1000);
	TRUTH_STAY();
}

TRUTH_FRAME static void burning(void)
{
	uint64_t before = truth_clock(CLOCK_THREAD_CPUTIME_ID);

	truth_burn(600);
	truth_print("burnt", truth_clock(CLOCK_THREAD_CPUTIME_ID) - before);
}

static void *all(void *arg)
{
	struct itimerval every = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
	sigset_t alarms;

	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	interrupted_again_and_again(arg);
	setitimer(ITIMER_REAL, &never, NULL);
	pthread_sigmask(SIG_BLOCK, &alarms, NULL);
	afterwards();
	burning();
	return arg;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO};
	int in_thread = argc > 1 && strcmp(argv[1], "thread") == 0;
	sigset_t alarms;
	pthread_t thread;

	dl_iterate_phdr(find, NULL);
	sigaction(SIGALRM, &action, NULL);
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarms, NULL);
	if (in_thread) {
		HARM_UNLESS(pthread_create(&thread, NULL, all, NULL) == 0, "no thread");
		pthread_join(thread, NULL);
	} else {
		all(NULL);
	}
	truth_print("jumps", (uint64_t)jumps);
	return jumps == 0 && from;
}
