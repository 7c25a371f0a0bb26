/* signal_cfi.c - does a table say of an address what it says, and of nonsense nothing? */
/* SPDX-License-Identifier: MIT */
#include "signal/cfi.h"
#include "test/unit/eh_frame.h"
#include "test/unit/unit.h"

static struct made made;
static struct cp_rules rules;

static int found_at(uint64_t offset)
{
	return cp_cfi_find(&made.segment, made_code(&made) + offset, &rules);
}

static uint64_t room_at(size_t offset)
{
	return (uint64_t)(uintptr_t)made.room + offset;
}

/* ---- operations ---- */

enum { RBX = 3, RBP = 6, RSP = 7, RIP = 16 };

/* Each on top of the usual start: CFA = rsp + 8, rip at CFA - 8. Numbers of CFA and register are
 * those after the operation; of an expression, its distance from the program's end. */
static const struct {
	uint8_t program[12];
	uint8_t size, reg;
	enum cp_how how;
	int64_t number;
} of_registers[] = {
    {{0x86, 2}, 2, RBP, CP_AT, -16},			     /* offset */
    {{0x05, 6, 2}, 3, RBP, CP_AT, -16},			     /* offset_extended */
    {{0x11, 6, 0x7e}, 3, RBP, CP_AT, 16},		     /* offset_extended_sf */
    {{0x2f, 6, 2}, 3, RBP, CP_AT, 16},			     /* negative_offset_extended */
    {{0x07, 6}, 2, RBP, CP_UNDEFINED, 0},		     /* undefined */
    {{0x07, 6, 0x08, 6}, 4, RBP, CP_SAME, 0},		     /* same_value */
    {{0x09, 6, 3}, 3, RBP, CP_IN, RBX},			     /* register */
    {{0x14, 6, 2}, 3, RBP, CP_IS, -16},			     /* val_offset */
    {{0x15, 6, 0x7e}, 3, RBP, CP_IS, 16},		     /* val_offset_sf */
    {{0x10, 6, 1, 0x30}, 4, RBP, CP_AT_RESULT, -2},	     /* expression */
    {{0x16, 6, 2, 0x30, 0x96}, 5, RBP, CP_IS_RESULT, -3},    /* val_expression */
    {{0x86, 2, 0xc6}, 3, RBP, CP_SAME, 0},		     /* restore: none in the beginning */
    {{0x07, 16, 0xd0}, 3, RIP, CP_AT, -8},		     /* restore */
    {{0x07, 16, 0x06, 16}, 4, RIP, CP_AT, -8},		     /* restore_extended */
    {{0x0a, 0x86, 2, 0x0b}, 4, RBP, CP_SAME, 0},	     /* remember, restore */
    {{0x0a, 0x0a, 0x86, 2, 0x0b, 0x0b}, 6, RBP, CP_SAME, 0}, /* within each other */
    {{0x86, 2, 0x0a, 0x86, 3, 0x0b}, 6, RBP, CP_AT, -16},    /* and what was before */
    {{0x86, 2, 0x2e, 0x10, 0x00}, 5, RBP, CP_AT, -16},	     /* GNU_args_size, nop */
    {{0x86, 0x80, 0x01}, 3, RBP, CP_AT, -1024},		     /* a number of two bytes */
    {{0xa1, 2, 0x05, 0x80, 1, 2}, 6, RBP, CP_SAME, 0},	     /* registers that are not ours */
    {{0x10, 0x40, 1, 0x30, 0x86, 2}, 6, RBP, CP_AT, -16},    /* and their expressions */
};

static void registers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof of_registers / sizeof *of_registers; i++) {
		int64_t wanted = of_registers[i].number;
		unsigned reg = of_registers[i].reg;

		made_one(&made, of_registers[i].program, of_registers[i].size);
		if (of_registers[i].how >= CP_AT_RESULT)
			wanted += (int64_t)room_at(made.end);
		if (!found_at(0) || rules.reg[reg].how != of_registers[i].how ||
		    rules.reg[reg].number != wanted)
			fail_msg("operation %zu: how %d, number %ld", i, rules.reg[reg].how,
				 (long)rules.reg[reg].number);
		assert_int_equal(rules.cfa_base, RSP);
		assert_int_equal(rules.cfa_number, 8);
		assert_false(rules.is_signal);
	}
}

