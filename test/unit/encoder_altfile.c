/* encoder_altfile.c - a name that stands in the file which debug files share (dwz): beside, by
 * build-id, another's, and in another root. */
/* SPDX-License-Identifier: MIT */
#include "encoder/symbols.h"
#define WORKSHOP "/tmp/conprof-alt-XXXXXX"
#include "test/unit/inside.h"

/* A function that has no symbol: its name is the first of the shared file. */
static const char source[] =
    "	.text\n"
    ".Lbegin:\n"
    "	.skip 64, 0x90\n"
    ".Lend:\n"
    "	.section .debug_abbrev,\"\",@progbits\n"
    "	.uleb128 1, 0x11\n" /* a unit, with children: from, size */
    "	.byte 1\n"
    "	.uleb128 0x11, 0x01, 0x12, 0x07, 0, 0\n"
    "	.uleb128 2, 0x2e\n" /* a function: its name over there, from, size */
    "	.byte 0\n"
    "	.uleb128 0x03, 0x1f21, 0x11, 0x01, 0x12, 0x07, 0, 0\n"
    "	.byte 0\n"
    "	.section .debug_info,\"\",@progbits\n"
    "	.long .Lafter - .Lversion\n"
    ".Lversion:\n"
    "	.value 4\n"
    "	.long 0\n"
    "	.byte 8\n"
    "	.uleb128 1\n"
    "	.quad .Lbegin, .Lend - .Lbegin\n"
    "	.uleb128 2\n"
    "	.long 1\n"
    "	.quad .Lbegin, .Lend - .Lbegin\n"
    "	.byte 0\n"
    ".Lafter:\n"
    "	.section .gnu_debugaltlink,\"\",@progbits\n"
    "	.asciz \"shared.debug\"\n"
    "	.byte 0x12, 0x34, 0x56, 0x78\n"
    "	.section .debug_str,\"\",@progbits\n"
    "	.asciz \"own\"\n";

/* The program in a folder, the shared file in none as yet: two of them, with different build-ids.
 */
static int make_files(void **state)
{
	(void)state;
	if (workshop_open("shop.s", source))
		return -1;
	shell(
	    "mkdir app && gcc -nostdlib -shared -Wl,--build-id=0xabcdef01 -o app/shop.so shop.s && "
	    "sed -e 's/\"own\"/\"\\\\000sell\"/' -e '/altlink/,/0x12/d' shop.s >shared.s && "
	    "gcc -nostdlib -shared -Wl,--build-id=0x12345678 -o shared shared.s && "
	    "gcc -nostdlib -shared -Wl,--build-id=0x12345679 -o other shared.s");
	inside_open();
	return 0;
}

/* What the function is called, for a process in our root or in that one. */
static void is_called(struct cp_origin *origin, const char *name)
{
	uint8_t build_id[36];
	uint32_t len = build_id_of("app/shop.so", build_id);
	const struct cp_module_id id = {.path = origin ? "/app/shop.so" : path_of("app/shop.so"),
					.build_id = build_id,
					.build_id_len = len,
					.origin = origin};
	struct cp_symbols *symbols = cp_symbols_new();
	const struct cp_lines found = cp_image_lines(cp_symbols_image(symbols, &id), 0x1010);
	assert_string_equal(found.count ? found.lines[0].name : "", name);
	cp_symbols_free(symbols);
}

static void both_say(const char *name)
{
	is_called(NULL, name);
	if (inside)
		is_called(inside, name);
}

static void it_lies_beside(void **state)
{
	(void)state;
	both_say("");
	shell("cp shared app/shared.debug");
	both_say("sell");
}

static void anothers_is_not_used(void **state)
{
	(void)state;
	shell("cp other app/shared.debug");
	both_say("");
	shell("rm app/shared.debug && mkfifo app/shared.debug");
	both_say("");
}

/* Of our own root we can't write to that place. */
static void its_root_has_it_by_build_id(void **state)
{
	(void)state;
	if (!inside)
		skip();
	shell("d=usr/lib/debug/.build-id/12 && mkdir -p $d && cp shared $d/345678.debug");
	is_called(inside, "sell");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_lies_beside),
	    cmocka_unit_test(anothers_is_not_used),
	    cmocka_unit_test(its_root_has_it_by_build_id),
	};
	return cmocka_run_group_tests(tests, make_files, inside_close);
}
