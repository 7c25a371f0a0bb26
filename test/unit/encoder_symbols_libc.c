/* encoder_symbols_libc.c - names of libc and of the kernel's own library, as they are on this
 * machine. */
/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <elf.h>
#include <elfutils/libdwelf.h>
#include <string.h>
#include <sys/auxv.h>

#include "encoder/elffile.h"
#include "encoder/symbols.h"
#include "test/unit/unit.h"

/* Each of these has a dozen aliases in libc; people know one. */
static void libc_is_known_by_its_public_names(void **state)
{
	static const char *const names[] = {"malloc",
					    "free",
					    "read",
					    "write",
					    "open",
					    "fopen",
					    "printf",
					    "getenv",
					    "strtol",
					    "pthread_create",
					    "realloc",
					    "calloc",
					    "poll",
					    "select",
					    "nanosleep",
					    "lseek",
					    "fallocate",
					    "scandirat",
					    "memalign",
					    "fstat",
					    "mmap",
					    "sigaction",
					    "raise",
					    "fputs",
					    "getc",
					    "pthread_mutex_lock",
					    "pthread_cond_wait",
					    "connect",
					    "recv",
					    "fork",
					    "strtod",
					    "qsort"};
	struct cp_elf elf;
	Dl_info info;
	const void *build_id;
	(void)state;
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	assert_true(dladdr(dlsym(libc, "malloc"), &info));
	assert_int_equal(cp_elf_open(info.dli_fname, &elf), 0);
	ssize_t len = dwelf_elf_gnu_build_id(elf.elf, &build_id);
	const struct cp_module_id id = {
	    .path = info.dli_fname, .build_id = build_id, .build_id_len = (uint32_t)len};
	struct cp_symbols *symbols = cp_symbols_new();
	struct cp_image *image = cp_symbols_image(symbols, &id);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		uint64_t at = (uintptr_t)dlsym(libc, names[i]) - (uintptr_t)info.dli_fbase;
		struct cp_lines found = cp_image_lines(image, at);
		assert_true(found.count > 0);
		assert_string_equal(found.lines[found.count - 1].name, names[i]);
		/* as far as it calls its own other half, where libc's lines are known */
		for (uint64_t in = at; in < at + 160; in++) {
			found = cp_image_lines(image, in);
			if (!found.count || strcmp(found.lines[found.count - 1].name, names[i]))
				break;
			for (uint32_t j = 0; j < found.count; j++)
				assert_false(strstr(found.lines[j].name, "__GI_") ||
					     strstr(found.lines[j].name, "__libc_write"));
		}
	}
	cp_symbols_free(symbols);
	cp_elf_close(&elf);
	dlclose(libc);
}

static void vdso_has_names(void **state)
{
	const Elf64_Ehdr *header = (const void *)getauxval(AT_SYSINFO_EHDR);
	(void)state;
	if (!header)
		skip();
	elf_version(EV_CURRENT);
	Elf *elf = elf_memory((char *)(uintptr_t)header, 8192);
	const void *id;
	ssize_t len = dwelf_elf_gnu_build_id(elf, &id);
	assert_true(len > 0);
	const struct cp_module_id vdso = {
	    .path = "[vdso]", .build_id = id, .build_id_len = (uint32_t)len};
	void *library = dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD);
	void *clock = library ? dlsym(library, "__vdso_clock_gettime") : NULL;
	if (!clock)
		skip();
	struct cp_symbols *symbols = cp_symbols_new();
	struct cp_lines found =
	    cp_image_lines(cp_symbols_image(symbols, &vdso), (uintptr_t)clock - (uintptr_t)header);
	assert_int_equal(found.count, 1);
	assert_string_equal(found.lines[0].name, "__vdso_clock_gettime");
	cp_symbols_free(symbols);
	elf_end(elf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(libc_is_known_by_its_public_names),
	    cmocka_unit_test(vdso_has_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
