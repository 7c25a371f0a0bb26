// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=512
// harm: run strict strict
// harm: run strict_call strict-call
// harm: run prctl prctl
// harm: run prctl_call prctl-call
// harm: run seccomp seccomp
// harm: run libseccomp libseccomp
// harm: run bare bare
// harm: run trap trap
// harm: run errno errno
// harm: run tsync tsync
// harm: run child child
// harm: run itimer tsync CONPROF_CPU_TIMER=itimer
// harm: within 30
// harm: slow
// harm: same
// harm: exit 3
// SPDX-License-Identifier: MIT
// A program that forbids itself all but the few system calls that it still makes, by each of the
// ways there are, while it is sampled sharply. A profiler's tick, its sampled allocation or its
// timer's deletion is then a call too many: the program is killed (SIGSYS, SIGKILL). It is when
// hook/seccomp.c is left out, or cp_quiet_begin of signal/quiet.c does nothing.
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "test/harm/harm.h"
#include "test/harm/limits/filter.h"

#define THREADS 4

static atomic_int go, there;

/* What libc makes of write, malloc, free, the end of a thread (which may look at the kernel's
 * overcommit_memory), the wait for it, and exit. */
static const long few[] = {SYS_write,  SYS_exit,	 SYS_exit_group, SYS_brk,
			   SYS_mmap,   SYS_munmap,	 SYS_mremap,	 SYS_madvise,
			   SYS_futex,  SYS_rt_sigreturn, SYS_mprotect,	 SYS_rt_sigprocmask,
			   SYS_openat, SYS_read,	 SYS_close};
/* For one thread that has its memory already. */
static const long fewest[] = {SYS_write, SYS_exit, SYS_exit_group, SYS_brk, SYS_mmap, SYS_munmap};

TRUTH_FRAME static void churn(int n)
{
	for (int i = 0; i < n; i++) {
		char *volatile block = malloc(600 + (size_t)i % 1000);

		if (block)
			block[0] = 1;
		free(block);
	}
	TRUTH_STAY();
}

static void say(const char *what)
{
	if (write(1, what, strlen(what)) < 0)
		syscall(SYS_exit, 4);
}

/* Without a call: the clock is the vdso's, where there is one, else a loop. */
TRUTH_FRAME static void work(void)
{
	for (int i = 0; i < 200; i++) {
		churn(200);
		for (int k = 0; k < 400000; k++)
			__asm__ volatile("" : "+r"(k));
	}
}

/* As most programs do it; by a library of whose calls none is our own. Where it is missing the test
 * is the same as `seccomp`. */
static long by_libseccomp(struct sock_fprog *program)
{
	void *lib = dlopen("libseccomp.so.2", RTLD_NOW), *made;
	void *(*init)(uint32_t);
	int (*add)(void *, uint32_t, int, unsigned, ...);
	int (*load)(void *);

	if (!lib)
		return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program);
	*(void **)&init = dlsym(lib, "seccomp_init");
	*(void **)&add = dlsym(lib, "seccomp_rule_add");
	*(void **)&load = dlsym(lib, "seccomp_load");
	made = init(SECCOMP_RET_KILL_PROCESS);
	for (size_t i = 0; i < sizeof few / sizeof *few; i++)
		add(made, SECCOMP_RET_ALLOW, (int)few[i], 0);
	return load(made);
}

static void install(const char *way)
{
	static struct filter f;
	int bare = strcmp(way, "bare") == 0;
	uint32_t others = strcmp(way, "trap") == 0    ? SECCOMP_RET_TRAP
			  : strcmp(way, "errno") == 0 ? SECCOMP_RET_ERRNO | EPERM
						      : SECCOMP_RET_KILL_PROCESS;
	struct sock_fprog *program =
	    filter_make(&f, bare ? fewest : few, bare ? 6 : sizeof few / sizeof *few,
			SECCOMP_RET_ALLOW, others);
	long done;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (strcmp(way, "strict") == 0)
		done = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	else if (strcmp(way, "strict-call") == 0)
		done = syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL);
	else if (strcmp(way, "prctl") == 0)
		done = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program);
	else if (strcmp(way, "prctl-call") == 0)
		done = syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program);
	else if (strcmp(way, "libseccomp") == 0)
		done = by_libseccomp(program);
	else
		done = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			       strcmp(way, "tsync") == 0 ? SECCOMP_FILTER_FLAG_TSYNC : 0, program);
	say(done == 0 ? "installed\n" : "not installed\n");
}

static void *thread(void *unused)
{
	(void)unused;
	atomic_fetch_add(&there, 1);
	while (!atomic_load(&go))
		churn(10);
	work();
	return NULL;
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "prctl";
	int tsync = strcmp(way, "tsync") == 0, status;
	pthread_t threads[THREADS];

	churn(1000);
	truth_burn(30);
	if (strcmp(way, "child") == 0) {
		pid_t pid = fork();

		if (pid == 0) {
			install("prctl");
			work();
			_exit(3);
		}
		HARM_UNLESS(waitpid(pid, &status, 0) == pid && status == 0x300, "%#x",
			    (unsigned)status);
		truth_burn(30);
		return 3;
	}
	for (int i = 0; tsync && i < THREADS; i++)
		HARM_UNLESS(pthread_create(&threads[i], NULL, thread, NULL) == 0, "no thread");
	while (tsync && atomic_load(&there) < THREADS) /* libc has calls to make for a new one */
		truth_burn(1);
	truth_burn(10);
	install(way);
	atomic_store(&go, 1);
	work();
	for (int i = 0; tsync && i < THREADS; i++)
		pthread_join(threads[i], NULL);
	say("done\n");
	if (strncmp(way, "strict", 6) == 0)
		syscall(SYS_exit, 3);
	_exit(3);
}