static const struct {
	uint8_t program[12];
	uint8_t size, base;
	int64_t number;
} of_cfa[] = {
    {{0}, 0, RSP, 8},
    {{0x0c, 6, 16}, 3, RBP, 16},	      /* def_cfa */
    {{0x12, 6, 0x7e}, 3, RBP, 16},	      /* def_cfa_sf */
    {{0x0d, 6}, 2, RBP, 8},		      /* def_cfa_register */
    {{0x0e, 0x80, 0x01}, 3, RSP, 128},	      /* def_cfa_offset */
    {{0x13, 0x7c}, 2, RSP, 32},		      /* def_cfa_offset_sf */
    {{0x0a, 0x0c, 6, 16, 0x0b}, 5, RSP, 8},   /* restored, too */
    {{0x0f, 1, 0x30, 0x0c, 3, 0}, 6, RBX, 0}, /* after an expression */
    {{0x0a, 0x0f, 1, 0x30, 0x0b}, 5, RSP, 8}, /* the same, restored */
    {{0x13, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f}, 10, RSP, 8}, /* 2^62 - 1 */
};

static void frame_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof of_cfa / sizeof *of_cfa; i++) {
		made_one(&made, of_cfa[i].program, of_cfa[i].size);
		if (!found_at(0) || rules.cfa_is_result || rules.cfa_base != of_cfa[i].base ||
		    rules.cfa_number != of_cfa[i].number)
			fail_msg("operation %zu: base %u, number %ld", i, rules.cfa_base,
				 (long)rules.cfa_number);
	}
	made_one(&made, BYTES(0x0f, 2, 0x77, 8));
	assert_true(found_at(0));
	assert_true(rules.cfa_is_result);
	assert_int_equal(rules.cfa_number, room_at(made.end - 3));
}

/* What follows an advance holds from there on, not one byte before. */
static void row_begins_at(uint64_t at, const uint8_t *advance, size_t size)
{
	uint8_t program[16];

	memcpy(program, advance, size);
	memcpy(program + size, (uint8_t[]){0x0e, 16}, 2);
	made_one(&made, program, size + 2);
	assert_true(found_at(0) && rules.cfa_number == 8);
	assert_true(found_at(at - 1) && rules.cfa_number == 8);
	assert_true(found_at(at) && rules.cfa_number == 16);
	assert_true(found_at(255) && rules.cfa_number == 16);
}

static void rows(void **state)
{
	size_t at;
	uint64_t there;

	(void)state;
	row_begins_at(5, BYTES(0x45));
	row_begins_at(63, BYTES(0x7f));
	row_begins_at(200, BYTES(0x02, 200));
	row_begins_at(200, BYTES(0x03, 200, 0));
	row_begins_at(200, BYTES(0x04, 200, 0, 0, 0));
	row_begins_at(7, BYTES(0x43, 0x44));
	made_begin(&made); /* set_loc, in the encoding of the entry */
	at = made_fde(&made, made_usual(&made, PC_S4), made_code(&made), 256, PC_S4, 1);
	made_number(&made, 0x01, 1);
	made_address(&made, made_code(&made) + 100, PC_S4);
	made_put(&made, BYTES(0x0e, 16));
	made_close(&made, at);
	assert_true(found_at(99) && rules.cfa_number == 8);
	assert_true(found_at(100) && rules.cfa_number == 16);
	/* Nonsense after the row that is asked for is not read. */
	made_one(&made, BYTES(0x45, 0x0b));
	assert_true(found_at(4));
	assert_false(found_at(5));
	there = made_code(&made);
	made.segment.header = 0;
	assert_false(cp_cfi_find(&made.segment, there, &rules));
}

