/* signal_expression.c - does the little stack machine compute what DWARF says, within its limits?
 */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "signal/expression.h"
#include "test/unit/unit.h"

static uint8_t room[1024];
static uint64_t memory[8] = {0x8877665544332211, 11, 22, 33, 44, 55, 66, 77};
static struct cp_registers registers;

/* memory[i] stands at 0x1000 + 8 * i. */
static int load(void *context, uint64_t at, uint64_t *value)
{
	assert_ptr_equal(context, memory);
	if (at % 8 != 0 || at < 0x1000 || at >= 0x1000 + sizeof memory)
		return 0;
	*value = memory[(at - 0x1000) / 8];
	return 1;
}

/* The program stands at the end of what may be read. */
static int run(const void *program, size_t size, const uint64_t *push, uint64_t *result)
{
	uint8_t *at = room + sizeof room - size - (size < 128 ? 1 : 2);
	struct cp_segment table = {.low = (uint64_t)(uintptr_t)at,
				   .high = (uint64_t)(uintptr_t)(room + sizeof room)};
	struct cp_memory from = {load, memory};

	*at = (uint8_t)(size & 127);
	if (size >= 128) {
		*at |= 128;
		at[1] = (uint8_t)(size >> 7);
	}
	memcpy(room + sizeof room - size, program, size);
	return cp_expression(&table, (int64_t)(uintptr_t)at, &registers, push, from, result);
}

static const struct {
	uint8_t program[16], size;
	uint64_t result;
} good[] = {
    {{0x03, 1, 2, 3, 4, 5, 6, 7, 8}, 9, 0x0807060504030201}, /* addr */
    {{0x08, 0xff}, 2, 255}, /* const1u, 1s, 2u, 2s, 4u, 4s, 8u, 8s */
    {{0x09, 0xff}, 2, UINT64_MAX},
    {{0x0a, 0xfe, 0xff}, 3, 65534},
    {{0x0b, 0xfe, 0xff}, 3, UINT64_MAX - 1},
    {{0x0c, 0xfd, 0xff, 0xff, 0xff}, 5, 0xfffffffd},
    {{0x0d, 0xfd, 0xff, 0xff, 0xff}, 5, UINT64_MAX - 2},
    {{0x0e, 1, 0, 0, 0, 0, 0, 0, 128}, 9, 0x8000000000000001},
    {{0x0f, 1, 0, 0, 0, 0, 0, 0, 128}, 9, 0x8000000000000001},
    {{0x10, 0xe5, 0x8e, 0x26}, 4, 624485}, /* constu, consts */
    {{0x11, 0x9b, 0xf1, 0x59}, 4, (uint64_t)-624485},
    {{0x30}, 1, 0}, /* lit0 to lit31 */
    {{0x4f}, 1, 31},
    {{0x30, 0x33, 0x12, 0x22}, 4, 6},		   /* dup */
    {{0x35, 0x33, 0x13}, 3, 5},			   /* drop */
    {{0x35, 0x33, 0x14}, 3, 5},			   /* over */
    {{0x35, 0x33, 0x34, 0x15, 2}, 5, 5},	   /* pick */
    {{0x35, 0x33, 0x16, 0x1c}, 4, UINT64_MAX - 1}, /* swap, minus */
    {{0x09, 0xf0, 0x19}, 3, 16},		   /* abs */
    {{0x33, 0x19}, 2, 3},
    {{0x3c, 0x3a, 0x1a}, 3, 8},					   /* and */
    {{0x37, 0x33, 0x1c}, 3, 4},					   /* minus */
    {{0x37, 0x33, 0x1e}, 3, 21},				   /* mul */
    {{0x33, 0x1f}, 2, (uint64_t)-3},				   /* neg */
    {{0x33, 0x20}, 2, ~UINT64_C(3)},				   /* not */
    {{0x38, 0x33, 0x21}, 3, 11},				   /* or */
    {{0x38, 0x33, 0x22}, 3, 11},				   /* plus */
    {{0x38, 0x23, 0x80, 1}, 4, 136},				   /* plus_uconst */
    {{0x33, 0x34, 0x24}, 3, 48},				   /* shl */
    {{0x33, 0x08, 64, 0x24}, 4, 0},				   /* by too much */
    {{0x09, 0xf0, 0x32, 0x25}, 4, UINT64_MAX >> 2 & ~UINT64_C(3)}, /* shr */
    {{0x09, 0xf0, 0x08, 64, 0x25}, 5, 0},
    {{0x09, 0xf0, 0x32, 0x26}, 4, (uint64_t)-4}, /* shra */
    {{0x09, 0xf0, 0x08, 99, 0x26}, 5, UINT64_MAX},
    {{0x3c, 0x3a, 0x27}, 3, 6}, /* xor */
    {{0x33, 0x33, 0x29}, 3, 1}, /* eq, ge, gt, le, lt, ne: signed */
    {{0x33, 0x34, 0x29}, 3, 0},
    {{0x33, 0x09, 0xff, 0x2a}, 4, 1},
    {{0x33, 0x33, 0x2a}, 3, 1},
    {{0x33, 0x33, 0x2b}, 3, 0},
    {{0x33, 0x09, 0xff, 0x2b}, 4, 1},
    {{0x09, 0xff, 0x33, 0x2c}, 4, 1},
    {{0x33, 0x33, 0x2d}, 3, 0},
    {{0x09, 0xff, 0x33, 0x2d}, 4, 1},
    {{0x33, 0x34, 0x2e}, 3, 1},
    {{0x53}, 1, 1003}, /* reg3, breg7 8, bregx 6 -8 */
    {{0x77, 8}, 2, 1015},
    {{0x92, 6, 0x78}, 3, 998},
    {{0x0a, 0, 0x10, 0x06}, 4, 0x8877665544332211}, /* deref */
    {{0x0a, 8, 0x10, 0x06}, 4, 11},
    {{0x0a, 0, 0x10, 0x94, 1}, 5, 0x11}, /* deref_size */
    {{0x0a, 0, 0x10, 0x94, 4}, 5, 0x44332211},
    {{0x0a, 0, 0x10, 0x94, 8}, 5, 0x8877665544332211},
    {{0x33, 0x96}, 2, 3}, /* nop */
};

