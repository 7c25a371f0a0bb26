// harm: build -Wno-deprecated-declarations
// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: within 40
// harm: same
// harm: exit 0
// SPDX-License-Identifier: MIT
// Masks, and every way to ask for them back: sigprocmask, pthread_sigmask, a handler's context,
// what is pending, getcontext, sigsetjmp, /proc; in threads too, which inherit them. A profiler
// that keeps its signal out of masks behind the application's back is seen here, and one that
// leaves them alone is blocked by them, and pending: so it is when CP_TICK_SIGNAL is SIGPROF.
#include <setjmp.h>
#include <ucontext.h>

#include "test/harm/signals/signals.h"

static uint64_t in_context, in_handler;

static void on_usr1(int signal, siginfo_t *info, void *context)
{
	sigset_t mask;

	(void)signal, (void)info;
	in_context = signals_bits(&((ucontext_t *)context)->uc_sigmask);
	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	truth_burn(3);
	in_handler = signals_bits(&mask);
}

static void ask(const char *when)
{
	sigset_t one, two, pending;
	ucontext_t context;
	sigjmp_buf jump;

	truth_burn(3);
	sigprocmask(SIG_BLOCK, NULL, &one);
	pthread_sigmask(SIG_UNBLOCK, NULL, &two);
	sigpending(&pending);
	getcontext(&context);
	printf("%s: %llx %llx, context %llx, old way %x, pending %llx", when,
	       (unsigned long long)signals_bits(&one), (unsigned long long)signals_bits(&two),
	       (unsigned long long)signals_bits(&context.uc_sigmask), (unsigned)sigblock(0),
	       (unsigned long long)signals_bits(&pending));
	in_context = in_handler = 0;
	raise(SIGUSR1);
	printf(", in a handler %llx %llx", (unsigned long long)in_context,
	       (unsigned long long)in_handler);
	if (sigsetjmp(jump, 1) == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		truth_burn(1);
		siglongjmp(jump, 1);
	}
	sigprocmask(0, NULL, &one);
	printf(", after a jump %llx\n", (unsigned long long)signals_bits(&one));
	signals_show("  in /proc");
}

static void set(const char *what, int how, const int *signals)
{
	sigset_t set, before;
	int result;

	sigemptyset(&set);
	for (; *signals; signals++)
		sigaddset(&set, *signals);
	result = pthread_sigmask(how, &set, &before);
	printf("%s: %d, was %llx\n", what, result, (unsigned long long)signals_bits(&before));
	ask(what);
}

static void *thread(void *arg)
{
	ask(arg);
	set("block USR2 in the thread", SIG_BLOCK, (int[]){SIGUSR2, 0});
	set("one more", SIG_BLOCK, (int[]){SIGRTMAX, 0});
	set("nothing", SIG_SETMASK, (int[]){0});
	return NULL;
}

static void in_a_thread(char *name, const sigset_t *mask)
{
	pthread_attr_t attr;
	pthread_t id;
	sigset_t got;

	pthread_attr_init(&attr);
	if (mask) {
		printf("attribute: %d", pthread_attr_setsigmask_np(&attr, mask));
		printf(" %d, %llx\n", pthread_attr_getsigmask_np(&attr, &got),
		       (unsigned long long)signals_bits(&got));
	}
	HARM_UNLESS(pthread_create(&id, &attr, thread, name) == 0, "no thread");
	pthread_join(id, NULL);
	pthread_attr_destroy(&attr);
}

/* All ones, as only memset makes it: libc takes its own two out on the way. */
static void everything(void)
{
	sigset_t all, now;

	memset(&all, 0xff, sizeof all);
	printf("all ones: %d", sigprocmask(SIG_SETMASK, &all, NULL));
	sigprocmask(SIG_SETMASK, NULL, &now);
	printf(", %d %d\n", sigismember(&now, 32), sigismember(&now, 33));
	ask("all ones");
	in_a_thread("under all ones", NULL);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	ask("full");
	raise(SIGPROF);
	raise(SIGUSR2);
	pthread_kill(pthread_self(), SIGRTMIN + 3);
	ask("full, with three pending");
	in_a_thread("under a full mask", NULL);
	sigemptyset(&all);
	in_a_thread("with an empty mask of its own", &all);
	sigaddset(&all, SIGPROF);
	in_a_thread("with SIGPROF in its own", &all);
}

static void nothing(int signal)
{
	(void)signal;
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO};

	sigaction(SIGUSR1, &action, NULL);
	signal(SIGPROF, nothing);
	signal(SIGUSR2, nothing);
	signal(SIGRTMIN + 3, nothing);
	ask("at first");
	set("SIGPROF", SIG_BLOCK, (int[]){SIGPROF, 0});
	set("SIGRTMIN", SIG_BLOCK, (int[]){SIGRTMIN, SIGTERM, 0});
	set("less", SIG_UNBLOCK, (int[]){SIGTERM, 0});
	in_a_thread("with SIGPROF and SIGRTMIN", NULL);
	set("USR1 itself", SIG_SETMASK, (int[]){SIGUSR1, 0});
	set("none", SIG_SETMASK, (int[]){0});
	sigfillset(&action.sa_mask);
	sigaction(SIGUSR1, &action, NULL);
	ask("a full mask in the handler");
	everything();
	set("none again", SIG_SETMASK, (int[]){0});
	return 0;
}
