// harm: build -Wl,-z,now
// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: within 40
// harm: cpu total = printed cpu_ns +-25%
// harm: exit 0
// SPDX-License-Identifier: MIT
// Alternate stacks as small as programs make them: 2048 bytes, which once was enough, and is not
// for the frame that the kernel writes on a machine with wide registers; 8 KiB, with a handler that
// uses most of it. A tick that wants SA_ONSTACK on the first, or comes when the second is nearly
// full, is a SIGSEGV. It is when hook/altstack.c only passes the calls on. What cannot be sampled
// is counted.
#include <sys/auxv.h>
#include <sys/mman.h>

#include "test/harm/signals/signals.h"

#define OLD_MINIMUM 2048
#define OLD_USUAL   8192

static volatile sig_atomic_t handled;
static volatile size_t deep;

static size_t kernels_frame(void)
{
	return getauxval(AT_MINSIGSTKSZ) ? getauxval(AT_MINSIGSTKSZ) : OLD_MINIMUM;
}

static void on_stack(size_t size)
{
	stack_t stack = {.ss_size = size}, now;

	stack.ss_sp =
	    mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	HARM_UNLESS(stack.ss_sp != MAP_FAILED, "no memory");
	HARM_UNLESS(sigaltstack(&stack, NULL) == 0, "no alternate stack: errno %d", errno);
	HARM_UNLESS(sigaltstack(NULL, &now) == 0 && now.ss_sp == stack.ss_sp &&
			now.ss_size == size && now.ss_flags == 0,
		    "another stack than was set");
}

static void no_stack(void)
{
	stack_t none = {.ss_flags = SS_DISABLE}, before;

	HARM_UNLESS(sigaltstack(&none, &before) == 0, "not disabled");
	HARM_UNLESS(!(before.ss_flags & SS_DISABLE), "there was none");
	munmap(before.ss_sp, 16 * 4096);
}

/* Takes all but so much of the stack that it runs on, and stays there. */
static void on_usr1(int signal, siginfo_t *info, void *context)
{
	stack_t now;
	char *here = __builtin_frame_address(0), *volatile taken;

	(void)signal, (void)info, (void)context;
	HARM_UNLESS(sigaltstack(NULL, &now) == 0 && now.ss_flags == SS_ONSTACK, "not on it");
	HARM_UNLESS((size_t)(here - (char *)now.ss_sp) > deep + 256, "no room for that");
	taken = __builtin_alloca((size_t)(here - (char *)now.ss_sp) - deep - 128);
	taken[0] = 1;
	truth_burn(6);
	handled++;
}

/* The old minimum: nothing of the application's ever runs there, and nothing of ours can. */
static void *too_small(void *arg)
{
	on_stack(OLD_MINIMUM);
	truth_burn(100);
	no_stack();
	truth_burn(20);
	return arg;
}

static void *nearly_full(void *arg)
{
	size_t size = kernels_frame() + 2560;

	size = size > OLD_USUAL ? size : OLD_USUAL;
	on_stack(size);
	for (deep = 600; deep < size - kernels_frame() - 1000; deep += 200)
		HARM_UNLESS(raise(SIGUSR1) == 0, "not raised");
	no_stack();
	return arg;
}

/* What was set is what is read back. */
static void unchanged(int signal)
{
	struct sigaction now;

	HARM_UNLESS(sigaction(signal, NULL, &now) == 0 && now.sa_sigaction == on_usr1 &&
			(now.sa_flags & ~0x04000000) == (SA_SIGINFO | SA_ONSTACK) &&
			signals_bits(&now.sa_mask) == UINT64_C(1) << (SIGRTMIN - 1),
		    "flags %#x, mask %#llx", (unsigned)now.sa_flags,
		    (unsigned long long)signals_bits(&now.sa_mask));
}

static void in_thread(void *(*run)(void *))
{
	pthread_t thread;

	HARM_UNLESS(pthread_create(&thread, NULL, run, NULL) == 0, "no thread");
	pthread_join(thread, NULL);
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	sigaddset(&action.sa_mask, SIGRTMIN);
	HARM_UNLESS(sigaction(SIGUSR1, &action, NULL) == 0, "no handler");
	unchanged(SIGUSR1);
	in_thread(nearly_full);
	nearly_full(NULL);
	in_thread(too_small);
	too_small(NULL);
	unchanged(SIGUSR1);
	HARM_UNLESS(sigaction(SIGRTMAX, &action, NULL) == 0, "no handler");
	unchanged(SIGRTMAX);
	HARM_UNLESS(signals_status("SigBlk") == 0, "something is blocked");
	HARM_UNLESS(handled > 10, "only %d handled", (int)handled);
	on_stack(OLD_MINIMUM);
	truth_burn(100);
	truth_print_cpu();
	return 0;
}
