/* tracer.h - runs a piece of code in a child, and at one of its system calls kills it, or lets that
 * call fail. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

struct fault {
	long at;   /* the call of this number, from 1; 0: none */
	int error; /* what it returns; 0: everything is killed before it is made */
};

struct traced {
	long calls;  /* that were made, or of a file, where one is to fail */
	long number; /* which call the kill came before */
	int killed, crashed;
	pid_t failing; /* whose call returns the error */
};

/* Calls about files: those that a disk lets fail. */
static int is_about_files(uint64_t number)
{
	static const long calls[] = {
#ifdef SYS_open
	    SYS_open,	SYS_unlink,   SYS_rename,    SYS_mkdir,
#endif
	    SYS_openat, SYS_unlinkat, SYS_renameat,  SYS_renameat2,  SYS_mkdirat, SYS_read,
	    SYS_write,	SYS_pread64,  SYS_pwrite64,  SYS_fsync,	     SYS_close,	  SYS_ftruncate,
	    SYS_fchmod, SYS_flock,    SYS_faccessat, SYS_newfstatat, SYS_fstat,	  SYS_getdents64,
	};
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		if ((long)number == calls[i])
			return 1;
	return 0;
}

/* How often these are made depends on what the heap was like before. A kill at one of them leaves
 * what a kill at the next call leaves. */
static int is_about_memory(uint64_t number)
{
	return number == SYS_brk || number == SYS_mmap || number == SYS_munmap ||
	       number == SYS_mprotect || number == SYS_madvise;
}

/* Errors are put in on x86-64 alone; kills anywhere. */
static int can_fail(void)
{
#if defined(__x86_64__)
	return 1;
#else
	return 0;
#endif
}

static void change_call(pid_t tid, int at_entry, int error)
{
#if defined(__x86_64__)
	struct user_regs_struct regs;
	if (ptrace(PTRACE_GETREGS, tid, 0, &regs))
		return;
	if (at_entry)
		regs.orig_rax = (unsigned long long)-1;
	else
		regs.rax = (unsigned long long)-error;
	ptrace(PTRACE_SETREGS, tid, 0, &regs);
#else
	(void)tid;
	(void)at_entry;
	(void)error;
#endif
}

static void at_call(struct traced *traced, pid_t child, pid_t tid, const struct fault *fault)
{
	struct __ptrace_syscall_info info = {0};
	ptrace(PTRACE_GET_SYSCALL_INFO, tid, (void *)sizeof info, &info);
	if (info.op == PTRACE_SYSCALL_INFO_EXIT && traced->failing == tid) {
		change_call(tid, 0, fault->error);
		traced->failing = 0;
	}
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY ||
	    (fault->error ? !is_about_files(info.entry.nr) : is_about_memory(info.entry.nr)) ||
	    ++traced->calls != fault->at)
		return;
	if (fault->error) {
		change_call(tid, 1, 0);
		traced->failing = tid;
		return;
	}
	traced->killed = 1;
	traced->number = (long)info.entry.nr;
	kill(child, SIGKILL);
}

/* life runs in a child that may have threads. */
static struct traced run_faulty(void (*life)(void), struct fault fault)
{
	struct traced traced = {0};
	int status;
	pid_t tid, child = fork();
	if (!child) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		life();
		_exit(0);
	}
	waitpid(child, &status, 0);
	ptrace(PTRACE_SETOPTIONS, child, 0,
	       PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
	ptrace(PTRACE_SYSCALL, child, 0, 0);
	while ((tid = waitpid(-1, &status, __WALL)) > 0) {
		int sig = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
		if (!sig) {
			traced.crashed |= tid == child && !traced.killed && status != 0;
			continue;
		}
		if (sig == (SIGTRAP | 0x80))
			at_call(&traced, child, tid, &fault);
		int ours = sig == (SIGTRAP | 0x80) || sig == SIGTRAP || sig == SIGSTOP;
		ptrace(PTRACE_SYSCALL, tid, 0, ours ? 0 : sig);
	}
	return traced;
}