static const struct {
	uint8_t program[12], size;
} nonsense[] = {
    {{0x0b}, 1},			 /* restored, never remembered */
    {{0x0a, 0x0b, 0x0b}, 3},		 /* once too often */
    {{0x0a, 0x0a, 0x0a, 0x0a, 0x0a}, 5}, /* too many within each other */
    {{0x17}, 1},			 /* no such operations */
    {{0x3f}, 1},
    {{0x86}, 1}, /* cut off */
    {{0x86, 0x80}, 2},
    {{0x0c, 7}, 2},
    {{0x0d}, 1},
    {{0x04, 1, 2}, 3},
    {{0x01, 0, 0}, 3},
    {{0x10, 6, 9, 0x30}, 4}, /* an expression longer than the entry */
    {{0x0f, 0x7f}, 2},
    {{0x0f}, 1},
    {{0x0c, 17, 8}, 3}, /* the CFA by a register that there is not */
    {{0x0d, 40}, 2},
    {{0x0f, 1, 0x30, 0x0e, 8}, 5}, /* a part of what is an expression */
    {{0x0f, 1, 0x30, 0x0d, 6}, 5},
};

static void nonsense_is_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
		made_one(&made, nonsense[i].program, nonsense[i].size);
		if (found_at(0))
			fail_msg("program %zu", i);
	}
	/* Numbers beyond all bounds are numbers. */
	made_one(&made, BYTES(0x12, 7, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f));
	assert_true(found_at(0));
	made_one(&made, BYTES(0x13, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00));
	assert_true(found_at(0));
}

/* ---- entries ---- */

/* A function under a common entry of this version and augmentation. */
static void under(unsigned version, const char *letters, const uint8_t *data, size_t size,
		  unsigned encoding)
{
	size_t cie, fde;

	made_begin(&made);
	cie = made_cie(&made, version, letters, data, size);
	made_put(&made, BYTES(0x0c, 7, 8, 0x90, 1));
	made_close(&made, cie);
	fde = made_fde(&made, cie, made_code(&made), 256, encoding, letters[0] == 'z');
	made_put(&made, BYTES(0x41, 0x0e, 16));
	made_close(&made, fde);
}

static int understood(void)
{
	return found_at(0) && rules.cfa_number == 8 && rules.reg[RIP].how == CP_AT && found_at(1) &&
	       rules.cfa_number == 16 && found_at(255) && !found_at(256);
}

static void versions_and_letters(void **state)
{
	uint8_t personality[] = {PC_S4, 1, 2, 3, 4, PC_S4, PC_S4};
	uint8_t indirect[] = {0x80 | PC_S4, 1, 2, 3, 4, PC_S4, PC_S4};

	(void)state;
	for (unsigned version = 1; version <= 4; version++) {
		if (version == 2)
			continue;
		under(version, "", NO_BYTES, ABS8);
		assert_true(understood());
		under(version, "zR", BYTES(PC_S4), PC_S4);
		assert_true(understood());
	}
	under(1, "zPLR", personality, sizeof personality, PC_S4);
	assert_true(understood());
	under(1, "zPLR", indirect, sizeof indirect, PC_S4);
	assert_true(understood());
	under(1, "zRS", BYTES(PC_S4), PC_S4);
	assert_true(understood() && rules.is_signal);
	under(1, "zRB", BYTES(PC_S4), PC_S4); /* aarch64: signed by another key */
	assert_true(understood());
	under(1, "z", NO_BYTES, ABS8);
	assert_true(understood());
	under(1, "zRx", BYTES(PC_S4, 1, 2, 3), PC_S4); /* stepped over */
	assert_true(understood());
	under(1, "eh", NO_BYTES, ABS8);
	assert_false(found_at(0));
	under(1, "R", NO_BYTES, ABS8);
	assert_false(found_at(0));
	under(2, "zR", BYTES(PC_S4), PC_S4);
	assert_false(found_at(0));
	under(5, "zR", BYTES(PC_S4), PC_S4);
	assert_false(found_at(0));
	under(1, "zR", NO_BYTES, PC_S4); /* data that end before they begin are not believed */
	found_at(0);
}

