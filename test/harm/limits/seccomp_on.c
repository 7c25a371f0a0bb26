// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=512
// harm: run open open
// harm: run refused refused
// harm: run home home
// harm: run names names
// harm: run process_only process-only
// harm: within 30
// harm: slow
// harm: cpu worker = printed worker_ns +-25%
// harm: alloc_space worker = printed worker_bytes +-25%
// harm: exit 0
// SPDX-License-Identifier: MIT
// Filters under which a profiler may go on: one that allows all, one that the kernel refuses
// (nothing has changed then, for nobody), one that forbids what only a new recording needs (a child
// runs without one), one that forbids to ask for a thread's name, and one that forbids what we do
// not do. Samples are missing when cp_filter_judge of signal/filter.c finds fault with everything,
// or cp_quiet_end of signal/quiet.c is left out.
#include <sys/wait.h>

#include "test/harm/harm.h"
#include "test/harm/limits/filter.h"

static const long homes[] = {SYS_memfd_create, SYS_socket, SYS_connect, SYS_socketpair, SYS_execve};
static const long names[] = {SYS_prctl};
static const long others[] = {SYS_ptrace, SYS_mount, SYS_bpf, SYS_reboot};

TRUTH_FRAME static void worker(void)
{
	uint64_t start = truth_clock(CLOCK_THREAD_CPUTIME_ID);

	for (int i = 0; i < 1000; i++) {
		char *volatile block = malloc(1000);

		block[0] = 1;
		free(block);
	}
	truth_burn(300);
	truth_print("worker_ns", truth_clock(CLOCK_THREAD_CPUTIME_ID) - start);
	truth_print("worker_bytes", 1000000);
}

static long install(struct sock_fprog *program, unsigned flags)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
}

/* Each of these fails in the kernel, the last ones after it has looked at the filter. */
static void refused(void)
{
	static struct filter f;
	struct sock_fprog *program =
	    filter_make(&f, others, 4, SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS);
	struct sock_fprog none = {.len = 4, .filter = NULL};

	HARM_UNLESS(prctl(PR_SET_SECCOMP, 77) == -1 && errno == EINVAL, "mode 77");
	HARM_UNLESS(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) == -1 && errno == EFAULT,
		    "no program");
	HARM_UNLESS(install(&none, 0) == -1 && errno == EINVAL, "no instructions");
	HARM_UNLESS(install((void *)16, 0) == -1 && errno == EFAULT, "a wild address");
	HARM_UNLESS(install(program, 0x8000) == -1 && errno == EINVAL, "flag 0x8000");
	HARM_UNLESS(syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 1, NULL) == -1 && errno == EINVAL,
		    "strict with flags");
	f.code[program->len - 1].code = BPF_ST; /* does not end with an answer */
	HARM_UNLESS(install(program, 0) == -1 && errno == EINVAL, "no end");
	HARM_UNLESS(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) == -1 && errno == EINVAL,
		    "no end, by prctl");
	HARM_UNLESS(syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) == -1 &&
			errno == EINVAL,
		    "no end, by the call of prctl");
	HARM_UNLESS(prctl(PR_GET_SECCOMP) == 0, "there is a filter");
}

static void child(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		truth_burn(50);
		for (int i = 0; i < 1000; i++)
			free(malloc((size_t)i));
		_exit(7);
	}
	HARM_UNLESS(waitpid(pid, &status, 0) == pid && status == 0x700, "the child: %#x",
		    (unsigned)status);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "open";
	static struct filter f;
	long done = 0;

	truth_burn(20);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (strcmp(way, "refused") == 0)
		refused();
	else if (strcmp(way, "home") == 0)
		done = install(
		    filter_make(&f, homes, 5, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW), 0);
	else if (strcmp(way, "names") == 0)
		done = install(
		    filter_make(&f, names, 1, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW), 0);
	else if (strcmp(way, "process-only") == 0)
		done =
		    install(filter_make(&f, others, 4, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW),
			    SECCOMP_FILTER_FLAG_TSYNC);
	else
		done = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
			     filter_make(&f, NULL, 0, 0, SECCOMP_RET_ALLOW));
	HARM_UNLESS(done == 0, "it was not installed: errno %d", errno);
	child();
	worker();
	return 0;
}
