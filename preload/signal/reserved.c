/* reserved.c - the handler of signal 33: our ticks, and libc's own use of it. */
/* SPDX-License-Identifier: MIT */
#include "signal/reserved.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "signal/tick.h"
#include "signal/timer.h"

#include "signal/law.h"

/* The kernel's idea of an action (asm-generic/signal.h; the same on both machines): libc's
 * sigaction() will not hear of this signal. */
struct action {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

/* x86-64 wants to be told the way out of a handler. These are the bytes by which debuggers and
 * unwinders know it; a nop before, since they look one byte ahead of a return address. gdb looks at
 * the bytes only where there is no name, or one with "sigaction" in it. On aarch64 the kernel
 * brings its own. */
#if defined(__x86_64__)
#define HAS_RESTORER 0x04000000ul
void cp_sigaction_restorer(void);
__asm__(".pushsection .text\n"
	".p2align 4\n"
	"nop\n"
	".hidden cp_sigaction_restorer\n"
	".globl cp_sigaction_restorer\n"
	".type cp_sigaction_restorer, @function\n"
	"cp_sigaction_restorer:\n"
	"movq $15, %rax\n"
	"syscall\n"
	".size cp_sigaction_restorer, . - cp_sigaction_restorer\n"
	".popsection\n");
#define RESTORER cp_sigaction_restorer
#else
#define HAS_RESTORER 0ul
#define RESTORER     NULL
#endif

/* Set by the constructor, once ours is there. */
static int taken;

/* What stands behind ours. Written before ours is installed over it, always with the same value. */
static _Atomic(uintptr_t) behind;

static long set(const struct action *action, struct action *before)
{
	return syscall(SYS_rt_sigaction, CP_TICK_SIGNAL, action, before, sizeof action->mask);
}

/* Nobody behind us: then who sends this signal means to end the process. */
static void die_of_it(void)
{
	struct action none = {.handler = NULL};
	uint64_t mask = CP_TICK_SIGNAL_BIT;

	set(&none, NULL);
	syscall(SYS_tgkill, syscall(SYS_getpid), syscall(SYS_gettid), CP_TICK_SIGNAL);
	syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &mask, NULL, sizeof mask);
}

static void hand_on(int sig, siginfo_t *info, void *uc)
{
	uintptr_t handler = atomic_load_explicit(&behind, memory_order_acquire);

	if (handler == (uintptr_t)SIG_IGN)
		return;
	if (handler != (uintptr_t)SIG_DFL)
		((void (*)(int, siginfo_t *, void *))handler)(sig, info, uc);
	else
		die_of_it();
}

static void on_signal(int sig, siginfo_t *info, void *uc)
{
	int saved = errno;
	uint64_t ns;

	if (cp_timer_is_ours(info)) {
		ns = cp_timer_rang(&cp_self, info);
		if (ns || cp_self.rare)
			cp_tick(uc, ns);
	} else
		hand_on(sig, info, uc);
	errno = saved;
}

/* All signals blocked: a tick runs on a scratch stack (signal/stack.h), and libc's handler needs
 * none. */
static int install(void)
{
	struct action ours = {.handler = on_signal,
			      .flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK | HAS_RESTORER,
			      .restorer = RESTORER,
			      .mask = ~UINT64_C(0)};

	return set(&ours, NULL) == 0 ? 0 : -errno;
}

/* 0: ours is there. */
static int look_behind(void)
{
	struct action now;

	if (set(NULL, &now) != 0 || now.handler == on_signal)
		return 0;
	atomic_store_explicit(&behind, (uintptr_t)now.handler, memory_order_release);
	return 1;
}

int cp_reserved_open(void)
{
	uint64_t mask = CP_TICK_SIGNAL_BIT;
	int done;

	if (SIGRTMIN <= CP_TICK_SIGNAL)
		return -EINVAL;
	look_behind();
	/* A parent that blocks it with a call of its own has us start with it blocked, as libc's
	 * first thread would find it. */
	syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &mask, NULL, sizeof mask);
	done = install();
	taken = done == 0;
	return done;
}

void cp_reserved_keep(void)
{
	int saved = errno;

	if (taken && cp_phase() != CP_OFF && look_behind())
		install();
	errno = saved;
}