static void encodings(void **state)
{
	static const uint8_t good[] = {ABS8, ABS_U8, 0x0c, PC_S4, PC_S8, 0x14, HEADER_S4, 0x3c};
	static const uint8_t bad[] = {0x05, 0x0f, 0x50, 0x20, 0x40, 0x9b, 0xff};

	(void)state;
	for (size_t i = 0; i < sizeof good; i++) {
		under(1, "zR", &good[i], 1, good[i]);
		if (!understood())
			fail_msg("encoding %#x", good[i]);
	}
	for (size_t i = 0; i < sizeof bad; i++) {
		under(1, "zR", &bad[i], 1, bad[i]);
		assert_false(found_at(0));
	}
}

/* A length of 0xffffffff announces one of 8 bytes; the distance to the common entry has 4. */
static void long_entries(void **state)
{
	size_t cie, at;
	uint64_t length;

	(void)state;
	made_begin(&made);
	cie = made_usual(&made, PC_S4);
	made_number(&made, 0xffffffff, 4);
	at = made.end;
	made_number(&made, 0, 8);
	made_number(&made, made.end - cie, 4);
	made_address(&made, made_code(&made), PC_S4);
	made_number(&made, 256, 4);
	made_put(&made, BYTES(0, 0x41, 0x0e, 16));
	length = made.end - at - 8;
	memcpy(made.room + at, &length, 8);
	made_sorted(&made, made_code(&made), at - 4);
	assert_true(understood());
	for (uint64_t wrong = 1; wrong; wrong <<= 4) {
		length = wrong == 1 ? 3 : wrong > 4096 ? wrong : 8192;
		memcpy(made.room + at, &length, 8);
		assert_false(found_at(0));
	}
}

/* ---- the sorted table ---- */

static void edges_and_gaps(void **state)
{
	size_t cie;

	(void)state;
	made_begin(&made);
	assert_false(found_at(0)); /* an empty table */
	cie = made_usual(&made, PC_S4);
	for (uint64_t at = 16; at < 16 + 20 * 32; at += 32)
		made_close(&made, made_fde(&made, cie, made_code(&made) + at, 24, PC_S4, 1));
	for (uint64_t at = 0; at < 16 + 20 * 32 + 16; at++) {
		int covered = at >= 16 && at < 16 + 20 * 32 && (at - 16) % 32 < 24;

		if (found_at(at) != covered)
			fail_msg("at %lu", (unsigned long)at);
	}
	assert_false(cp_cfi_find(&made.segment, 0, &rules));
	assert_false(cp_cfi_find(&made.segment, UINT64_MAX, &rules));
}

/* One byte of a good table is another. What is found then does not matter; that nothing else is
 * read does, which a sanitizer sees where there is one. */
static void wrong_tables(void **state)
{
	static struct made whole;
	static const struct {
		size_t at;
		uint8_t is;
	} bad[] = {{0, 2}, {2, 0xff}, {3, 0xff}, {3, PC_S4}, {11, 0x7f}, {MADE_TABLE + 7, 0x7f}};

	(void)state;
	made_one(&made, BYTES(0x41, 0x0e, 16));
	whole = made;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		memcpy(made.room, whole.room, sizeof made.room);
		made.room[bad[i].at] = bad[i].is;
		assert_false(found_at(0));
	}
	for (size_t i = 0; i < whole.end; i++)
		for (unsigned value = 0; value < 256; value++) {
			memcpy(made.room, whole.room, whole.end);
			made.room[i] = (uint8_t)value;
			found_at(1);
		}
	/* A segment that ends earlier: never half an entry. */
	memcpy(made.room, whole.room, whole.end);
	for (size_t end = 0; end < whole.end; end++) {
		made.segment.high = room_at(end);
		assert_false(found_at(0));
	}
	made.segment.high = room_at(whole.end);
	assert_true(found_at(0));
	made.segment.low = room_at(MADE_FIRST + 1);
	assert_false(found_at(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(registers),
	    cmocka_unit_test(frame_addresses),
	    cmocka_unit_test(rows),
	    cmocka_unit_test(nonsense_is_nothing),
	    cmocka_unit_test(versions_and_letters),
	    cmocka_unit_test(encodings),
	    cmocka_unit_test(long_entries),
	    cmocka_unit_test(edges_and_gaps),
	    cmocka_unit_test(wrong_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
