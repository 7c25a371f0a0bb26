/* signal_step.c - is an address's rule in its word, and remembered while it is true? */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "signal/frames.h"
#include "signal/modules.h"
#include "signal/step.h"
#include "test/unit/eh_frame.h"
#include "test/unit/listed.h"
#include "test/unit/unit.h"

static volatile int changing;

int cp_modules_changing(void)
{
	return changing;
}

/* ---- the rule in a word ---- */

static struct made *made;

/* Tables, with room for the code that they speak of. */
static void map(void)
{
	made = mmap(NULL, 0x20000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(made != MAP_FAILED);
}

static void show(void)
{
	ElfW(Phdr) phdr[] = {
	    {.p_type = PT_LOAD, .p_flags = PF_R, .p_memsz = sizeof made->room},
	    {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = MADE_CODE, .p_memsz = 0x10000},
	    {.p_type = PT_GNU_EH_FRAME, .p_memsz = 64}};
	struct dl_phdr_info info = {
	    .dlpi_addr = made->segment.header, .dlpi_phdr = phdr, .dlpi_phnum = 3};

	cp_tables_begin();
	cp_tables_add(&info);
	cp_tables_end();
}

static uint64_t epoch(void)
{
	return atomic_load(&cp_tables_epoch);
}

static cp_word word_of(const uint8_t *program, size_t size)
{
	made_one(made, program, size);
	cp_tables_forget();
	show();
	return cp_step_of(made_code(made), epoch());
}

static void words(void **state)
{
	cp_word w;

	(void)state;
	w = word_of(NO_BYTES);
	assert_int_equal(cp_word_kind(w), CP_STEP_FRAME);
	assert_false(cp_word_by_fp(w) || cp_word_fp_saved(w));
	assert_true(cp_word_return_saved(w));
	assert_int_equal(cp_word_cfa(w), 8);
	assert_int_equal(cp_word_return(w), -8);
	w = word_of(BYTES(0x0c, 6, 16, 0x86, 2));
	assert_true(cp_word_by_fp(w) && cp_word_fp_saved(w));
	assert_int_equal(cp_word_cfa(w), 16);
	assert_int_equal(cp_word_fp(w), -16);
	w = word_of(BYTES(0x0e, 0xf8, 0xff, 0xff, 1)); /* 4 MiB - 8 */
	assert_int_equal(cp_word_kind(w), CP_STEP_FRAME);
	assert_int_equal(cp_word_cfa(w), 0x3ffff8);
	w = word_of(BYTES(0x0e, 0x80, 0x80, 0x80, 2)); /* 4 MiB */
	assert_int_equal(cp_word_kind(w), CP_STEP_FULL);
	w = word_of(BYTES(0x86, 0x80, 0x80, 8)); /* -1 MiB */
	assert_int_equal(cp_word_fp(w), -0x100000);
	assert_int_equal(cp_word_kind(word_of(BYTES(0x86, 0x81, 0x80, 8))), CP_STEP_FULL);
	w = word_of(BYTES(0x11, 6, 0x81, 0x80, 0x78)); /* 1 MiB - 8 */
	assert_int_equal(cp_word_fp(w), 0xffff8);
	w = word_of(BYTES(0x11, 16, 0x7f)); /* rip at CFA + 8 */
	assert_int_equal(cp_word_return(w), 8);
	w = word_of(BYTES(0x12, 7, 0x01)); /* a CFA below the stack pointer */
	assert_int_equal(cp_word_cfa(w), -8);
}

static const struct {
	uint8_t program[8], size;
	enum cp_step kind;
} kinds[] = {
    {{0x07, 16}, 2, CP_STEP_END},	    /* rip undefined */
    {{0x0e, 12}, 2, CP_STEP_FULL},	    /* not in words of 8 */
    {{0x0c, 3, 16}, 3, CP_STEP_FULL},	    /* by rbx */
    {{0x0f, 1, 0x30}, 3, CP_STEP_FULL},	    /* by an expression */
    {{0x10, 6, 1, 0x30}, 4, CP_STEP_FULL},  /* rbp by one */
    {{0x07, 6}, 2, CP_STEP_FULL},	    /* rbp lost */
    {{0x09, 6, 3}, 3, CP_STEP_FULL},	    /* rbp in rbx */
    {{0x87, 2}, 2, CP_STEP_FULL},	    /* rsp saved */
    {{0x09, 16, 3}, 3, CP_STEP_FULL},	    /* rip in rbx */
    {{0x08, 16}, 2, CP_STEP_END},	    /* rip nowhere */
    {{0x83, 2, 0x8c, 3}, 4, CP_STEP_FRAME}, /* rbx and r12 do not matter */
    {{0x17}, 1, CP_STEP_NONE},		    /* nonsense */
};

static void kinds_of_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (cp_word_kind(word_of(kinds[i].program, kinds[i].size)) != kinds[i].kind)
			fail_msg("program %zu", i);
	assert_int_equal(cp_step_of(made_code(made) - 1, epoch()), CP_STEP_UNKNOWN);
	assert_int_equal(cp_word_kind(cp_step_of(made_code(made) + 256, epoch())), CP_STEP_NONE);
}

