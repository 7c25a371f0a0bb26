/* clone.c - libc's clone, hidden: a child on a stack of its own. */
/* SPDX-License-Identifier: MIT */
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "libc/raw.h"

/* The child finds its function and the argument on top of its stack, and ends when that returns.
 * Only for children that share our memory while we wait for them: the thread pointer is ours. */
int clone(int (*run)(void *), void *stack, int flags, void *arg, ...)
{
	uintptr_t *top = stack;

	*--top = (uintptr_t)arg;
	*--top = (uintptr_t)run;
#if defined(__x86_64__)
	register long ptid __asm__("rdx") = 0;
	register long ctid __asm__("r10") = 0;
	register long tls __asm__("r8") = 0;
	long result = SYS_clone;

	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xor %%ebp, %%ebp\n\t"
			 "pop %%rax\n\t"
			 "pop %%rdi\n\t"
			 "call *%%rax\n\t"
			 "mov %%eax, %%edi\n\t"
			 "mov %[exit], %%eax\n\t"
			 "syscall\n\t"
			 "1:"
			 : "+a"(result)
			 : "D"((long)flags), "S"(top), "r"(ptid), "r"(ctid),
			   "r"(tls), [exit] "i"(SYS_exit)
			 : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long number __asm__("x8") = SYS_clone;
	register long result __asm__("x0") = flags;
	register uintptr_t *sp __asm__("x1") = top;
	register long ptid __asm__("x2") = 0;
	register long tls __asm__("x3") = 0;
	register long ctid __asm__("x4") = 0;

	__asm__ volatile("svc #0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x29, #0\n\t"
			 "ldp x1, x0, [sp], #16\n\t"
			 "blr x1\n\t"
			 "mov x8, %[exit]\n\t"
			 "svc #0\n"
			 "1:"
			 : "+r"(result)
			 : "r"(number), "r"(sp), "r"(ptid), "r"(tls),
			   "r"(ctid), [exit] "i"(SYS_exit)
			 : "memory");
#endif
	return (int)cp_answer(result);
}
