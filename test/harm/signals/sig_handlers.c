// harm: build -Wno-deprecated-declarations
// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: run thread CONPROF_CPU_TIMER=thread
// harm: run itimer CONPROF_CPU_TIMER=itimer
// harm: within 40
// harm: cpu worker = 600000000 +-12%
// harm: same
// harm: exit 0
// SPDX-License-Identifier: MIT
// Handlers by every function that installs one, with every flag, and what is read back of them. A
// profiler that ticks by SIGPROF loses its handler to the functions it forgot, or shows its
// own: so what is done to SIGPROF must answer as the same done to SIGUSR2, and as without us. It
// did when ticks were SIGPROF and sigset() took its handler, and does, for the process's timer,
// without any of the fronts in hook/signals.c.
#include "test/harm/signals/signals.h"

typedef void (*handler_t)(int);

static volatile sig_atomic_t came;
static volatile uint64_t blocked;
static uint64_t hidden; /* with SA_ONSTACK ticks wait for the handler's end */
static FILE *out;

static void plain(int signal)
{
	sigset_t mask;

	(void)signal;
	sigprocmask(SIG_SETMASK, NULL, &mask);
	blocked = signals_bits(&mask) & ~hidden;
	came++;
}

static void informed(int signal, siginfo_t *info, void *context)
{
	plain(context && info->si_signo == signal ? signal : -1);
}

TRUTH_FRAME static void worker(void)
{
	truth_burn(10);
	TRUTH_STAY();
}

static const char *name(handler_t handler)
{
	return handler == SIG_DFL			? "default"
	       : handler == SIG_IGN			? "ignored"
	       : handler == plain			? "plain"
	       : handler == (handler_t)(void *)informed ? "informed"
	       : handler == SIG_HOLD			? "held"
	       : handler == SIG_ERR			? "error"
							: "other";
}

/* The same picture for either: the signal itself where SIGPROF is, the other one where SIGUSR2 is.
 */
static uint64_t normal(uint64_t bits, int sig)
{
	uint64_t prof = UINT64_C(1) << (SIGPROF - 1), usr2 = UINT64_C(1) << (SIGUSR2 - 1);
	uint64_t rest = bits & ~(prof | usr2);

	if (sig == SIGPROF)
		return bits;
	return rest | (bits & usr2 ? prof : 0) | (bits & prof ? usr2 : 0);
}

static void read_back(int sig, const char *what)
{
	struct sigaction now;

	HARM_UNLESS(sigaction(sig, NULL, &now) == 0, "not read back");
	fprintf(out, "  %s: %s, flags %#x, mask %#llx\n", what, name(now.sa_handler),
		(unsigned)now.sa_flags,
		(unsigned long long)normal(signals_bits(&now.sa_mask), sig));
}

static void provoke(int sig)
{
	came = 0;
	worker();
	fprintf(out, "  unasked %d", (int)came);
	raise(sig);
	fprintf(out, ", raised %d, blocked %#llx\n", (int)came,
		(unsigned long long)normal(blocked, sig));
}

/* ---- functions ---- */

static handler_t by_sigaction(int sig, handler_t handler)
{
	struct sigaction action = {.sa_handler = handler}, was;

	return sigaction(sig, &action, &was) == 0 ? was.sa_handler : SIG_ERR;
}

extern handler_t ssignal(int sig, handler_t handler);
extern handler_t bsd_signal(int sig, handler_t handler);

static void functions(int sig)
{
	const struct {
		const char *name;
		handler_t (*set)(int, handler_t);
	} ways[] = {{"sigaction", by_sigaction},  {"signal", signal},
		    {"bsd_signal", bsd_signal},	  {"ssignal", ssignal},
		    {"sysv_signal", sysv_signal}, {"sigset", sigset}};

	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		fprintf(out, "%s: was %s\n", ways[i].name, name(ways[i].set(sig, plain)));
		read_back(sig, "set");
		provoke(sig);
		read_back(sig, "after");
		fprintf(out, "  then %s", name(ways[i].set(sig, SIG_IGN)));
		raise(sig);
		fprintf(out, ", %s", name(ways[i].set(sig, SIG_DFL)));
		fprintf(out, ", %s", name(ways[i].set(sig, SIG_DFL)));
		errno = 0;
		if (ways[i].set != sigset) /* which may believe it */
			fprintf(out, ", %s", name(ways[i].set(sig, SIG_ERR)));
		fprintf(out, ", %d\n", errno);
	}
}

