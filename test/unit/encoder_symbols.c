/* encoder_symbols.c - names, lines and inlined calls of files just compiled. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>

#include "encoder/symbols.h"
#define WORKSHOP "/tmp/conprof-symbols-XXXXXX"
#include "test/unit/workshop.h"

static const char source[] =
    "#include <cstddef>\n"					      /* 1 */
    "namespace shop {\n"					      /* 2 */
    "volatile int sink;\n"					      /* 3 */
    "static inline __attribute__((always_inline)) void ring(int n)\n" /* 4 */
    "{\n"							      /* 5 */
    "	sink = n * 3;\n"					      /* 6 */
    "}\n"							      /* 7 */
    "template <typename T> struct Till {\n"			      /* 8 */
    "	inline __attribute__((always_inline)) void sell(T n)\n"	      /* 9 */
    "	{\n"							      /* 10 */
    "		ring((int)n);\n"				      /* 11 */
    "	}\n"							      /* 12 */
    "};\n"							      /* 13 */
    "__attribute__((noinline)) void open(long n)\n"		      /* 14 */
    "{\n"							      /* 15 */
    "	Till<long> till;\n"					      /* 16 */
    "	till.sell(n);\n"					      /* 17 */
    "}\n"							      /* 18 */
    "}\n"							      /* 19 */
    "extern \"C\" __attribute__((noinline)) int plain_name(int n)\n"  /* 20 */
    "{ return n * 5 + shop::sink; }\n"				      /* 21 */
    "extern \"C\" int __plain_alias(int) __attribute__((alias(\"plain_name\")));\n"
    "asm(\".p2align 4; .fill 16, 1, 0x90; .globl __restore_rt; .type __restore_rt, @function\\n\"\n"
    "    \"__restore_rt: nop; ret; .size __restore_rt, 2\");\n";

static int make_library(void **state)
{
	(void)state;
	if (workshop_open("shop.cc", source))
		return -1;
	shell("g++ -g -O2 -fPIC -shared -Wl,--build-id=sha1 -o shop.so shop.cc");
	shell("cp shop.so bare.so && strip bare.so");
	shell("objcopy --only-keep-debug shop.so linked.debug && cp shop.so linked.so && "
	      "strip linked.so && objcopy --add-gnu-debuglink=linked.debug linked.so");
	return 0;
}

struct library {
	char path[256];
	uint8_t build_id[36];
	struct cp_module_id id;
};

static void open_library(struct library *library, const char *name)
{
	snprintf(library->path, sizeof(library->path), "%s", path_of(name));
	assert_int_equal(build_id_of(name, library->build_id), 20);
	library->id = (struct cp_module_id){.path = library->path,
					    .build_id = library->build_id,
					    .build_id_len = 20,
					    .how = CP_DEMANGLE_FULL};
}

static uint64_t symbol_address(const char *symbol)
{
	return address_of("shop.so", symbol, NULL);
}

/* Says as addr2line -i does: "function file:line", innermost first; but the innermost function's
 * name, for which addr2line takes that of the symbol around it, is left out when it is inlined. */
static void as_addr2line(uint64_t address, char *text, size_t room)
{
	char command[512], function[512], place[512];
	snprintf(command, sizeof(command), "addr2line -C -f -i -e %s/shop.so %lx", dir,
		 (unsigned long)address);
	FILE *in = popen(command, "r"); /* NOLINT */
	size_t len = 0;
	text[0] = 0;
	for (int i = 0; fgets(function, sizeof(function), in) && fgets(place, sizeof(place), in);
	     i++) {
		function[strcspn(function, "\n")] = 0;
		place[strcspn(place, " \n")] = 0;
		len +=
		    (size_t)snprintf(text + len, room - len, "%s %s\n", i ? function : "?", place);
	}
	pclose(in);
}

static void as_we_say(struct cp_lines found, char *text, size_t room)
{
	size_t len = 0;
	text[0] = 0;
	for (uint32_t i = 0; i < found.count; i++)
		len += (size_t)snprintf(text + len, room - len, "%s %s:%u\n",
					i ? found.lines[i].name : "?", found.lines[i].file,
					found.lines[i].line);
}

