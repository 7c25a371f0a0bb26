/* signal_filter.c - does our reading of a seccomp filter agree with the kernel's, and what is left?
 */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signal/filter.h"
#include "test/unit/unit.h"

#define PROGRAMS 300
#define LENGTH	 40
#define NR	 offsetof(struct seccomp_data, nr)

static uint32_t seed = 1;

static uint32_t dice(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static struct sock_filter op(unsigned code, unsigned jt, unsigned jf, uint32_t k)
{
	return (struct sock_filter){(uint16_t)code, (uint8_t)jt, (uint8_t)jf, k};
}

/* Any instruction that the kernel's check lets pass, `left` of them still to come. */
static struct sock_filter any(uint32_t left)
{
	static const uint16_t alu[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR,
				       BPF_AND, BPF_XOR, BPF_LSH, BPF_RSH, BPF_NEG};
	static const uint16_t jump[] = {BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET};
	uint16_t how = alu[dice(10)], source = dice(2) ? BPF_X : BPF_K;
	uint32_t k = dice(3) ? dice(40) : dice(0xffffff) << 8;

	switch (dice(10)) {
	case 0:
	case 1:
		return op(BPF_LD | BPF_W | BPF_ABS, 0, 0, 4 * dice(CP_FILTER_WORDS));
	case 2:
		return op((dice(2) ? BPF_LD : BPF_LDX) | BPF_IMM, 0, 0, k);
	case 3:
		return op((dice(2) ? BPF_LD : BPF_LDX) | BPF_W | BPF_LEN, 0, 0, 0);
	case 4:
		return op((dice(2) ? BPF_ST : BPF_STX), 0, 0, dice(BPF_MEMWORDS));
	case 5:
		return op(BPF_MISC | (dice(2) ? BPF_TAX : BPF_TXA), 0, 0, 0);
	case 6:
		if (left > 2)
			return op(BPF_JMP | jump[dice(4)] | source, dice(left - 1), dice(left - 1),
				  k);
		break;
	case 7:
		if (left > 2)
			return op(BPF_JMP | BPF_JA, 0, 0, dice(left - 1));
		break;
	}
	if (source == BPF_K && (how == BPF_LSH || how == BPF_RSH))
		k %= 32;
	if (how == BPF_NEG)
		source = BPF_K;
	if (source == BPF_K && how == BPF_DIV)
		k |= 1;
	return op(BPF_ALU | how | source, 0, 0, k);
}

/* Words of memory are written before any may be read; what comes of getppid is an errno. */
static size_t make(struct sock_filter *code)
{
	size_t n = 0;

	code[n++] = op(BPF_LD | BPF_W | BPF_ABS, 0, 0, NR);
	code[n++] = op(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SYS_getppid);
	code[n++] = op(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
	for (uint32_t i = 0; i < BPF_MEMWORDS; i++)
		code[n++] = op(BPF_ST, 0, 0, i);
	for (uint32_t left = LENGTH; left > 0; left--) {
		code[n++] = any(left);
		if (left < LENGTH / 2 && dice(4) == 0)
			code[n - 1] =
			    op((dice(2) ? BPF_LD : BPF_LDX) | BPF_MEM, 0, 0, dice(BPF_MEMWORDS));
	}
	code[n++] = op(BPF_ALU | BPF_AND | BPF_K, 0, 0, 0x7ff);
	code[n++] = op(BPF_ALU | BPF_OR | BPF_K, 0, 0, SECCOMP_RET_ERRNO);
	code[n++] = op(BPF_RET | BPF_A, 0, 0, 0);
	return n;
}

/* What the kernel makes of it: an errno, or -1 when it killed; -2: it did not take the filter. */
static int kernels(struct sock_filter *code, size_t n)
{
	struct sock_fprog program = {.len = (unsigned short)n, .filter = code};
	struct rlimit none = {0, 0};
	int status, pipes[2], got = -1;
	pid_t pid;

	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &none);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		got = -2;
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
			got =
			    syscall(SYS_getppid, 7L, 1L << 40 | 5, 9L, 0L, -1L, 3L) < 0 ? errno : 0;
		if (write(pipes[1], &got, sizeof got) != sizeof got)
			_exit(1);
		_exit(0);
	}
	close(pipes[1]);
	if (read(pipes[0], &got, sizeof got) != sizeof got)
		got = -1;
	close(pipes[0]);
	waitpid(pid, &status, 0);
	return got;
}

