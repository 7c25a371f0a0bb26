/* seccomp.c - prctl and syscall: a filter is looked at before it is there, and we leave if we must.
 *
 * A program that forbids itself all but a few system calls is killed for ours: by a tick, by a
 * sampled allocation, by a thread that ends. So its filter is asked about each of them
 * (signal/filter.h); what it would not let pass is not done any more (signal/quiet.h). A filter
 * that is installed by an instruction of the program's own is not seen. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/attrs.h"
#include "hook/real.h"
#include "libc/raw.h"
#include "signal/adopt.h"
#include "signal/filter.h"
#include "signal/log.h"
#include "signal/moving.h"
#include "signal/probe.h"
#include "signal/quiet.h"
#include "signal/state.h"

#include "hook/law.h"

#define PAGE	  4096
#define INSNS_MAX 4096 /* the kernel's limit, too */

/* What was done before the program's own call, to be told or undone after it. */
struct step {
	enum cp_leave leave;
	int quiet;
	int log;  /* a descriptor to write to, or -1 */
	int told; /* there was no writing after it */
	const char *why;
};

static int readable(uintptr_t at, size_t n)
{
	for (uintptr_t page = at; page < at + n; page = (page | (PAGE - 1)) + 1)
		if (!cp_readable(page))
			return 0;
	return cp_readable(at + n - 1);
}

/* A program that the kernel may take. */
static const struct sock_fprog *sound(const struct sock_fprog *program)
{
	if (!readable((uintptr_t)program, sizeof *program) || !program->len ||
	    program->len > INSNS_MAX)
		return NULL;
	return readable((uintptr_t)program->filter, program->len * sizeof *program->filter)
		   ? program
		   : NULL;
}

static void tell(struct step *s, const char *what)
{
	struct cp_line line = {0};

	cp_line_add(&line, "conprof: a seccomp filter does not allow ");
	cp_line_add(&line, s->why);
	cp_line_add(&line, what);
	cp_log_write(s->log, &line);
	s->told = 1;
}

static void tell_what_is_left(struct step *s)
{
	tell(s, s->leave == CP_LEAVE_NONE
		    ? ": nothing more is recorded"
		    : ": the recording has no other uploader, nor have children "
		      "a recording");
}

/* ITIMER_PROF must be stopped before an exec, which it outlives: afterwards that would fail. */
static int cannot_be_stopped(const struct sock_fprog *program)
{
	return atomic_load_explicit(&cp_state.itimer_on, memory_order_relaxed) &&
	       !cp_filter_does(program->filter, program->len, "setitimer");
}

/* What a line for the log needs, its file being open. */
static int may_write(const struct sock_fprog *program)
{
	static const char *const needed[] = {"write",	  "close",	    "fstat",
					     "prlimit64", "rt_sigprocmask", "rt_sigaction"};

	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (!cp_filter_allows(program->filter, program->len, needed[i]))
			return 0;
	return 1;
}

/* Who is on the way to an uploader comes back first. */
static int stay_home(void)
{
	int was = (int)atomic_exchange(&cp_state.homeless, 1);

	cp_moving_wait();
	return !was;
}

/* program NULL: strict mode, which allows read, write, exit and the return from a handler. */
static struct step prepare(const struct sock_fprog *program)
{
	struct step s = {.leave = CP_LEAVE_NONE, .log = -1, .why = "more than read and write"};
	const struct cp_recording *rec;
	int late = 0, flush = 0;

	cp_wake();
	rec = cp_state.rec;
	if (cp_phase() == CP_OFF) {
		s.leave = CP_LEAVE_ALL;
		return s;
	}
	if (program) {
		s.leave = cp_filter_judge(program->filter, program->len, &s.why);
		late = may_write(program);
		flush = !cp_filter_allows(program->filter, program->len, "rt_sigreturn");
		if (cannot_be_stopped(program)) {
			s.leave = CP_LEAVE_NONE;
			s.why = "setitimer";
		}
	}
	if (s.leave == CP_LEAVE_ALL)
		return s;
	if (rec && rec->config.log_level >= 2)
		s.log = cp_log_open(&rec->config);
	if (s.leave == CP_LEAVE_HOME)
		s.quiet = stay_home();
	else
		s.quiet = cp_quiet_begin(flush);
	if (s.quiet && s.leave == CP_LEAVE_NONE)
		atomic_store_explicit(&cp_state.rec->silenced, CP_SILENCED_BY_FILTER,
				      memory_order_relaxed);
	if (s.log >= 0 && s.quiet && !late)
		tell_what_is_left(&s);
	if (s.log >= 0 && (!s.quiet || !late)) {
		cp_log_close(s.log);
		s.log = -1;
	}
	return s;
}