/* ---- flags ---- */

static void with_flags(int sig)
{
	const int flags[] = {0,		 SA_RESTART,   SA_NODEFER, (int)SA_RESETHAND, SA_NOCLDSTOP,
			     SA_ONSTACK, SA_NOCLDWAIT, SA_SIGINFO};
	struct sigaction action, was;

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		memset(&action, 0, sizeof action);
		action.sa_flags = flags[i] | flags[(i * 3 + 1) % 8];
		if (i & 1)
			sigaddset(&action.sa_mask, SIGRTMIN + (int)i);
		if (i & 2)
			sigfillset(&action.sa_mask);
		if (action.sa_flags & SA_SIGINFO)
			action.sa_sigaction = informed;
		else
			action.sa_handler = plain;
		hidden = 0;
		if (action.sa_flags & SA_ONSTACK)
			hidden =
			    UINT64_C(1) << 32 |
			    (signals_shared() && sig != SIGPROF ? UINT64_C(1) << (SIGPROF - 1) : 0);
		fprintf(out, "flags %#x: %d", (unsigned)action.sa_flags,
			sigaction(sig, &action, &was));
		fprintf(out, ", was %s, %#x, %#llx\n", name(was.sa_handler), (unsigned)was.sa_flags,
			(unsigned long long)normal(signals_bits(&was.sa_mask), sig));
		read_back(sig, "set");
		provoke(sig);
		read_back(sig, "after");
	}
	hidden = 0;
	signal(sig, SIG_DFL);
}

/* ---- the older functions ---- */

static void older(int sig)
{
	signal(sig, plain);
	came = 0;
	fprintf(out, "sighold %d", sighold(sig));
	raise(sig);
	fprintf(out, ", came %d, sigset: %s", (int)came, name(sigset(sig, SIG_HOLD)));
	fprintf(out, ", came %d, sigrelse %d", (int)came, sigrelse(sig));
	fprintf(out, ", came %d\n", (int)came);
	fprintf(out, "sigset: %s", name(sigset(sig, SIG_HOLD)));
	fprintf(out, ", %s\n", name(sigset(sig, plain)));
	fprintf(out, "sigignore %d\n", sigignore(sig));
	read_back(sig, "set");
	for (int i = 1; i >= 0; i--) {
		signal(sig, plain);
		fprintf(out, "siginterrupt %d\n", siginterrupt(sig, i));
		read_back(sig, "changed");
		if (i && signals_shared()) /* what libc remembers for signal() is not asked */
			continue;
		signal(sig, plain);
		read_back(sig, "set");
	}
	provoke(sig);
	signal(sig, SIG_DFL);
}

static void refused(void)
{
	const int wrong[] = {0, -1, SIGKILL, SIGSTOP, 32, 33, 65, 1000};
	struct sigaction action = {.sa_handler = plain};
	sigset_t set;

	printf("real time: %d to %d\n", SIGRTMIN, SIGRTMAX);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		errno = 0;
		printf("%d: %d %d", wrong[i], sigaction(wrong[i], &action, NULL), errno);
		printf(", %d", sigaction(wrong[i], NULL, NULL));
		printf(", %s %d", name(signal(wrong[i], plain)), errno);
		sigemptyset(&set);
		printf(", %d", sigaddset(&set, wrong[i]));
		printf(", %d\n", sigismember(&set, wrong[i]));
	}
	sigfillset(&set);
	printf("full %llx, libc's own %d %d\n", (unsigned long long)signals_bits(&set),
	       sigismember(&set, 32), sigismember(&set, 33));
}

static char *done_to(int sig)
{
	char *text;
	size_t len;

	out = open_memstream(&text, &len);
	HARM_UNLESS(out, "no memory");
	functions(sig);
	with_flags(sig);
	older(sig);
	fclose(out);
	return text;
}

int main(void)
{
	char *other = done_to(SIGUSR2), *prof = done_to(SIGPROF);

	printf("%s", prof);
	HARM_UNLESS(strcmp(prof, other) == 0, "SIGPROF is not like SIGUSR2:\n%s", other);
	refused();
	for (int i = 0; i < 60 - 30; i++)
		worker();
	return 0;
}
