/* encoder_files.c - which files tell a module's names: separate, packed, renamed, damaged ones. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <gelf.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "encoder/symbols.h"
#define WORKSHOP "/tmp/conprof-files-XXXXXX"
#include "test/unit/workshop.h"

static const char source[] = "static __attribute__((noinline)) int hidden(int n)\n"
			     "{ return n * 3 + (n >> 2); }\n"
			     "int shown(int n)\n"
			     "{ return hidden(n) + hidden(n + 1); }\n";

/* whole.so has all; whole.debug what strip takes away; bare.so nothing but what it exports. */
static int make_files(void **state)
{
	(void)state;
	if (workshop_open("shop.c", source))
		return -1;
	shell("gcc -g -O1 -fPIC -shared -Wl,--build-id=sha1 -o whole.so shop.c");
	shell("gcc -g -O1 -fPIC -shared -Wl,--build-id=none -o nameless.so shop.c");
	shell("printf '.text\\n.skip 64\\n.type by_hand,@function\\nby_hand: .skip 16\\n"
	      ".size by_hand,16\\n' >hand.s && echo '.section .note.GNU-stack' >>hand.s && "
	      "gcc -g -O1 -fPIC -shared -Wl,--build-id=sha1 -o mixed.so shop.c hand.s");
	shell("objcopy --only-keep-debug whole.so whole.debug && strip -o bare.so whole.so");
	return 0;
}

struct module {
	char path[256];
	uint8_t build_id[36];
	struct cp_module_id id;
};

static void describe(struct module *module, const char *name, const char *of)
{
	*module = (struct module){.id = {.path = module->path, .build_id = module->build_id}};
	module->id.build_id_len = build_id_of(of, module->build_id);
	snprintf(module->path, sizeof(module->path), "%s", path_of(name));
}

/* What is found at an address: name and line; "" and 0 when nothing is. */
struct answer {
	char name[64];
	uint32_t line;
};

static struct answer ask_in(const char *dirs, const struct cp_module_id *id, uint64_t address)
{
	struct answer answer = {"", 0};
	struct cp_symbols *symbols = cp_symbols_new();
	if (dirs)
		cp_symbols_search(symbols, dirs, NULL, "", "");
	struct cp_image *image = cp_symbols_image(symbols, id);
	struct cp_lines found = cp_image_lines(image, address);
	if (found.count) {
		snprintf(answer.name, sizeof(answer.name), "%s", found.lines[0].name);
		answer.line = found.lines[0].line;
	}
	cp_symbols_free(symbols);
	return answer;
}

static struct answer ask(const struct cp_module_id *id, uint64_t address)
{
	return ask_in(NULL, id, address);
}

static void expect(struct answer answer, const char *name, uint32_t line)
{
	assert_string_equal(answer.name, name);
	assert_int_equal(answer.line, line);
}

/* Named for nothing: the tests that follow put these under the names that are looked for. */
static void debug_file_tells_what_was_stripped(void **state)
{
	struct module module;
	uint64_t hidden = address_of("whole.so", "hidden", NULL);
	(void)state;
	describe(&module, "bare.so", "bare.so");
	assert_string_not_equal(ask(&module.id, hidden).name, "hidden");
	shell("objcopy --add-gnu-debuglink=whole.debug bare.so linked.so");
	describe(&module, "linked.so", "linked.so");
	expect(ask(&module.id, hidden), "hidden", 2);
	/* of another build: as if it were not there */
	shell("gcc -g -O2 -DX -fPIC -shared -Wl,--build-id=sha1 -Wl,--defsym=x=1 -o other.so "
	      "shop.c && "
	      "mkdir -p keep && mv whole.debug keep && "
	      "objcopy --only-keep-debug other.so whole.debug");
	assert_int_equal(ask(&module.id, hidden).line, 0);
	shell("rm whole.debug && mv keep/whole.debug .");
}

/* A file with lines of its own, but with no symbols beside those that it shows: what has no lines
 * (an assembler's function) is known by the debug file. */
