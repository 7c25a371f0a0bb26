/* signal_interrupted.c - a function that is stopped at its first byte, below a handler in a stack.
 */
/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <ucontext.h>

#include "base/recording.h"
#include "test/unit/own_stacks.h"
#include "test/unit/unit.h"

/* Before the first byte of `stopped` another function ends: who looks one byte back finds that. */
#if defined(__x86_64__)
#define TRAP	 "ud2"
#define TRAP_LEN 2
#else
#define TRAP	 "udf #0"
#define TRAP_LEN 4
#endif
__asm__(".pushsection in_test, \"ax\"\n"
	"before: .cfi_startproc\n ret\n .cfi_endproc\n"
	"stopped: .cfi_startproc\n " TRAP "\n ret\n .cfi_endproc\n"
	".popsection\n");
void stopped(void);

static uint64_t pcs[ROOM];
static size_t got;

static void on_usr1(int sig, siginfo_t *info, void *uc)
{
	unsigned flags = 0;

	(void)sig;
	(void)info;
	got = cp_own_context(uc, pcs, ROOM, &flags);
}

/* As a tick of ours would, that comes in the application's handler. */
static void on_ill(int sig, siginfo_t *info, void *uc)
{
	(void)sig;
	(void)info;
	raise(SIGUSR1);
#if defined(__x86_64__)
	((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP] += TRAP_LEN;
#else
	((ucontext_t *)uc)->uc_mcontext.pc += TRAP_LEN;
#endif
}

static void what_was_interrupted_stands_where_it_is(void **state)
{
	struct sigaction usr1 = {.sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO};
	struct sigaction ill = {.sa_sigaction = on_ill, .sa_flags = SA_SIGINFO};
	const uint64_t at = (uint64_t)(uintptr_t)stopped;
	size_t found = 0;

	(void)state;
	sigaction(SIGUSR1, &usr1, NULL);
	sigaction(SIGILL, &ill, NULL);
	stopped();
	assert_true(got > 4);
	/* all but the first are looked up one byte before */
	for (size_t i = 1; i < got; i++)
		found += pcs[i] - 1 == at;
	assert_int_equal(found, 1);
	for (size_t i = 1; i < got; i++)
		assert_false(pcs[i] == at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_interrupted_stands_where_it_is)};

	know_modules();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
