/* signal_cfi.c - fuzz: of any tables, rules or none, and nothing read outside of them. */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signal/expression.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A stack of one's own: what is at an address depends on it alone, and every third is not there. */
static int load(void *context, uint64_t at, uint64_t *value)
{
	(void)context;
	*value = at * 3 + 1;
	return at % 3 != 0;
}

/* A rule that does not hold is a crash, which the fuzzer reports. */
static void must(int holds)
{
	if (!holds)
		abort();
}

static uint64_t evaluate(const struct cp_segment *table, int64_t at, uint64_t pc)
{
	struct cp_registers registers = {.known = 0xffff, .pc = pc};
	struct cp_memory memory = {load, NULL};
	uint64_t result = 0, push = 0x7ffc0000;

	for (unsigned i = 0; i < CP_REGISTERS; i++)
		registers.value[i] = pc * i;
	cp_expression(table, at, &registers, NULL, memory, &result);
	cp_expression(table, at, &registers, &push, memory, &result);
	return result;
}

static void ask(const struct cp_segment *table, uint64_t pc)
{
	struct cp_rules rules;

	memset(&rules, 0xee, sizeof rules);
	if (!cp_cfi_find(table, pc, &rules))
		return;
	must(rules.is_signal == 0 || rules.is_signal == 1);
	if (rules.cfa_is_result)
		evaluate(table, rules.cfa_number, pc);
	else
		must(rules.cfa_base < CP_REGISTERS);
	for (unsigned i = 0; i < CP_REGISTERS; i++) {
		must(rules.reg[i].how <= CP_IS_RESULT);
		if (rules.reg[i].how >= CP_AT_RESULT)
			evaluate(table, rules.reg[i].number, pc);
	}
}

/* Addresses are counted from wherever the tables are: those that the sorted table names, and where
 * the seeds' code is, 64 KiB behind. */
static void ask_all(const struct cp_segment *table, const uint8_t *data, size_t size)
{
	static const uint64_t beside[] = {0, 1, 4, 5, 100, 255, 256, 65535};
	uint64_t code = table->header + 0x10000;

	for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
		ask(table, code + beside[i]);
	for (size_t at = 12; at + 8 <= size && at < 12 + 4 * 8; at += 8) {
		int32_t start;

		memcpy(&start, data + at, sizeof start);
		for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
			ask(table, table->header + (uint64_t)(int64_t)start + beside[i]);
	}
	ask(table, 0);
	ask(table, UINT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of exactly this size, so that a byte more is seen. */
	uint8_t *copy = malloc(size ? size : 1);
	struct cp_segment table = {.header = (uint64_t)(uintptr_t)copy,
				   .low = (uint64_t)(uintptr_t)copy,
				   .high = (uint64_t)(uintptr_t)copy + size};

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	ask_all(&table, data, size);
	/* The header may be at the end, before which the entries lie. */
	if (size > 64) {
		table.header = table.high - 64;
		ask_all(&table, copy + size - 64, 64);
	}
	for (size_t at = 0; at < size && at < 16; at++)
		evaluate(&table, (int64_t)(uintptr_t)(copy + at), table.low);
	free(copy);
	return 0;
}

#ifdef CP_FUZZ_MAIN
#include "test/fuzz/replay.h"
#endif