static void agrees_with_addr2line(void **state)
{
	struct library library;
	char ours[2048], theirs[2048];
	int inlined = 0;
	(void)state;
	struct cp_symbols *symbols = cp_symbols_new();
	open_library(&library, "shop.so");
	struct cp_image *image = cp_symbols_image(symbols, &library.id);
	assert_true(cp_image_has_lines(image));
	uint64_t start = symbol_address("_ZN4shop4openEl");
	for (uint64_t at = start; at < start + 12; at++) {
		as_we_say(cp_image_lines(image, at), ours, sizeof(ours));
		as_addr2line(at, theirs, sizeof(theirs));
		assert_string_equal(ours, theirs);
		struct cp_lines found = cp_image_lines(image, at);
		assert_string_equal(found.lines[0].name,
				    found.count == 3 ? "shop::ring" : "shop::open(long)");
		inlined += found.count == 3;
	}
	assert_true(inlined > 0);
	cp_symbols_free(symbols);
}

static void names_are_the_known_ones(void **state)
{
	struct library library;
	(void)state;
	struct cp_symbols *symbols = cp_symbols_new();
	open_library(&library, "shop.so");
	struct cp_image *image = cp_symbols_image(symbols, &library.id);
	uint64_t at = symbol_address("_ZN4shop4openEl");
	struct cp_lines found = cp_image_lines(image, at);
	assert_string_equal(found.lines[found.count - 1].name, "shop::open(long)");
	assert_string_equal(found.lines[found.count - 1].system_name, "_ZN4shop4openEl");
	assert_int_equal(found.lines[found.count - 1].start_line, 14);
	at = symbol_address("__plain_alias");
	assert_int_equal(at, symbol_address("plain_name"));
	assert_string_equal(cp_image_lines(image, at).lines[0].name, "plain_name");
	assert_int_equal(cp_image_lines(image, 0x7fffffff).count, 0);
	cp_symbols_free(symbols);
}

/* The frame of a signal handler's caller is that of no call. */
static void a_handler_returns_to_a_first_byte(void **state)
{
	struct library library;
	(void)state;
	struct cp_symbols *symbols = cp_symbols_new();
	open_library(&library, "bare.so");
	uint64_t at = symbol_address("__restore_rt");
	struct cp_image *image = cp_symbols_image(symbols, &library.id);
	assert_int_equal(cp_image_lines(image, at - 1).count, 1);
	assert_string_equal(cp_image_lines(image, at - 1).lines[0].name, "__restore_rt");
	assert_string_equal(cp_image_lines(image, at + 1).lines[0].name, "__restore_rt");
	assert_int_equal(cp_image_lines(image, at - 2).count, 0);
	cp_symbols_free(symbols);
}

/* Two programs of a family may want the same library's names in two ways. */
static void names_are_written_as_wanted(void **state)
{
	static const char *const expected[] = {[CP_DEMANGLE_SHORT] = "shop::open",
					       [CP_DEMANGLE_FULL] = "shop::open(long)",
					       [CP_DEMANGLE_NONE] = "_ZN4shop4openEl"};
	struct library library;
	(void)state;
	struct cp_symbols *symbols = cp_symbols_new();
	open_library(&library, "shop.so");
	uint64_t at = symbol_address("_ZN4shop4openEl");
	for (int i = 0; i < 6; i++) {
		library.id.how = (enum cp_demangling)(i % 3);
		struct cp_image *image = cp_symbols_image(symbols, &library.id);
		struct cp_lines found = cp_image_lines(image, at);
		assert_string_equal(found.lines[found.count - 1].name, expected[i % 3]);
		assert_string_equal(found.lines[found.count - 1].system_name, "_ZN4shop4openEl");
	}
	cp_symbols_free(symbols);
}

static void other_build_id_is_refused(void **state)
{
	struct library library;
	(void)state;
	struct cp_symbols *symbols = cp_symbols_new();
	open_library(&library, "shop.so");
	library.build_id[19] ^= 1;
	assert_false(cp_image_has_names(cp_symbols_image(symbols, &library.id)));
	library.id.build_id_len = 0; /* the file has one, the recording none */
	assert_false(cp_image_has_names(cp_symbols_image(symbols, &library.id)));
	cp_symbols_free(symbols);
}