static void debug_file_is_asked_for_symbols_alone(void **state)
{
	struct module module;
	uint64_t label = address_of("mixed.so", "by_hand", NULL);
	(void)state;
	shell("objcopy --only-keep-debug mixed.so lineless.debug && "
	      "objcopy --strip-debug lineless.debug && "
	      "objcopy --strip-all --keep-section='.debug*' mixed.so lined.so");
	describe(&module, "lined.so", "lined.so");
	expect(ask(&module.id, address_of("mixed.so", "hidden", NULL)), "hidden", 2);
	assert_string_not_equal(ask(&module.id, label).name, "by_hand");
	shell("objcopy --add-gnu-debuglink=lineless.debug lined.so");
	expect(ask(&module.id, label), "by_hand", 0);
	expect(ask(&module.id, address_of("mixed.so", "hidden", NULL)), "hidden", 2);
}

/* As if the module had been given other addresses after its debug file was made. */
static void move_addresses(const char *name, uint64_t by)
{
	static char image[1 << 20];
	char path[256];
	Elf64_Ehdr *header = (Elf64_Ehdr *)image;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	ssize_t size = read(fd, image, sizeof(image));
	assert_in_range(size, 1000, sizeof(image) - 1);
	Elf64_Phdr *segments = (Elf64_Phdr *)(image + header->e_phoff);
	for (int i = 0; i < header->e_phnum; i++)
		segments[i].p_vaddr += by;
	Elf64_Shdr *sections = (Elf64_Shdr *)(image + header->e_shoff);
	for (int i = 1; i < header->e_shnum; i++) {
		if (sections[i].sh_flags & SHF_ALLOC)
			sections[i].sh_addr += by;
		Elf64_Sym *symbols = (Elf64_Sym *)(image + sections[i].sh_offset);
		for (size_t j = 1; sections[i].sh_type == SHT_SYMTAB &&
				   j < sections[i].sh_size / sizeof(*symbols);
		     j++)
			symbols[j].st_value += by;
	}
	assert_int_equal(pwrite(fd, image, (size_t)size, 0), size);
	close(fd);
}

static void module_was_prelinked(void **state)
{
	struct module module;
	(void)state;
	shell("objcopy --only-keep-debug mixed.so moved.debug && objcopy --strip-debug moved.debug "
	      "&& "
	      "strip -o prelinked.so mixed.so && "
	      "objcopy --add-gnu-debuglink=moved.debug prelinked.so");
	move_addresses("moved.debug", 0x3000);
	describe(&module, "prelinked.so", "prelinked.so");
	expect(ask(&module.id, address_of("mixed.so", "hidden", NULL)), "hidden", 0);
	expect(ask(&module.id, address_of("mixed.so", "by_hand", NULL)), "by_hand", 0);
}

/* Where gdb looks, and where a setting says. */
static void debug_file_lies_in_many_places(void **state)
{
	static const char *const places[] = {"%s/sub", "%s/sub/.debug", "%s/more%s/sub"};
	struct module module;
	char more[512], where[512];
	uint64_t hidden = address_of("whole.so", "hidden", NULL);
	(void)state;
	shell("mkdir -p sub && objcopy --add-gnu-debuglink=whole.debug bare.so sub/linked.so && "
	      "mkdir -p links && ln -sf ../sub/linked.so links/link.so");
	snprintf(more, sizeof(more), "/nonexistent:%s/more:", dir);
	for (size_t i = 0; i <= sizeof(places) / sizeof(*places); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* three literals above */
		snprintf(where, sizeof(where), places[i % 3], dir, dir);
#pragma GCC diagnostic pop
		/* the last time through a link, whose own folder has none */
		describe(&module, i < 3 ? "sub/linked.so" : "links/link.so", "sub/linked.so");
		assert_int_equal(ask_in(more, &module.id, hidden).line, 0);
		shell("mkdir -p %s && cp whole.debug %s", where, where);
		expect(ask_in(more, &module.id, hidden), "hidden", 2);
		shell("rm %s/whole.debug", where);
	}
	describe(&module, "bare.so", "bare.so");
	char hex[2 * 20 + 1];
	for (uint32_t i = 0; i < module.id.build_id_len; i++)
		snprintf(hex + 2 * i, 3, "%02x", module.build_id[i]);
	shell("mkdir -p more/.build-id/%.2s && cp whole.debug more/.build-id/%.2s/%s.debug", hex,
	      hex, hex + 2);
	expect(ask_in(more, &module.id, hidden), "hidden", 2);
	assert_int_equal(ask_in("/nonexistent", &module.id, hidden).line, 0);
}