/* The call has failed: nothing has changed, so nothing changes for us. */
static void undo(struct step *s, const struct cp_recording *rec)
{
	if (s->quiet && s->leave == CP_LEAVE_HOME)
		atomic_store_explicit(&cp_state.homeless, 0, memory_order_relaxed);
	else if (s->quiet) {
		atomic_store_explicit(&cp_state.rec->silenced, CP_NOT_SILENCED,
				      memory_order_relaxed);
		cp_quiet_end();
	}
	if (s->told && (s->log = cp_log_open(&rec->config)) >= 0)
		tell(s, ", but could not be installed: recording goes on");
}

static void finish(struct step *s, int failed)
{
	int saved = errno;

	if (failed && s->quiet)
		undo(s, cp_state.rec);
	else if (s->log >= 0 && !s->told)
		tell_what_is_left(s);
	if (s->log >= 0)
		cp_log_close(s->log);
	errno = saved;
}

/* prctl(PR_SET_SECCOMP, mode, program) by whichever way it came. */
static int is_install(unsigned long mode, unsigned long *program)
{
	if (mode == SECCOMP_MODE_STRICT) {
		*program = 0;
		return 1;
	}
	return mode == SECCOMP_MODE_FILTER && sound((const void *)*program);
}

CP_EXPORT int prctl(int option, ...)
{
	const struct cp_real_calls *real = cp_real_calls();
	unsigned long a[4], program;
	struct step s;
	va_list args;
	int result;

	va_start(args, option);
	for (int i = 0; i < 4; i++)
		a[i] = va_arg(args, unsigned long);
	va_end(args);
	program = a[1];
	if (option != PR_SET_SECCOMP || !is_install(a[0], &program))
		return real->prctl(option, a[0], a[1], a[2], a[3]);
	s = prepare((const void *)program);
	result = real->prctl(option, a[0], a[1], a[2], a[3]);
	finish(&s, result != 0);
	return result;
}

/* ---- syscall ---- */

/* NOLINTBEGIN(readability-function-size): it has a number and six arguments */

typedef long call(long number, long a, long b, long c, long d, long e, long f);
call cp_seccomp_syscall, cp_seccomp_by_hand;

/* Before the next in line is known. */
long cp_seccomp_by_hand(long number, long a, long b, long c, long d, long e, long f)
{
	return cp_answer(cp_raw(number, a, b, c, d, e, f));
}

/* With TSYNC alone the answer may be the number of a thread that stood in the way. */
static int has_failed(unsigned long flags, long result)
{
	return result < 0 || (result > 0 && (flags & SECCOMP_FILTER_FLAG_TSYNC) &&
			      !(flags & SECCOMP_FILTER_FLAG_NEW_LISTENER));
}

/* seccomp(operation, flags, program), prctl(option, mode, program), each by its number. */
long cp_seccomp_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	call *next = cp_real_syscall ? cp_real_syscall : cp_seccomp_by_hand;
	int by_prctl = number == SYS_prctl;
	unsigned long program = (unsigned long)c, mode = 0, flags = 0;
	struct step s;
	long result;

	if (by_prctl) {
		mode = (int)a == PR_SET_SECCOMP ? (unsigned long)b : 0;
	} else if ((unsigned)a == SECCOMP_SET_MODE_FILTER) {
		mode = SECCOMP_MODE_FILTER;
		flags = (unsigned)b;
	} else if ((unsigned)a == SECCOMP_SET_MODE_STRICT && (unsigned)b == 0 && !c) {
		mode = SECCOMP_MODE_STRICT;
	}
	if (!is_install(mode, &program))
		return next(number, a, b, c, d, e, f);
	s = prepare((const void *)program);
	result = next(number, a, b, c, d, e, f);
	finish(&s, has_failed(flags, result));
	return result;
}

/* The front itself, named syscall by the link: two compares and a jump, in which every register and
 * the argument on the stack stay as they are. */
#if defined(__x86_64__)
_Static_assert(SYS_seccomp == 317 && SYS_prctl == 157, "the numbers below");
__asm__(".pushsection .text\n"
	".p2align 4\n"
	".globl cp_front_syscall\n"
	".type cp_front_syscall, @function\n"
	"cp_front_syscall:\n"
	".cfi_startproc\n"
	"cmpq $317, %rdi\n"
	"je 1f\n"
	"cmpq $157, %rdi\n"
	"je 1f\n"
	"movq cp_real_syscall(%rip), %rax\n"
	"testq %rax, %rax\n"
	"je 2f\n"
	"jmp *%rax\n"
	"1: jmp cp_seccomp_syscall\n"
	"2: jmp cp_seccomp_by_hand\n"
	".cfi_endproc\n"
	".size cp_front_syscall, . - cp_front_syscall\n"
	".popsection\n");
#else
CP_EXPORT call cp_front_syscall;

CP_EXPORT long cp_front_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	call *next = cp_real_syscall;

	if (CP_UNLIKELY(number == SYS_seccomp || number == SYS_prctl))
		return cp_seccomp_syscall(number, a, b, c, d, e, f);
	return next ? next(number, a, b, c, d, e, f) : cp_seccomp_by_hand(number, a, b, c, d, e, f);
}
#endif
/* NOLINTEND(readability-function-size) */
