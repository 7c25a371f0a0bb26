/* calls.c - the table of our system calls. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "signal/filter.h"
#include "signal/reserved.h"

#include "signal/law.h"

#ifndef SYS_close_range /* headers older than Linux 5.9; the same number everywhere */
#define SYS_close_range 436
#endif

/* A call's arguments do nothing, or are refused: invalid descriptors, no address, no length. */
#define BAD   (~UINT64_C(0))
#define HERE  (uint64_t) AT_FDCWD
#define ANON  (MAP_PRIVATE | MAP_ANONYMOUS)
#define START CP_CALL_START, 0
#define MUST  CP_CALL_EVENT, 0
#define MAY   CP_CALL_EVENT, 1
#define HOME  CP_CALL_HOME, 1
#define CALL(name, how, ...)                                                                       \
	{                                                                                          \
#name, SYS_##name, how,                                                            \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

/* First what reads the settings and writes a line of the log. */
const struct cp_call cp_calls[] = {
    CALL(wait4, HOME, BAD, 0, __WCLONE | WNOHANG), /* for the uploader's first parent */
    CALL(openat, HOME, HERE, 0, O_RDWR),	   /* settings, log; /dev/null for the uploader */
    CALL(read, HOME, BAD),			   /* of /proc */
    CALL(fstat, START, BAD),			   /* of the settings' file */
    CALL(mmap, START, 0, 0, PROT_READ | PROT_WRITE, ANON, BAD, 0), /* room for it */
    CALL(munmap, MUST, 0, 0),				   /* likewise; of libunwind's caches */
    CALL(getppid, START, 0),				   /* has the parent told of it already? */
    CALL(prlimit64, HOME, 0, RLIMIT_FSIZE, 0, 0),	   /* how large a file may be */
    CALL(rt_sigprocmask, MUST, SIG_BLOCK, 0, 0, 8),	   /* is this address readable? */
    CALL(rt_sigaction, MUST, CP_TICK_SIGNAL, 0, 0, 8),	   /* whose is the signal now? */
    CALL(write, START, BAD),				   /* a line of the log */
    CALL(close, HOME, BAD),				   /* no descriptor stays */
    CALL(newfstatat, HOME, HERE, 0),			   /* is there such a file? */
    CALL(faccessat, START, HERE, 0),			   /* likewise */
    CALL(readlinkat, HOME, HERE, 0),			   /* whose namespace is it? */
    CALL(uname, START, 0),				   /* how old is the kernel? */
    CALL(getcwd, START, 0, 0),				   /* where it was started */
    CALL(getrandom, HOME, 0, 0, 1),			   /* the recording's token */
    CALL(mprotect, START, 0, 0, PROT_READ),		   /* libunwind's slots */
    CALL(getpid, MUST, 0),				   /* vfork's child is not us */
    CALL(gettid, MUST, 0),				   /* a new thread's number */
    CALL(clock_gettime, MUST, CLOCK_MONOTONIC, 0),	   /* where the vdso has none */
    CALL(clock_gettime, MUST, CLOCK_THREAD_CPUTIME_ID, 0), /* ticks of ITIMER_PROF */
    CALL(futex, MUST, 0, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 0),	  /* libunwind's locks */
    CALL(mmap, MUST, 0, 0, PROT_READ | PROT_WRITE, ANON, BAD, 0), /* libunwind's caches */
    CALL(sched_yield, MAY, 0),					  /* before a fork */
    CALL(process_vm_readv, MAY, 0, 0, 0, 0, 0, 0),		  /* the loader's list */
    CALL(timer_create, MAY, CLOCK_THREAD_CPUTIME_ID, 0, 0),	  /* a thread's ticks */
    CALL(timer_settime, MAY, BAD, 0, 0, 0),			  /* likewise, for a while */
    CALL(timer_settime, MAY, BAD, TIMER_ABSTIME, 0, 0),		  /* likewise, the first time */
    CALL(timer_delete, MAY, BAD),				  /* likewise, at its end */
    CALL(setitimer, MAY, ITIMER_PROF, 1, 0),			  /* where there can be no timer */
    CALL(rt_sigreturn, MUST, 0),				  /* the end of every tick */
    CALL(memfd_create, HOME, 0, 3),				  /* the recording: close, seal */
    CALL(ftruncate, HOME, BAD, 0),				  /* its size */
    CALL(fallocate, HOME, BAD, 0, 0, 0), /* its pages, where memory is strict */
    CALL(mmap, HOME, 0, 0, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, BAD, 0),
    CALL(madvise, HOME, 0, 0, 0),			/* not for core dumps */
    CALL(fcntl, HOME, BAD, 1033, 7),			/* F_ADD_SEALS */
    CALL(fcntl, HOME, BAD, F_DUPFD, 10),		/* the uploader's socket */
    CALL(mremap, HOME, 0, 0, 0, 0, 0),			/* one recording in another's place */
    CALL(munlock, HOME, 0, 0),				/* likewise, after mlockall */
    CALL(mprotect, HOME, 0, 0, PROT_READ | PROT_WRITE), /* likewise */
    CALL(geteuid, HOME, 0),				/* whom to trust */
    CALL(socket, HOME, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
    CALL(connect, HOME, BAD, 0, 0),			      /* to the uploader */
    CALL(getsockopt, HOME, BAD, SOL_SOCKET, SO_PEERCRED),     /* who is it? */
    CALL(sendmsg, HOME, BAD, 0, MSG_NOSIGNAL | MSG_DONTWAIT), /* the recording */
    CALL(socketpair, HOME, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, 0),
    CALL(clone, HOME, CLONE_SIGHAND | CLONE_VFORK, 0), /* starting it; this one is invalid */
    CALL(prctl, HOME, PR_GET_CHILD_SUBREAPER, 0),      /* do orphans come to us? */
    CALL(prctl, HOME, PR_GET_NAME, 0),		       /* what is this thread called? */
    CALL(setsid, HOME, 0),			       /* from here on in its parents */
    CALL(dup3, HOME, BAD, BAD, 0),
    CALL(close_range, HOME, 0xffffffff, 0xffffffff, 0),
    CALL(chdir, HOME, 0),
    CALL(execve, HOME, 0, 0, 0),
    CALL(exit, HOME, 0),
};

const size_t cp_calls_count = sizeof cp_calls / sizeof *cp_calls;
