// harm: build -lboost_context
// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=1
// harm: run 0 0
// harm: run 2048 2048
// harm: run 8192 8192
// harm: run 16384 16384
// harm: within 40
// harm: alloc_space on_fiber = printed asked +-1%
// harm: exit 0
// SPDX-License-Identifier: MIT
// Fibers, by swapcontext and by boost's fcontext, that allocate with this many bytes of stack left,
// and a signal handler on an alternate stack that does: each allocation is sampled, around each
// stack lies a canary. A profiler that walks the stack on the stack it finds needs 5 KiB of it.
// It dies when cp_apart of signal/apart.c calls its work outright and not by cp_on_stack.
#include <boost/context/detail/fcontext.hpp>
#include <csignal>
#include <cstring>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "test/harm/harm.h"

namespace boost_context = boost::context::detail;

constexpr size_t canary = 16384;
constexpr int fibers = 16, rounds = 200;

static size_t left;    // on each stack, when it allocates
static uint64_t asked; // bytes, by on_fiber
static __thread long handled;

struct Stack {
	unsigned char *base;
	size_t size;

	explicit Stack(size_t bytes) : size(bytes)
	{
		void *at = mmap(nullptr, size + 2 * canary, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		HARM_UNLESS(at != MAP_FAILED, "no memory");
		base = (unsigned char *)at + canary;
		memset(base - canary, 0xa5, canary);
		memset(base + size, 0xa5, canary);
	}
	void check() const
	{
		for (size_t i = 0; i < canary; i++) {
			HARM_UNLESS(base[i - canary] == 0xa5, "byte %zu below a stack", canary - i);
			HARM_UNLESS(base[size + i] == 0xa5, "byte %zu above a stack", i);
		}
	}
};

// What the allocator itself needs must fit, too: small blocks, already carved.
TRUTH_FRAME static void on_fiber(size_t n)
{
	void *volatile block = malloc(n);

	HARM_UNLESS(block, "no memory");
	asked += n;
	free(block);
	TRUTH_STAY();
}

// Goes down to where `left` bytes are left. A tick may come there: the kernel's frame, and ours.
TRUTH_FRAME static void low(const Stack &stack)
{
	auto here = (const unsigned char *)__builtin_frame_address(0);
	size_t kept = left + getauxval(AT_MINSIGSTKSZ) + 1200;

	HARM_UNLESS((size_t)(here - stack.base) > kept, "the stack is too small");
	char *volatile taken = (char *)__builtin_alloca((size_t)(here - stack.base) - kept);

	taken[0] = 1;
	for (size_t n = 8; n < 3000; n *= 2)
		on_fiber(n);
}

// ---- swapcontext ----

static ucontext_t home, contexts[fibers];
static Stack *stacks[fibers];

static void by_swap(int number)
{
	for (;;) {
		low(*stacks[number]);
		swapcontext(&contexts[number], &home);
	}
}

static void swap_all(size_t size)
{
	for (int i = 0; i < fibers; i++) {
		stacks[i] = new Stack(size);
		getcontext(&contexts[i]);
		contexts[i].uc_stack.ss_sp = stacks[i]->base;
		contexts[i].uc_stack.ss_size = size;
		makecontext(&contexts[i], (void (*)())by_swap, 1, i);
	}
	for (int i = 0; i < fibers * rounds; i++)
		swapcontext(&home, &contexts[i % fibers]);
	for (auto stack : stacks)
		stack->check();
}

// ---- boost ----

static void by_jump(boost_context::transfer_t from)
{
	for (;;) {
		low(*(Stack *)from.data);
		from = boost_context::jump_fcontext(from.fctx, nullptr);
	}
}

static void jump_all(size_t size)
{
	boost_context::fcontext_t fiber[fibers];

	for (int i = 0; i < fibers; i++)
		fiber[i] = boost_context::make_fcontext(stacks[i]->base + size, size, by_jump);
	for (int i = 0; i < fibers * rounds; i++)
		fiber[i % fibers] =
		    boost_context::jump_fcontext(fiber[i % fibers], stacks[i % fibers]).fctx;
	for (auto stack : stacks)
		stack->check();
}

// ---- an alternate stack ----

static void on_usr1(int)
{
	on_fiber(24);
	on_fiber(500);
	handled++;
}

static void *alternate(void *arg)
{
	Stack small(getauxval(AT_MINSIGSTKSZ) * 2 + 1200 + left);
	stack_t stack = {};

	stack.ss_sp = small.base;
	stack.ss_size = small.size;
	HARM_UNLESS(sigaltstack(&stack, nullptr) == 0, "no alternate stack");
	free(malloc(100));
	for (long i = 0; i < 1000; i++) {
		raise(SIGUSR1);
		HARM_UNLESS(handled == i + 1, "the handler did not run");
	}
	small.check();
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, nullptr);
	return arg;
}

int main(int, char **argv)
{
	struct sigaction action = {};
	pthread_t thread;

	left = strtoul(argv[1], nullptr, 10);
	size_t size = left + getauxval(AT_MINSIGSTKSZ) + 4096;
	action.sa_handler = on_usr1;
	action.sa_flags = SA_ONSTACK;
	sigaction(SIGUSR1, &action, nullptr);
	swap_all(size);
	jump_all(size);
	HARM_UNLESS(pthread_create(&thread, nullptr, alternate, nullptr) == 0, "no thread");
	pthread_join(thread, nullptr);
	truth_print("asked", asked);
	return 0;
}