static void operations(void **state)
{
	uint64_t result = 1;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!run(good[i].program, good[i].size, NULL, &result) || result != good[i].result)
			fail_msg("%zu (%#x...) gives %#lx", i, good[i].program[0], (long)result);
}

static const struct {
	uint8_t program[8], size;
} bad[] = {
    {{0}, 0},	 /* leaves nothing */
    {{0x13}, 1}, /* takes from nothing */
    {{0x22}, 1},
    {{0x33, 0x22}, 2},
    {{0x33, 0x16}, 2},
    {{0x33, 0x14}, 2},
    {{0x33, 0x15, 1}, 3},
    {{0x12}, 1},
    {{0x33, 0x13}, 2},
    {{0x33, 0x13, 0x13, 0x33}, 4}, /* which cannot be made good again */
    {{0x08}, 1},		   /* cut off */
    {{0x0e, 1, 2, 3}, 4},
    {{0x10, 0x80}, 2},
    {{0x77}, 1},
    {{0x0a, 1, 0x10, 0x06}, 4}, /* not aligned, not there */
    {{0x30, 0x06}, 2},
    {{0x0a, 0, 0x10, 0x94, 0}, 5}, /* of no size, of too large a one */
    {{0x0a, 0, 0x10, 0x94, 9}, 5},
    {{0x0a, 0, 0x10, 0x94, 17}, 5},
    {{0x59}, 1}, /* a register that is not known here, and one that there is not */
    {{0x6f}, 1},
    {{0x92, 0x80, 1, 0}, 4},
    {{0x00}, 1}, /* no such operations; those of debuggers; branches, which loop */
    {{0x97}, 1},
    {{0xff}, 1},
    {{0x2f, 0, 0}, 3},
    {{0x31, 0x28, 0, 0}, 4},
};

static void nonsense(void **state)
{
	uint64_t result;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (run(bad[i].program, bad[i].size, NULL, &result))
			fail_msg("%zu (%#x...) gives %#lx", i, bad[i].program[0], (long)result);
}

static void limits(void **state)
{
	uint8_t many[600];
	uint64_t result;
	struct cp_segment table = {.low = (uint64_t)(uintptr_t)room,
				   .high = (uint64_t)(uintptr_t)(room + 4)};
	struct cp_memory from = {load, memory};

	(void)state;
	memset(many, 0x31, sizeof many); /* deep */
	assert_true(run(many, 32, NULL, &result) && result == 1);
	assert_false(run(many, 33, NULL, &result));
	memset(many, 0x96, sizeof many); /* long */
	many[0] = 0x31;
	assert_true(run(many, 256, NULL, &result) && result == 1);
	assert_false(run(many, 257, NULL, &result));
	/* Outside the table: where it begins, and where it ends. */
	memcpy(room, (uint8_t[]){3, 0x31, 0x96, 0x96, 0x31}, 5);
	for (int64_t at = -1; at < 6; at++)
		assert_int_equal(
		    cp_expression(&table, (int64_t)table.low + at, &registers, NULL, from, &result),
		    at == 0);
	room[0] = 4; /* one more byte than there is */
	assert_false(cp_expression(&table, (int64_t)table.low, &registers, NULL, from, &result));
}

static void with_something_pushed(void **state)
{
	uint64_t cfa = 0x1000, result;

	(void)state;
	assert_true(run((uint8_t[]){0x06}, 1, &cfa, &result) && result == memory[0]);
	assert_true(run("", 0, &cfa, &result) && result == 0x1000);
}

/* As linkers write it for .plt: 8 bytes more from the push on, 11 bytes into each entry. */
static void of_linkage_tables(void **state)
{
	static const uint8_t plt[] = {0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22};
	uint64_t result;

	(void)state;
	for (uint64_t i = 0; i < 16; i++) {
		registers.pc = 0x401020 + i;
		assert_true(run(plt, sizeof plt, NULL, &result));
		assert_int_equal(result, 1007 + (i < 11 ? 8 : 16));
	}
	registers.pc = 0;
}

/* As glibc writes it for the way out of a handler: the CFA is the interrupted rsp, loaded from the
 * context at rsp + 160; and rip's place is at rsp + 168. */
static void of_ways_out(void **state)
{
	static const uint8_t cfa[] = {0x77, 0xa0, 0x01, 0x06}, rip[] = {0x77, 0xa8, 0x01};
	uint64_t push = 0, result;

	(void)state;
	registers.value[7] = 0x1000 - 160 + 16;
	assert_true(run(cfa, sizeof cfa, NULL, &result) && result == memory[2]);
	assert_true(run(rip, sizeof rip, &push, &result) && result == 0x1000 + 16 + 8);
	registers.value[7] = 1007;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(operations),
	    cmocka_unit_test(nonsense),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(with_something_pushed),
	    cmocka_unit_test(of_linkage_tables),
	    cmocka_unit_test(of_ways_out),
	};

	for (unsigned i = 0; i < CP_REGISTERS; i++)
		registers.value[i] = 1000 + i;
	registers.known = 0xf8;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