/* As Fedora does it: symbols of functions that are not dynamic ones, in xz. */
static void symbols_are_packed_inside(void **state)
{
	struct module module;
	uint64_t hidden = address_of("whole.so", "hidden", NULL);
	(void)state;
	shell(
	    "nm -D whole.so --format=posix --defined-only | awk '{print $1}' | sort >dynsyms && "
	    "nm whole.so --format=posix --defined-only | awk '$2 ~ /[TtD]/ {print $1}' | sort "
	    ">funcsyms && "
	    "comm -13 dynsyms funcsyms >keep_symbols && "
	    "objcopy --only-keep-debug whole.so mini.debug && "
	    "objcopy -S --remove-section .gdb_index --remove-section .comment "
	    "--keep-symbols=keep_symbols mini.debug mini && xz -kf mini && cp bare.so packed.so && "
	    "objcopy --add-section .gnu_debugdata=mini.xz packed.so");
	describe(&module, "packed.so", "packed.so");
	expect(ask(&module.id, hidden), "hidden", 0);
	expect(ask(&module.id, address_of("whole.so", "shown", NULL)), "shown", 0);
}

/* Packed rubbish, and what unpacks to more than it may: the names that the file shows are left. */
static void packed_rubbish_is_nothing(void **state)
{
	struct module module;
	uint64_t shown = address_of("whole.so", "shown", NULL),
		 hidden = address_of("whole.so", "hidden", NULL);
	static const char *const contents[] = {"head -c 70000000 /dev/zero | xz -1 >rubbish",
					       "head -c 5000 /dev/urandom >rubbish",
					       "xz -kf mini && head -c 200 mini.xz >rubbish",
					       "echo no ELF | xz >rubbish", ": >rubbish"};
	(void)state;
	for (size_t i = 0; i < sizeof(contents) / sizeof(*contents); i++) {
		shell("%s", contents[i]);
		shell("cp bare.so bad.so && objcopy --add-section .gnu_debugdata=rubbish bad.so");
		describe(&module, "bad.so", "bad.so");
		expect(ask(&module.id, shown), "shown", 0);
		assert_string_not_equal(ask(&module.id, hidden).name, "hidden");
	}
}

static void put(int fd, const void *data, size_t len, uint64_t at)
{
	assert_int_equal(pwrite(fd, data, len, (off_t)at), len);
}

/* The same file with everything that is not loaded, and the table of sections, so much further up;
 * between them a hole. */
static void move_up(const char *from, const char *to, uint64_t by)
{
	static char image[1 << 20];
	char path[256];
	Elf64_Ehdr *header = (Elf64_Ehdr *)image;
	snprintf(path, sizeof(path), "%s/%s", dir, from);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = read(fd, image, sizeof(image));
	assert_in_range(size, 1000, sizeof(image) - 1);
	close(fd);
	snprintf(path, sizeof(path), "%s/%s", dir, to);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	Elf64_Shdr *sections = (Elf64_Shdr *)(image + header->e_shoff);
	for (int i = 1; i < header->e_shnum; i++) {
		if (sections[i].sh_flags & SHF_ALLOC || sections[i].sh_type == SHT_NOBITS)
			continue;
		put(fd, image + sections[i].sh_offset, sections[i].sh_size,
		    sections[i].sh_offset + by);
		sections[i].sh_offset += by;
	}
	put(fd, sections, (size_t)header->e_shnum * sizeof(*sections), header->e_shoff + by);
	uint64_t loaded = header->e_shoff < (uint64_t)size ? header->e_shoff : (uint64_t)size;
	header->e_shoff += by;
	put(fd, image, loaded, 0);
	close(fd);
}

