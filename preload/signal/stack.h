/* stack.h - running a function on another stack, so that the application's need not have room. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

/* Calls run(arg) with the stack pointer at `top` (16-byte aligned), and comes back. The frames
 * below can't be walked past this one, so what unwinds must start from a context. Runs anywhere;
 * all signals must be blocked, since a handler of the application would run on this stack, too. */
static inline void cp_on_stack(void *top, void (*run)(void *), void *arg)
{
#if defined(__x86_64__)
	__asm__ volatile("movq %%rsp, %%rbx\n\t"
			 "movq %[top], %%rsp\n\t"
			 "callq *%[run]\n\t"
			 "movq %%rbx, %%rsp"
			 : [top] "+r"(top), [run] "+r"(run), "+D"(arg)
			 :
			 : "rbx", "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "cc",
			   "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
			   "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
#elif defined(__aarch64__)
	register void *x0 __asm__("x0") = arg;

	__asm__ volatile("mov x19, sp\n\t"
			 "mov sp, %[top]\n\t"
			 "blr %[run]\n\t"
			 "mov sp, x19"
			 : "+r"(x0)
			 : [top] "r"(top), [run] "r"(run)
			 : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",
			   "x12", "x13", "x14", "x15", "x16", "x17", "x19", "x30", "cc", "memory",
			   "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17", "v18",
			   "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28",
			   "v29", "v30", "v31");
#else
#error "libconprof runs on x86-64 and aarch64"
#endif
}
