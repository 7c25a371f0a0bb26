/* encoder_symtab.c - which name an address has, and where there is none: of objects just assembled.
 */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "encoder/demangle.h"
#include "encoder/elffile.h"
#include "encoder/symtab.h"
#define WORKSHOP "/tmp/conprof-symtab-XXXXXX"
#include "test/unit/workshop.h"

/* Every 16 bytes something else, from the beginning of .text on. */
static const char layout[] =
    "	.text\n	.p2align 12\n	.globl first, zfirst, __first, open64, open, wide64, label\n"
    "	.type first, @function\n	.type zfirst, @function\n	.type __first, @function\n"
    "first: zfirst: __first: .Llocal:\n"
    "	.cfi_startproc\n	nop\n	nop\n"
    "inside:	nop\n	ret\n	.cfi_endproc\n"
    "	.size first, 4\n	.size zfirst, 4\n	.size __first, 4\n"
    "	.p2align 4\n" /* 16: a label before a function that has lost its name */
    "label:	nop\n	ret\n"
    "	.p2align 4\n" /* 32 */
    ".Lnameless:\n	.cfi_startproc\n	nop\n	ret\n	.cfi_endproc\n"
    "	.p2align 4\n" /* 48: a label whose own end is known */
    "rules:	.cfi_startproc\n	nop\n	ret\n	.cfi_endproc\n"
    "	.p2align 4\n" /* 64: empty.cold is nothing, and begins where whole does */
    "	.type empty.cold, @function\nempty.cold:\n"
    "	.type whole, @function\nwhole:	nop\n	ret\n	.size whole, 2\n	.size empty.cold, "
    "0\n"
    "	.p2align 4\n" /* 80: marks that are nobody's names, before one that is */
    "\"$x\": \"$d.5\": \".annobin_a_end\":\n"
    "	.type \"$s4mainSwift\", @function\n\"$s4mainSwift\":	nop\n	ret\n	.size "
    "\"$s4mainSwift\", 2\n"
    "	.p2align 4\n" /* 96 */
    "	.type open64, @function\n	.type open, @function\n	.weak open\n	.set open, open64\n"
    "open64:	nop\n	ret\n	.size open64, 2\n	.size open, 2\n"
    "	.p2align 4\n" /* 112: with no other name */
    "	.type wide64, @function\nwide64:	nop\n	ret\n	.size wide64, 2\n"
    "	.p2align 4\n" /* 128: data, a thread's variable, and a number, which are no code */
    "	.type data, @object\ndata:	.quad 0, 0\n	.size data, 16\n"
    "	.globl number\n	.set number, 0x1000\n" /* may equal any address */
    "	.p2align 4\n"			       /* 144 */
    "	.type choose, @gnu_indirect_function\n	.globl choose\n"
    "choose:	nop\n	ret\n	.size choose, 2\n"
    "	.p2align 4\n" /* 160 */
    "	.type pick, @gnu_indirect_function\n	.globl pick\n"
    "	.type my_pick, @function\npick: my_pick:	nop\n	ret\n"
    "	.size pick, 2\n	.size my_pick, 2\n"
    "	.p2align 4\n" /* 176: versions */
    "	.globl newest_v2, newest_v1\n	.type newest_v1, @function\n	.type newest_v2, "
    "@function\n"
    "newest_v1: newest_v2:	nop\n	ret\n	.size newest_v1, 2\n	.size newest_v2, 2\n"
    "	.symver newest_v1, llseek@V1, remove\n	.symver newest_v2, lseek_long@@V2, remove\n"
    "	.p2align 4\n" /* 192: the last label */
    "last:	nop\n	ret\n	.p2align 4\n"
    "	.section .tbss,\"awT\",@nobits\n	.type thread, @object\nthread:	.zero 8\n"
    "	.section .note.GNU-stack\n";

static int assemble(void **state)
{
	(void)state;
	if (workshop_open("layout.s", layout))
		return -1;
	shell("echo 'V1 { global: *; }; V2 { } V1;' >map && gcc -c layout.s && "
	      "ld -shared --hash-style=gnu --eh-frame-hdr --version-script=map -o layout.so "
	      "layout.o");
	return 0;
}

struct table {
	struct cp_elf file;
	struct cp_symtab names;
	uint64_t text;
};