/* mov $15, %rax; syscall: with a function that ends right before it, and one around it. */
static void ways_out(void **state)
{
	static const uint8_t bytes[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05};
	uint8_t *code;
	struct cp_segment last;

	(void)state;
	word_of(NO_BYTES);
	code = (uint8_t *)(uintptr_t)made_code(made);
	memcpy(code + 256, bytes, sizeof bytes);
	memcpy(code + 100, bytes, sizeof bytes);
	memcpy(code + 0x10000 - 8, bytes, 8); /* only all of it */
	cp_tables_forget();
	assert_int_equal(cp_word_kind(cp_step_of(made_code(made) + 256, epoch())), CP_STEP_SIGNAL);
	assert_int_equal(cp_word_kind(cp_step_of(made_code(made) + 100, epoch())), CP_STEP_SIGNAL);
	assert_int_equal(cp_word_kind(cp_step_of(made_code(made) + 101, epoch())), CP_STEP_FRAME);
	assert_int_equal(cp_word_kind(cp_step_of(made_code(made) + 107, epoch())), CP_STEP_SIGNAL);
	assert_int_equal(cp_word_kind(cp_step_of(made_code(made) + 254, epoch())), CP_STEP_FRAME);
	assert_int_equal(cp_word_kind(cp_step_of(made_code(made) + 255, epoch())), CP_STEP_FULL);
	assert_true(cp_tables_find(made_code(made) + 0x10000 - 8, &last));
	assert_int_equal(cp_word_kind(cp_step_of(last.end - 8, epoch())), CP_STEP_NONE);
	assert_int_equal(cp_word_kind(cp_step_of(last.end - 1, epoch())), CP_STEP_NONE);
}

/* ---- the cache ---- */

static void what_was_learnt_is_forgotten(void **state)
{
	(void)state;
	assert_int_equal(cp_word_cfa(word_of(NO_BYTES)), 8);
	made_one(made, BYTES(0x0e, 32));
	assert_int_equal(cp_word_cfa(cp_step_of(made_code(made), epoch())), 8);
	cp_tables_forget();
	assert_int_equal(cp_word_cfa(cp_step_of(made_code(made), epoch())), 32);
	for (int i = 0; i < 65535; i++)
		cp_tables_forget();
	assert_int_equal(cp_word_cfa(cp_step_of(made_code(made), epoch())), 32);
}

/* Every address of 64 KiB has another rule, and the cache has room for a quarter. */
static void prepare_rows(void)
{
	size_t at;

	made_begin(made);
	at = made_fde(made, made_usual(made, PC_S4), made_code(made), 0x10000, PC_S4, 1);
	for (uint64_t i = 1; i < 512; i++) {
		made_put(made, BYTES(0x02, 128, 0x0e));
		made_put(made,
			 BYTES((uint8_t)((8 + i * 8) & 127) | 128, (uint8_t)((8 + i * 8) >> 7)));
	}
	made_close(made, at);
	memset((char *)made + MADE_CODE, 0, 0x10000);
	show();
	cp_tables_forget();
}

static void *look_at_all(void *arg)
{
	uint64_t wrong = 0, seed = (uint64_t)(uintptr_t)arg;

	for (int i = 0; i < 40000; i++) {
		uint64_t at;

		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		at = seed >> 48;
		wrong += cp_word_cfa(cp_step_of(made_code(made) + at, epoch())) !=
			 (int64_t)(8 + at / 128 * 8);
	}
	return (void *)(uintptr_t)wrong;
}

