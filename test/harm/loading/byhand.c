// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=1
// harm: run auto
// harm: run libunwind without CONPROF_UNWINDER=libunwind
// harm: run fp CONPROF_UNWINDER=fp
// harm: within 60
// harm: exit 0
// harm: slow
// SPDX-License-Identifier: MIT
// Code by hand and by a JIT: tables of unwinding that lie, none at all, the frame pointer as a
// scratch register, a frame in the last words before unmapped memory, code in a page that nobody
// loaded, ten thousand frames. Ticks fall into all of it, and its callbacks allocate. A profiler
// that follows what it reads there crashes; ours does when cp_readable of signal/probe.c says 1.
#include <string.h>
#include <sys/mman.h>

#include "test/harm/harm.h"

#define PAGE 4096

/* Each takes a callback and a word for whatever it abuses; calls it, spins, and returns. */
typedef void asm_function(void (*call)(void), uint64_t word);

/* name(call, word): `abuse` is done with word in %rsi, before the call and the loop. */
#define BY_HAND(name, cfi, abuse)                                                                  \
	asm_function name;                                                                         \
	__asm__(".text\n.globl " #name "\n.type " #name ", @function\n" #name ":\n" cfi            \
		"push %rbp\npush %rbx\npush %r12\n"                                                \
		"mov %rdi, %r12\n" abuse "\n"                                                      \
		"call *%r12\n"                                                                     \
		"mov $5000000, %ecx\n1: dec %ecx\njnz 1b\n"                                        \
		"pop %r12\npop %rbx\npop %rbp\nret\n"                                              \
		".size " #name ", . - " #name "\n")
/* The same with a table that is closed again. */
#define WITH_TABLE(name, rules, abuse)                                                             \
	BY_HAND(name, ".cfi_startproc\n" rules, abuse);                                            \
	__asm__(".cfi_endproc\n")

BY_HAND(no_table, "", "");
BY_HAND(scratch, "", "mov %rsi, %rbp");
WITH_TABLE(far_away, ".cfi_def_cfa %rsp, 0x7ffffff0\n", "");
WITH_TABLE(by_scratch, ".cfi_def_cfa %rbx, 0\n.cfi_offset %rip, -8\n", "mov %rsi, %rbx");
WITH_TABLE(by_frame, ".cfi_def_cfa %rbp, 16\n.cfi_offset %rbp, -16\n", "mov %rsi, %rbp");
WITH_TABLE(circle, ".cfi_def_cfa %rsp, 0\n.cfi_same_value %rip\n", "");
/* The frame's address is what stands at the address in %rbx (DW_OP_breg3 0, DW_OP_deref). */
WITH_TABLE(expression, ".cfi_escape 0x0f, 0x03, 0x73, 0x00, 0x06\n", "mov %rsi, %rbx");
/* The return address is read through %rbx (DW_CFA_val_expression would be its value). */
WITH_TABLE(return_by, ".cfi_escape 0x10, 0x10, 0x02, 0x73, 0x00\n", "mov %rsi, %rbx");

static volatile unsigned long called;

static void callback(void)
{
	for (int i = 0; i < 5; i++)
		free(realloc(malloc((size_t)(100 + i)), 2000));
	truth_burn(2);
	called++;
}

static void *map(size_t size, int protection)
{
	void *at = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	HARM_UNLESS(at != MAP_FAILED, "no memory");
	return at;
}

/* Runs it with the stack's top as its stack, and comes back. */
static void on_stack(char *top, asm_function *run, uint64_t word)
{
	void (*call)(void) = callback;

	__asm__ volatile("mov %%rsp, %%r13\n\t"
			 "mov %2, %%rsp\n\t"
			 "call *%3\n\t"
			 "mov %%r13, %%rsp"
			 : "+D"(call), "+S"(word)
			 : "r"(top), "r"(run)
			 : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r13", "memory", "cc");
}

/* The return address in the last word of the mapping; behind it is nothing. */
static void at_the_edge(uint64_t word)
{
	size_t size = 256 * 1024;
	char *stack = map(size + PAGE, PROT_READ | PROT_WRITE);

	HARM_UNLESS(munmap(stack + size, PAGE) == 0, "no edge");
	on_stack(stack + size, no_table, word);
	on_stack(stack + size, scratch, word);
	on_stack(stack + size, far_away, word);
	on_stack(stack + size, by_frame, (uint64_t)(stack + size - 8));
	munmap(stack, size);
}

/* What a JIT makes: a call in the last bytes of a page that is in no file. */
static void by_jit(uint64_t word)
{
	static const unsigned char code[] = {
	    0x55,	      /* push %rbp */
	    0x48, 0x89, 0xf5, /* mov %rsi, %rbp */
	    0xff, 0xd7,	      /* call *%rdi */
	    0x5d,	      /* pop %rbp */
	    0xc3,	      /* ret */
	};
	char *page = map(PAGE, PROT_READ | PROT_WRITE);
	char *at = page + PAGE - sizeof code;
	asm_function *run;

	memcpy(at, code, sizeof code);
	memcpy(&run, &at, sizeof run);
	HARM_UNLESS(mprotect(page, PAGE, PROT_EXEC) == 0,
		    "not executable"); /* not readable, even */
	for (int i = 0; i < 20; i++)
		run(callback, word);
	munmap(page, PAGE);
}

TRUTH_FRAME static int deep(int depth)
{
	char *volatile block = depth % 100 ? NULL : malloc(50);
	int below = depth ? deep(depth - 1) + 1 : 0;

	if (depth == 0)
		truth_burn(100);
	free(block);
	return below;
}

int main(int argc, char **argv)
{
	size_t kinds = argc > 1 ? 6 : 8;

	char *gone = map(PAGE, PROT_READ | PROT_WRITE), *page = map(PAGE, PROT_READ | PROT_WRITE);
	asm_function *const all[] = {no_table, scratch, far_away,   by_scratch,
				     by_frame, circle,	expression, return_by};

	(void)argv;
	munmap(gone, PAGE);
	memset(page, 0xff, PAGE);
	const uint64_t words[] = {0,
				  1,
				  8,
				  (uint64_t)gone,
				  (uint64_t)page,
				  (uint64_t)(page + PAGE - 8),
				  (uint64_t)(page + PAGE - 1),
				  UINT64_C(0x8000000000000000),
				  UINT64_MAX - 7,
				  UINT64_MAX,
				  (uint64_t)&called};

	for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
		for (size_t i = 0; i < kinds; i++)
			all[i](callback, words[w]);
		at_the_edge(words[w]);
		by_jit(words[w]);
	}
	HARM_UNLESS(deep(10000) == 10000, "not so deep");
	HARM_UNLESS(called == 11 * (kinds + 4 + 20), "%lu calls", called);
	return 0;
}