static void open_table(const char *name, struct table *table)
{
	*table = (struct table){0};
	assert_int_equal(cp_elf_open(path_of(name), &table->file), 0);
	cp_symtab_add(&table->names, table->file.elf);
	cp_symtab_sort(&table->names);
	cp_symtab_bound_labels(&table->names, table->file.elf);
	for (size_t i = 0; i < table->names.count; i++)
		if (!strcmp(table->names.symbols[i].name, "first"))
			table->text = table->names.symbols[i].start;
}

static void close_table(struct table *table)
{
	cp_symtab_free(&table->names);
	cp_elf_close(&table->file);
}

/* Without its version, which only one of the two tables of symbols writes behind the name. */
static void named(const struct table *table, uint64_t offset, const char *expected)
{
	char name[128];
	const struct cp_symbol *found = cp_symtab_find(&table->names, table->text + offset);
	snprintf(name, sizeof(name), "%s", found ? found->name : "");
	name[strcspn(name, "@")] = 0;
	assert_string_equal(name, expected);
}

static void each_address_has_its_name(void **state)
{
	static const struct {
		uint64_t offset;
		const char *name;
	} places[] = {{0, "first"},	{2, "first"},
		      {3, "first"},	{4, ""},
		      {15, ""},		{16, "label"},
		      {31, "label"},	{32, ""},
		      {33, ""},		{40, ""},
		      {48, "rules"},	{49, "rules"},
		      {50, ""},		{63, ""},
		      {64, "whole"},	{65, "whole"},
		      {66, ""},		{80, "$s4mainSwift"},
		      {82, ""},		{96, "open"},
		      {112, "wide64"},	{128, ""},
		      {135, ""},	{144, "choose.resolver"},
		      {160, "my_pick"}, {176, "lseek_long"},
		      {192, "last"},	{193, "last"},
		      {208, ""}};
	struct table table;
	(void)state;
	open_table("layout.so", &table);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		named(&table, places[i].offset, places[i].name);
	close_table(&table);
}

/* Of a stripped library only what it shows to others is left; nothing may be taken for it. */
static void exported_names_do_not_reach_far(void **state)
{
	struct table table;
	(void)state;
	shell("cp layout.so bare.so && strip bare.so");
	open_table("bare.so", &table);
	named(&table, 0, "first");
	named(&table, 2, "first");
	named(&table, 4, "");
	for (uint64_t offset = 16; offset < 32; offset++)
		named(&table, offset, "label");
	for (uint64_t offset = 32; offset < 96; offset++)
		named(&table, offset, "");
	named(&table, 96, "open");
	named(&table, 176, "lseek_long");
	named(&table, 192, "");
	close_table(&table);
}

static void without_rules_a_label_reaches_to_the_next(void **state)
{
	struct table table;
	(void)state;
	shell("objcopy -R .eh_frame_hdr -R .eh_frame layout.o plain.o && "
	      "ld -shared --version-script=map -o plain.so plain.o");
	open_table("plain.so", &table);
	named(&table, 31, "label");
	named(&table, 33, "label"); /* nobody can know better */
	named(&table, 63, "rules");
	named(&table, 64, "whole");
	close_table(&table);
}

/* What is rarely run lies elsewhere, under a symbol of its own, and is the same function. */
static void partitioned_functions(void **state)
{
	struct table table;
	int cold = 0;
	(void)state;
	shell("echo 'void rare(int) __attribute__((cold, noreturn)); extern volatile int "
	      "s[]; int often(int n) { for (int i = 0; i < n; i++) s[i] *= 3; if (s[n] == 7) { "
	      "s[3] = s[4] / s[5]; rare(n + s[2]); } return s[1]; }' >split.c && "
	      "gcc -O2 -freorder-blocks-and-partition -fPIC -shared -o split.so split.c");
	open_table("split.so", &table);
	for (size_t i = 0; i < table.names.count; i++) {
		char name[64];
		cp_demangle(table.names.symbols[i].name, CP_DEMANGLE_SHORT, name, sizeof(name));
		cold += !strcmp(name, "often");
	}
	assert_int_equal(cold, 2);
	close_table(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_address_has_its_name),
	    cmocka_unit_test(exported_names_do_not_reach_far),
	    cmocka_unit_test(without_rules_a_label_reaches_to_the_next),
	    cmocka_unit_test(partitioned_functions),
	};
	return cmocka_run_group_tests(tests, assemble, workshop_close);
}