static int ours(const struct sock_filter *code, size_t n)
{
	struct seccomp_data d = {.nr = SYS_getppid,
				 .args = {7, UINT64_C(1) << 40 | 5, 9, 0, ~UINT64_C(0), 3}};
	uint32_t words[CP_FILTER_WORDS], answer;

#if defined(__x86_64__)
	d.arch = AUDIT_ARCH_X86_64;
#else
	d.arch = AUDIT_ARCH_AARCH64;
#endif
	memcpy(words, &d, sizeof words);
	answer = cp_filter_run(code, n, words);
	if ((answer & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ERRNO)
		return -1;
	return (int)(answer & SECCOMP_RET_DATA);
}

/* The instruction pointer is the one thing that can't be known here, so nothing loads it. */
static void hide_pointer(struct sock_filter *code, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (code[i].code == (BPF_LD | BPF_W | BPF_ABS) &&
		    (code[i].k == 8 || code[i].k == 12))
			code[i].k = 0;
}

static void agrees_with_the_kernel(void **state)
{
	struct sock_filter code[LENGTH + 32];
	int answers = 0;

	(void)state;
	for (int i = 0; i < PROGRAMS; i++) {
		size_t n = make(code);
		int theirs;

		hide_pointer(code, n);
		theirs = kernels(code, n);
		assert_int_not_equal(theirs, -2);
		assert_int_equal(ours(code, n), theirs);
		answers += theirs > 0;
	}
	assert_true(answers > PROGRAMS / 4);
}

/* Bytes of no sense are answered by a kill, without a step aside. */
static void takes_anything(void **state)
{
	struct sock_filter *code = malloc(LENGTH * sizeof *code);
	uint32_t data[CP_FILTER_WORDS] = {0};

	(void)state;
	for (int i = 0; i < 200000; i++) {
		for (size_t k = 0; k < LENGTH; k++)
			code[k] =
			    op(dice(0x100), dice(256), dice(256), dice(2) ? dice(80) : ~dice(9));
		cp_filter_run(code, LENGTH, data);
	}
	assert_int_equal(cp_filter_run(code, 0, data), SECCOMP_RET_KILL_PROCESS);
	free(code);
}

/* A filter that answers so to this call, and allows all else. */
static enum cp_leave without(long number, uint32_t answer, const char **why)
{
	struct sock_filter code[] = {
	    op(BPF_LD | BPF_W | BPF_ABS, 0, 0, NR),
	    op(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)number),
	    op(BPF_RET | BPF_K, 0, 0, answer),
	    op(BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW),
	};

	return cp_filter_judge(code, 4, why);
}

static void judges(void **state)
{
	const uint32_t kill = SECCOMP_RET_KILL_PROCESS, no = SECCOMP_RET_ERRNO | EPERM;
	const char *why;

	(void)state;
	assert_int_equal(without(SYS_ptrace, kill, &why), CP_LEAVE_ALL);
	assert_int_equal(without(SYS_getpid, SECCOMP_RET_LOG, &why), CP_LEAVE_ALL);
	assert_int_equal(without(SYS_getpid, kill, &why), CP_LEAVE_NONE);
	assert_string_equal(why, "getpid");
	assert_int_equal(without(SYS_getpid, no, &why), CP_LEAVE_NONE);
	assert_int_equal(without(SYS_rt_sigreturn, SECCOMP_RET_TRAP, &why), CP_LEAVE_NONE);
	assert_int_equal(without(SYS_timer_create, SECCOMP_RET_TRACE, &why), CP_LEAVE_NONE);
	assert_int_equal(without(SYS_timer_create, no, &why), CP_LEAVE_ALL);
	assert_int_equal(without(SYS_memfd_create, kill, &why), CP_LEAVE_HOME);
	assert_string_equal(why, "memfd_create");
	assert_int_equal(without(SYS_memfd_create, no, &why), CP_LEAVE_ALL);
	assert_int_equal(without(SYS_execve, SECCOMP_RET_USER_NOTIF, &why), CP_LEAVE_HOME);
	assert_int_equal(without(SYS_getcwd, kill, &why), CP_LEAVE_ALL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_the_kernel),
					   cmocka_unit_test(takes_anything),
					   cmocka_unit_test(judges)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
