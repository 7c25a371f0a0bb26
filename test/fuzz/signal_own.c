/* signal_own.c - fuzz: on any stack, with any registers and any tables, a walk ends within bounds.
 */
/* SPDX-License-Identifier: MIT */
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/recording.h"
#include "signal/modules.h"
#include "signal/step.h"
#include "signal/tables.h"
#include "signal/unwind_fp.h"
#include "signal/unwind_own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int cp_modules_changing(void)
{
	return 0;
}

/* A part of the address space, with a page before and behind each of its parts that is not there:
 * tables, code (which nobody runs), stack, of whose upper pages some are not there. Always at one
 * place, so that seeds can name addresses. */
#define PLACE 0x200000000000
#define PAGE  4096
enum { TABLES = PAGE, CODE = 17 * PAGE, STACK = 34 * PAGE, WHOLE = 39 * PAGE };
#define CODE_SIZE (16 * PAGE)
#define UPPER	  3 /* pages above the stack's first */
#define MAX	  300

static uint8_t *place;

static void map(void)
{
	void *at = (void *)(uintptr_t)PLACE;

	place =
	    mmap(at, WHOLE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (place != at || mprotect(place + TABLES, PAGE, PROT_READ | PROT_WRITE) != 0 ||
	    mprotect(place + CODE, CODE_SIZE, PROT_READ | PROT_WRITE) != 0 ||
	    mprotect(place + STACK, (1 + UPPER) * PAGE, PROT_READ | PROT_WRITE) != 0)
		abort();
}

/* Takes so many bytes off the input; what it does not have is zeros. */
struct input {
	const uint8_t *at;
	size_t left;
};

static void take(struct input *in, void *to, size_t size)
{
	size_t there = size < in->left ? size : in->left;

	memset(to, 0, size);
	memcpy(to, in->at, there);
	in->at += there;
	in->left -= there;
}

/* Tables end where the page does, as the stack does: the next byte is not there. */
static void show(struct input *in)
{
	uint16_t size = 0;
	ElfW(Phdr) phdr[] = {{.p_type = PT_LOAD, .p_flags = PF_R},
			     {.p_type = PT_LOAD, .p_flags = PF_X, .p_memsz = CODE_SIZE},
			     {.p_type = PT_GNU_EH_FRAME, .p_memsz = 64}};
	struct dl_phdr_info info = {.dlpi_addr = PLACE, .dlpi_phdr = phdr, .dlpi_phnum = 3};

	take(in, &size, sizeof size);
	size %= PAGE;
	phdr[0].p_vaddr = phdr[2].p_vaddr = TABLES + PAGE - size;
	phdr[0].p_memsz = size;
	phdr[1].p_vaddr = phdr[0].p_vaddr + 0x10000; /* where the seeds have it */
	if (phdr[1].p_vaddr + CODE_SIZE > CODE + CODE_SIZE)
		phdr[1].p_memsz = CODE + CODE_SIZE - phdr[1].p_vaddr;
	take(in, place + TABLES + PAGE - size, size);
	take(in, place + CODE + PAGE, 64);
	cp_tables_begin();
	cp_tables_add(&info);
	cp_tables_end();
	cp_tables_forget();
}

/* What is left of the input is the upper pages; its last byte says which of them are not there. */
static void upper(struct input *in, unsigned gone)
{
	static unsigned is_gone;

	if (is_gone)
		mprotect(place + STACK + PAGE, UPPER * PAGE, PROT_READ | PROT_WRITE);
	take(in, place + STACK + PAGE, UPPER * PAGE);
	is_gone = gone % (1u << UPPER);
	for (unsigned i = 0; i < UPPER; i++)
		if (is_gone >> i & 1)
			mprotect(place + STACK + (1 + i) * PAGE, PAGE, PROT_NONE);
}

static void must(int holds)
{
	if (!holds)
		abort();
}

static void check(const uint64_t *pcs, size_t n, unsigned flags)
{
	must(n <= MAX && pcs[MAX] == 0x5afe);
	flags &= ~CP_OWN_STRANGER;
	must((flags & ~(unsigned)(CP_ROW_GAP | CP_ROW_ENDED_EARLY)) == 0 ||
	     flags == CP_ROW_TRUNCATED);
	for (size_t i = 0; i < n; i++)
		must(pcs[i] >= 65536);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	uint64_t pcs[MAX + 1] = {[MAX] = 0x5afe};
	uint64_t *stack;
	size_t depth;
	ucontext_t uc;
	unsigned flags = 0;

	if (!place)
		map();
	memset(&uc, 0, sizeof uc);
	show(&in);
	for (int i = 0; i < NGREG; i++)
		take(&in, &uc.uc_mcontext.gregs[i], i == REG_RIP ? 8 : 6);
	depth = in.left < PAGE ? in.left & ~(size_t)7 : PAGE;
	stack = (uint64_t *)(void *)(place + STACK + PAGE - depth);
	take(&in, stack, depth);
	upper(&in, size ? data[size - 1] : 0);
	check(pcs, cp_own_context(&uc, pcs, MAX, &flags), flags);
	flags = 0;
	check(pcs, cp_own_context(&uc, pcs, 5, &flags), flags);
	flags = 0;
	pcs[0] = 65536;
	must(cp_fp_context(&uc, pcs, MAX, &flags) <= MAX && pcs[MAX] == 0x5afe);
	must(cp_fp_from(stack, PLACE + CODE, PLACE + CODE + PAGE, pcs, MAX, &flags) <= MAX);
	/* And from a frame of ours, whose code is the first page of it. */
	if (depth >= 16) {
		flags = 0;
		check(pcs, cp_own_here(stack, PLACE + CODE, PLACE + CODE + PAGE, pcs, MAX, &flags),
		      flags);
	}
	return 0;
}

#ifdef CP_FUZZ_MAIN
#include "test/fuzz/replay.h"
#endif
