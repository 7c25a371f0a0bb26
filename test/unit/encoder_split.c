/* encoder_split.c - units in two files: .dwo, .dwp, none, another's, a pipe of that name, and all
 * of it in another root. */
/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "encoder/package.h"
#include "encoder/symbols.h"
#define WORKSHOP "/tmp/conprof-split-XXXXXX"
#include "test/unit/inside.h"

static const char source[] = "volatile long sink;\n"
			     "static inline __attribute__((always_inline)) long ring(long n)\n"
			     "{\n"
			     "	sink += n;\n"
			     "	return sink * 3;\n"
			     "}\n"
			     "__attribute__((noinline)) static long sell(long n)\n"
			     "{\n"
			     "	return n > 7 ? ring(n) : ring(n + 1) + ring(n * 2);\n"
			     "}\n"
			     "int main(int argc, char **argv)\n"
			     "{\n"
			     "	(void)argv;\n"
			     "	return (int)(sell(argc) + ring(argc));\n"
			     "}\n";

/* Each version of DWARF whole and split, from the same source: the same code. Where it was compiled
 * there is nothing. */
static int make_programs(void **state)
{
	(void)state;
	if (workshop_open("shop.c", source))
		return -1;
	for (int version = 4; version <= 5; version++) {
		shell("mkdir whole%d split%d && gcc -O2 -gdwarf-%d -o whole%d/shop shop.c", version,
		      version, version, version);
		shell("cd split%d && gcc -O2 -gdwarf-%d -gsplit-dwarf "
		      "-fdebug-prefix-map=$PWD=/nowhere -c -o shop.o ../shop.c && "
		      "gcc -o shop shop.o && objcopy -O binary -j .text shop text && "
		      "objcopy -O binary -j .text ../whole%d/shop whole && cmp text whole",
		      version, version, version);
	}
	inside_open();
	return 0;
}

/* All that is said of all of its code, as text of malloc; *inlined: of how many addresses more than
 * one function. */
static char *say(const char *name, int version, struct cp_origin *origin, int *inlined)
{
	char shop[32] = "/", *text = NULL;
	size_t size = 0;
	uint8_t build_id[36];
	snprintf(shop + 1, sizeof(shop) - 1, "%s%d/shop", name, version);
	uint32_t len = build_id_of(shop, build_id);
	const struct cp_module_id id = {.path = origin ? shop : path_of(shop),
					.build_id = build_id,
					.build_id_len = len,
					.origin = origin};
	struct cp_symbols *symbols = cp_symbols_new();
	struct cp_image *image = cp_symbols_image(symbols, &id);
	FILE *out = open_memstream(&text, &size);
	*inlined = 0;
	for (uint64_t address = 0x1000; address < 0x1300; address++) {
		const struct cp_lines found = cp_image_lines(image, address);
		*inlined += found.count > 1;
		for (uint32_t i = 0; i < found.count; i++)
			fprintf(out, "%lx %s %s %s %u %u\n", (unsigned long)address,
				found.lines[i].name, found.lines[i].system_name,
				strrchr(found.lines[i].file, '/'), found.lines[i].line,
				found.lines[i].start_line);
	}
	fclose(out);
	cp_symbols_free(symbols);
	return text;
}

static void assert_same(int version)
{
	int inlined = 0, split = 0;
	char *whole_says = say("whole", version, NULL, &inlined);
	assert_true(inlined > 20);
	for (int i = 0; i < (inside ? 2 : 1); i++) {
		char *split_says = say("split", version, i ? inside : NULL, &split);
		assert_int_equal(split, inlined);
		assert_string_equal(split_says, whole_says);
		free(split_says);
	}
	free(whole_says);
}

/* Lines there are in the program itself, inlined calls are not. */
static void assert_without(int version)
{
	int inlined = 0;
	for (int i = 0; i < (inside ? 2 : 1); i++) {
		char *says = say("split", version, i ? inside : NULL, &inlined);
		assert_int_equal(inlined, 0);
		assert_non_null(strstr(says, " main main /shop.c 14 "));
		free(says);
	}
}

static void a_dwo_says_what_a_whole_unit_says(void **state)
{
	(void)state;
	assert_same(4);
	assert_same(5);
}

static void without_it_there_are_lines(void **state)
{
	(void)state;
	shell("for v in 4 5; do mv split$v/shop.dwo split$v/kept; done");
	assert_without(4);
	assert_without(5);
}

/* That of another compilation has another number; a pipe would have nobody who writes. */
static void what_is_not_it_is_not_used(void **state)
{
	(void)state;
	shell("cd split5 && sed 's/ > 7/ > 6/' ../shop.c >other.c && "
	      "gcc -O2 -gdwarf-5 -gsplit-dwarf -c -o shop.o other.c");
	assert_without(5);
	shell("cd split5 && rm shop.dwo && mkfifo shop.dwo");
	assert_without(5);
	shell("cd split5 && rm shop.dwo && head -c 700 kept >shop.dwo");
	assert_without(5);
	shell("cd split5 && rm shop.dwo");
}

/* The index of a package of one unit, whose shares are whole sections: as llvm-dwp would write it
 * (test/real/lines.py has its own made by that). */
static void write_index(const char *dwo, const char *index)
{
	static const char *const names[] = {".debug_info.dwo", ".debug_abbrev.dwo",
					    ".debug_str_offsets.dwo", ".debug_rnglists.dwo"};
	/* version, columns, units, slots; two slots' numbers; their rows; kinds, offsets, sizes */
	uint32_t words[22] = {5, 4, 1, 2, [10] = 1, 3, 6, 8};
	uint64_t id = 0;
	struct cp_elf file;
	assert_int_equal(cp_elf_open(dwo, &file), 0);
	for (int i = 0; i < 4; i++)
		words[18 + i] = (uint32_t)cp_elf_section(file.elf, names[i]).size;
	assert_true(cp_span_number(cp_elf_section(file.elf, names[0]), 12, 8, &id));
	memcpy((char *)words + 16 + (id & 1) * 8, &id, sizeof(id));
	words[8 + (id & 1)] = 1;
	cp_elf_close(&file);
	FILE *out = fopen(index, "we");
	assert_non_null(out);
	assert_int_equal(fwrite(words, sizeof(words), 1, out), 1);
	fclose(out);
}

static void a_dwp_says_it_too(void **state)
{
	char dwo[128], index[128];
	(void)state;
	snprintf(dwo, sizeof(dwo), "%s/split5/kept", dir);
	snprintf(index, sizeof(index), "%s/index", dir);
	write_index(dwo, index);
	shell("cd split5 && objcopy --add-section .debug_cu_index=../index kept shop.dwp");
	assert_same(5);
	shell("cd split5 && cp shop.dwp all.dwp && head -c 300 all.dwp >shop.dwp");
	assert_without(5);
	/* a number of slots that no table has room for */
	shell("printf '\\0\\0\\0\\200' | dd of=index bs=1 seek=12 conv=notrunc "
	      "2>/dev/null && "
	      "cd split5 && objcopy --add-section .debug_cu_index=../index kept shop.dwp");
	assert_without(5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_dwo_says_what_a_whole_unit_says),
	    cmocka_unit_test(without_it_there_are_lines),
	    cmocka_unit_test(what_is_not_it_is_not_used),
	    cmocka_unit_test(a_dwp_says_it_too),
	};
	return cmocka_run_group_tests(tests, make_programs, inside_close);
}
