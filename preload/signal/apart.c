/* apart.c - the way to the scratch stack and back, for calls of the application. */
/* SPDX-License-Identifier: MIT */
#include "signal/apart.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "signal/stack.h"

#include "signal/law.h"

/* Blocked, a fault would end the process without a word to its own handler. */
#define BIT(signal) (UINT64_C(1) << ((signal)-1))
#define FAULTS	    (BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGILL) | BIT(SIGFPE) | BIT(SIGTRAP) | BIT(SIGSYS))

struct call {
	struct cp_apart apart;
	void (*work)(const struct cp_apart *, void *);
	void *arg;
};

static void on_scratch(void *arg)
{
	const struct call *call = arg;

	call->work(&call->apart, call->arg);
}

static int behind_the_door(struct call *call)
{
	struct cp_thread *self CP_CLEANUP(cp_leave) = cp_enter();
	struct cp_scratch *scratch CP_CLEANUP(cp_scratch_give) = self ? cp_scratch_take() : NULL;

	call->apart.self = self;
	call->apart.scratch = scratch;
	call->apart.frame = __builtin_frame_address(0);
	if (scratch)
		cp_on_stack(scratch->stack + sizeof scratch->stack, on_scratch, call);
	else if (self)
		on_scratch(call);
	return self != NULL;
}

int cp_apart(void (*work)(const struct cp_apart *, void *), void *arg)
{
	struct call call = {.work = work, .arg = arg};
	uint64_t mask = ~FAULTS, before;
	int saved = errno, blocked, done;

	if (cp_self.inside)
		return 0;
	blocked = syscall(SYS_rt_sigprocmask, SIG_BLOCK, &mask, &before, sizeof mask) == 0;
	done = behind_the_door(&call);
	if (blocked)
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
	errno = saved;
	return done;
}