static void huge_file_is_read(void **state)
{
	static const unsigned gigabytes[] = {3, 100};
	struct module module;
	(void)state;
	for (size_t i = 0; i < sizeof(gigabytes) / sizeof(*gigabytes); i++) {
		move_up("whole.so", "huge.so", (uint64_t)gigabytes[i] << 30);
		describe(&module, "huge.so", "huge.so");
		expect(ask(&module.id, address_of("whole.so", "hidden", NULL)), "hidden", 2);
		shell("rm huge.so");
	}
}

/* Somebody writes the file anew in place, and it is shorter: no signal ends us, what is asked next
 * is not known, and the file that is whole again is read again. */
static void file_shrinks_while_it_is_read(void)
{
	struct module module;
	uint64_t hidden = address_of("whole.so", "hidden", NULL),
		 shown = address_of("whole.so", "shown", NULL);
	move_up("whole.so", "shrinks.so", 4 << 20);
	describe(&module, "shrinks.so", "shrinks.so");
	for (int at = 0; at < 3; at++) {
		static const char *const sizes[] = {"0", "4096", "4200000"};
		struct cp_symbols *symbols = cp_symbols_new();
		struct cp_image *image = cp_symbols_image(symbols, &module.id);
		assert_string_equal(cp_image_lines(image, hidden).lines[0].name, "hidden");
		shell("cp shrinks.so whole.copy && truncate -s %s shrinks.so", sizes[at]);
		/* DWARF of this unit is known; a page that was never read is asked for */
		image = cp_symbols_image(symbols, &module.id);
		for (uint64_t address = 0; address < 0x3000; address += 8)
			cp_image_lines(image, address);
		shell("cat whole.copy >shrinks.so");
		cp_symbols_rest(symbols, 1);
		image = cp_symbols_image(symbols, &module.id);
		assert_string_equal(cp_image_lines(image, shown + 1).lines[0].name, "shown");
		cp_symbols_free(symbols);
	}
}

/* The same at random moments, beside a thread that does nothing else. */
static _Atomic int over;
static void *shrink_and_grow(void *path)
{
	static char image[1 << 20];
	int fd = open(path, O_RDWR | O_CLOEXEC);
	ssize_t size = pread(fd, image, sizeof(image), 0);
	while (!over) {
		if (ftruncate(fd, random() % size)) /* NOLINT: a test's own thread */
			break;
		if (pwrite(fd, image, (size_t)size, 0) != size)
			break;
	}
	close(fd);
	return NULL;
}

static void file_shrinks_at_any_moment(void)
{
	struct module module;
	pthread_t thread;
	int known = 0;
	uint64_t hidden = address_of("whole.so", "hidden", NULL);
	shell("cp whole.so restless.so");
	describe(&module, "restless.so", "whole.so");
	over = 0;
	assert_int_equal(pthread_create(&thread, NULL, shrink_and_grow, module.path), 0);
	for (int i = 0; i < 300; i++) {
		struct answer answer = ask(&module.id, hidden);
		assert_true(!answer.name[0] || !strcmp(answer.name, "hidden") ||
			    !strcmp(answer.name, "shown") || !answer.line);
		known += answer.line == 2;
	}
	over = 1;
	pthread_join(thread, NULL);
	print_message("known %d times of 300\n", known);
}

static void file_shrinks(void **state)
{
	(void)state;
	file_shrinks_while_it_is_read();
	file_shrinks_at_any_moment();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(file_shrinks), /* first: cmocka has a handler of its own */
	    cmocka_unit_test(debug_file_tells_what_was_stripped),
	    cmocka_unit_test(debug_file_is_asked_for_symbols_alone),
	    cmocka_unit_test(module_was_prelinked),
	    cmocka_unit_test(debug_file_lies_in_many_places),
	    cmocka_unit_test(symbols_are_packed_inside),
	    cmocka_unit_test(packed_rubbish_is_nothing),
	    cmocka_unit_test(huge_file_is_read),
	};
	return cmocka_run_group_tests(tests, make_files, workshop_close);
}