static size_t touched(const void *at, size_t size)
{
	unsigned char there[CP_STEP_SETS * sizeof(struct cp_step_line) / 4096];
	size_t pages = 0;

	assert_int_equal(mincore((void *)(uintptr_t)at, size, there), 0);
	for (size_t i = 0; i < size / 4096; i++)
		pages += there[i] & 1;
	return pages;
}

/* A worker's few hundred addresses touch four pages of the cache; a crowd gets the whole of it. */
static void the_cache_grows_when_it_is_crowded(void **state)
{
	const size_t size = CP_STEP_SETS * sizeof(struct cp_step_line);

	(void)state;
	prepare_rows();
	cp_step_open();
	for (uint64_t i = 0; i < 0x10000; i += 113)
		cp_step_of(made_code(made) + i, epoch());
	assert_in_range(touched(cp_step_cache.line, size), 2, 4);
	assert_int_equal(cp_step_cache.shift, CP_STEP_SHIFT_FIRST);
	look_at_all((void *)1);
	assert_int_equal(cp_step_cache.shift, CP_STEP_SHIFT_LAST);
	assert_in_range(touched(cp_step_cache.line, size), size / 4096 - 8, size / 4096);
}

static void no_rule_is_another_ones(void **state)
{
	pthread_t thread[4];
	void *wrong;

	(void)state;
	prepare_rows();
	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, look_at_all, (void *)i);
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], &wrong);
		assert_null(wrong);
	}
}

/* While the loader is at work nothing is read, and nothing is believed of what is gone. */
static void tables_that_are_gone(void **state)
{
	(void)state;
	assert_int_equal(cp_word_kind(word_of(NO_BYTES)), CP_STEP_FRAME);
	cp_tables_forget();
	changing = 1;
	assert_int_equal(cp_step_of(made_code(made), epoch()), CP_STEP_UNKNOWN);
	changing = 0;
	assert_int_equal(cp_word_kind(cp_step_of(made_code(made), epoch())), CP_STEP_FRAME);
	cp_tables_forget();
	mprotect(made, sizeof *made, PROT_NONE);
	assert_int_equal(cp_step_of((uint64_t)(uintptr_t)made + MADE_CODE, epoch()),
			 CP_STEP_UNKNOWN);
	mprotect(made, sizeof *made, PROT_READ | PROT_WRITE);
	munmap((char *)made + MADE_CODE, 0x10000);
	assert_int_equal(cp_step_of(made_code(made) + 0x5000, epoch()), CP_STEP_NONE);
	cp_tables_begin();
	add(made_code(made), 0x10000, 0); /* and a module without tables */
	cp_tables_end();
	assert_int_equal(cp_step_of(made_code(made) + 0x5001, epoch()), CP_STEP_NONE);
	munmap(made, 0x10000);
}

/* A return address in the first bytes of a page that is gone: whether a call is before it cannot be
 * said. With a module's code before it, which is there. */
static void a_guess_at_a_pages_edge(void **state)
{
	uint64_t code = (uint64_t)(uintptr_t)mmap(NULL, 8192, PROT_READ | PROT_WRITE,
						  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t stack[4] = {code + 4099};

	(void)state;
	memcpy((void *)(uintptr_t)(code + 4097), (uint8_t[]){0xff, 0xd0}, 2); /* call *%rax */
	cp_tables_begin();
	add(code, 8192, 0);
	cp_tables_end();
	for (int there = 1; there >= 0; there--) {
		struct cp_proven proven = cp_proven_at(stack);
		struct cp_guess guess = {.pc = code, .sp = (uint64_t)(uintptr_t)stack};

		assert_int_equal(cp_guess_caller(&proven, &guess, 1), there);
		munmap((void *)(uintptr_t)(code + 4096), 4096);
	}
	munmap((void *)(uintptr_t)code, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words),
	    cmocka_unit_test(kinds_of_words),
	    cmocka_unit_test(ways_out),
	    cmocka_unit_test(what_was_learnt_is_forgotten),
	    cmocka_unit_test(the_cache_grows_when_it_is_crowded),
	    cmocka_unit_test(no_rule_is_another_ones),
	    cmocka_unit_test(tables_that_are_gone),
	    cmocka_unit_test(a_guess_at_a_pages_edge),
	};

	map();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
