/* signal_own_lies.c - stacks that lie, by our own unwinder. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "base/recording.h"
#include "test/unit/jit.h"
#include "test/unit/own_stacks.h"
#include "test/unit/unit.h"

static uint64_t pcs[100];
static unsigned flags;

static uint64_t *edge; /* behind the last word that is there */

static void with_pages(void)
{
	char *map =
	    mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(map, 4096, PROT_NONE);
	mprotect(map + 15 * 4096, 4096, PROT_NONE);
	edge = (uint64_t *)(void *)(map + 15 * 4096);
}

static uint64_t next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	return *seed ^= *seed << 17;
}

/* Return addresses, places in the stack, and junk; the last frames reach the edge. */
static void fill(uint64_t *from, uint64_t libc[2], uint64_t *seed)
{
	for (uint64_t *p = from; p < edge; p++)
		switch (next(seed) % 4) {
		case 0:
			*p = libc[0] + next(seed) % (libc[1] - libc[0]);
			break;
		case 1:
			*p = (uint64_t)(uintptr_t)(p + next(seed) % 64) - next(seed) % 2;
			break;
		case 2:
			*p = (uint64_t)(uintptr_t)(edge - next(seed) % 8192);
			break;
		default:
			*p = next(seed) >> next(seed) % 64;
		}
}

/* As if a signal had come at every 64th byte of libc, on a stack that holds anything. */
static void *fabricated(void *arg)
{
	uint64_t libc[2] = {0, 0}, seed = (uint64_t)(uintptr_t)arg * 77 + 1, mine[128];
	uint64_t *stack = edge - 12 * 512;
	size_t seen = 0;

	dl_iterate_phdr(find_libc, libc);
	for (uint64_t pc = libc[0]; pc < libc[1]; pc += 64) {
		ucontext_t uc;
		unsigned f = 0;

		if (pc % 4096 < 64 && !arg)
			fill(stack, libc, &seed);
		for (int i = 0; i < NGREG; i++)
			uc.uc_mcontext.gregs[i] =
			    (greg_t)(uintptr_t)(stack + next(&seed) % (13 * 512)) & ~7ll;
		uc.uc_mcontext.gregs[REG_RIP] = (greg_t)(pc + next(&seed) % 64);
		seen += cp_own_context(&uc, mine, 128, &f);
	}
	return (void *)(uintptr_t)seen;
}

static void every_address_on_any_stack(void **state)
{
	pthread_t t[4];
	void *seen;

	(void)state;
	with_pages();
	assert_true((uintptr_t)fabricated(NULL) > 1000);
	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, fabricated, (void *)(i + 1));
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &seen);
		assert_true((uintptr_t)seen > 1000);
	}
}

/* A context that says that it is its own caller, in our own code, too: it ends. */
static void a_handler_in_a_circle(void **state)
{
	static const uint8_t way_out[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05};
	uint64_t *frame = edge - 400, code;
	ElfW(Phdr) phdr = {.p_type = PT_LOAD, .p_flags = PF_X, .p_memsz = 4096};
	struct dl_phdr_info info = {.dlpi_phdr = &phdr, .dlpi_phnum = 1};

	(void)state;
	code = info.dlpi_addr = (uint64_t)(uintptr_t)jit(way_out, sizeof way_out);
	cp_tables_begin();
	cp_tables_add(&info);
	cp_tables_end();
	frame[-2] = frame[-1] = code;
	memset(frame, 0, 1024);
	frame[20] = (uint64_t)(uintptr_t)frame; /* rsp, rip */
	frame[21] = code;
	flags = 0;
	assert_int_equal(cp_own_here(frame - 2, 0, 0, pcs, 100, &flags), 100);
	assert_int_equal(flags, CP_ROW_TRUNCATED);
	assert_int_equal(cp_own_here(frame - 2, code, code + 64, pcs, 100, &flags), 0);
	know_modules();
}

/* Of a chain of frame pointers in code that nobody knows, whose last one leads nowhere. */
static void a_lost_chain_says_so(void **state)
{
	static const uint8_t nothing[] = {0xe8, 0, 0, 0, 0, 0x90, 0x5d, 0xc3};
	uint64_t *frame = edge - 400, code = (uint64_t)(uintptr_t)jit(nothing, sizeof nothing) + 5;
	const uint64_t ends[] = {1, 0, (uint64_t)(uintptr_t)(frame + 1), UINT64_MAX - 7};

	(void)state;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		memset(frame - 2, 0, 1024);
		frame[-2] = (uint64_t)(uintptr_t)frame;
		frame[-1] = code;
		frame[0] = (uint64_t)(uintptr_t)(frame + 10);
		frame[1] = code;
		frame[10] = ends[i];
		frame[11] = code;
		flags = 0;
		assert_int_equal(cp_own_here(frame - 2, 0, 0, pcs, 100, &flags), 3);
		assert_int_equal(flags, CP_ROW_ENDED_EARLY | CP_OWN_STRANGER);
	}
	munmap((void *)(uintptr_t)(code & ~UINT64_C(4095)), 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_address_on_any_stack),
	    cmocka_unit_test(a_handler_in_a_circle),
	    cmocka_unit_test(a_lost_chain_says_so),
	};

	know_modules();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