static void stripped_file_finds_its_debug_file(void **state)
{
	struct library library;
	(void)state;
	struct cp_symbols *symbols = cp_symbols_new();
	open_library(&library, "bare.so");
	uint64_t at = symbol_address("_ZN4shop4openEl");
	struct cp_image *image = cp_symbols_image(symbols, &library.id);
	assert_true(cp_image_has_names(image)); /* .dynsym */
	assert_false(cp_image_has_lines(image));
	assert_string_equal(cp_image_lines(image, at).lines[0].name, "shop::open(long)");
	assert_int_equal(cp_image_lines(image, at).lines[0].line, 0);
	cp_symbols_free(symbols);
	symbols = cp_symbols_new();
	open_library(&library, "linked.so");
	image = cp_symbols_image(symbols, &library.id);
	assert_true(cp_image_has_lines(image));
	assert_int_equal(cp_image_lines(image, at).count, 3);
	assert_int_equal(cp_image_lines(image, at).lines[2].line, 17);
	cp_symbols_free(symbols);
}

static void strange_files_are_nothing(void **state)
{
	static const char *const paths[] = {"/dev/zero",   "/proc/self/mem", "/etc/passwd",
					    "/tmp",	   "relative.so",    "",
					    "/nonexistent"};
	(void)state;
	char fifo[128];
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	shell("mkfifo %s", fifo);
	struct cp_symbols *symbols = cp_symbols_new();
	for (size_t i = 0; i <= sizeof(paths) / sizeof(*paths); i++) {
		const struct cp_module_id id = {
		    .path = i < sizeof(paths) / sizeof(*paths) ? paths[i] : fifo, .pid = 1};
		struct cp_image *image = cp_symbols_image(symbols, &id);
		assert_false(cp_image_has_names(image));
		assert_int_equal(cp_image_lines(image, 4096).count, 0);
	}
	cp_symbols_free(symbols);
}

static void deleted_program_is_read_through_proc(void **state)
{
	char path[128];
	struct library library;
	(void)state;
	open_library(&library, "shop.so");
	struct cp_elf elf;
	const void *id;
	assert_int_equal(cp_elf_open("/proc/self/exe", &elf), 0);
	ssize_t len = dwelf_elf_gnu_build_id(elf.elf, &id);
	snprintf(path, sizeof(path), "%s/gone", dir);
	const struct cp_module_id gone = {.path = path,
					  .build_id = id,
					  .build_id_len = (uint32_t)len,
					  .is_main = true,
					  .pid = getpid()};
	struct cp_symbols *symbols = cp_symbols_new();
	assert_true(cp_image_has_names(cp_symbols_image(symbols, &gone)));
	cp_symbols_free(symbols);
	cp_elf_close(&elf);
}

static void more_modules_than_desks(void **state)
{
	struct library library;
	(void)state;
	struct cp_symbols *symbols = cp_symbols_new();
	open_library(&library, "shop.so");
	uint64_t at = symbol_address("plain_name");
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 100; i++) {
			char path[64];
			snprintf(path, sizeof(path), "/nonexistent/%d", i);
			const struct cp_module_id id = {.path = path};
			assert_non_null(cp_symbols_image(symbols, &id));
		}
		struct cp_image *image = cp_symbols_image(symbols, &library.id);
		assert_string_equal(cp_image_lines(image, at).lines[0].name, "plain_name");
	}
	cp_symbols_free(symbols);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(agrees_with_addr2line),
	    cmocka_unit_test(names_are_the_known_ones),
	    cmocka_unit_test(a_handler_returns_to_a_first_byte),
	    cmocka_unit_test(names_are_written_as_wanted),
	    cmocka_unit_test(other_build_id_is_refused),
	    cmocka_unit_test(stripped_file_finds_its_debug_file),
	    cmocka_unit_test(strange_files_are_nothing),
	    cmocka_unit_test(deleted_program_is_read_through_proc),
	    cmocka_unit_test(more_modules_than_desks),
	};
	return cmocka_run_group_tests(tests, make_library, workshop_close);
}
