/* encoder_plt.c - foo@plt: each entry bears the name that objdump gives it, on both machines. */
/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "encoder/elffile.h"
#include "encoder/symtab.h"
#define WORKSHOP "/tmp/conprof-plt-XXXXXX"
#include "test/unit/workshop.h"

#define ARM "aarch64-linux-gnu-"

static const char source[] =
    "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
    "int main(int n, char **v) {\n"
    "	void *(*volatile get)(size_t) = malloc;\n" /* its own entry in .plt.got */
    "	char *p = get(100);\n"
    "	strcpy(p, v[0]);\n"
    "	printf(\"%s %zu\", p, strlen(p));\n"
    "	qsort(p, (size_t)n, 1, (int (*)(const void *, const void *))strcmp);\n"
    "	free(p);\n"
    "	return malloc(1) == getenv(\"x\");\n}\n";

static int write_source(void **state)
{
	(void)state;
	return workshop_open("calls.c", source);
}

struct tables {
	struct cp_elf file;
	struct cp_symtab names, plt;
};

static void open_tables(const char *path, struct tables *tables)
{
	*tables = (struct tables){0};
	assert_int_equal(cp_elf_open(path, &tables->file), 0);
	cp_symtab_add(&tables->names, tables->file.elf);
	cp_symtab_sort(&tables->names);
	cp_plt_add(&tables->plt, tables->file.elf, &tables->names);
}

static void close_tables(struct tables *tables)
{
	cp_symtab_free(&tables->names);
	cp_symtab_free(&tables->plt);
	cp_elf_close(&tables->file);
}

/* Where objdump has but the resolver's address we have its name, or say the same. */
static bool is_same(const struct tables *tables, const char *theirs, const char *ours)
{
	unsigned long resolver;
	if (strcmp(theirs, ours) == 0)
		return true;
	if (sscanf(theirs, "*ABS*+0x%lx@plt", &resolver) != 1) /* NOLINT */
		return false;
	const struct cp_symbol *known = cp_symtab_find(&tables->names, resolver);
	return known && !strncmp(known->name, ours, strcspn(ours, "@"));
}

/* All of objdump's labels are ours, from the first byte to the last; how many. The file's own tool
 * counts relocations for names, and so takes two of the loader's for thread variables for calls. */
static int compare(const char *tools, const char *path)
{
	char command[512], line[4096], theirs[4096];
	struct tables tables;
	unsigned long address;
	int entries = 0;
	open_tables(path, &tables);
	snprintf(command, sizeof(command),
		 "%sobjdump -d -j .plt -j .plt.sec -j .plt.got -j .iplt %s 2>/dev/null | "
		 "grep '@plt>:$' | grep -v _once_call",
		 tools, path);
	FILE *in = popen(command, "r"); /* NOLINT */
	assert_non_null(in);
	while (fgets(line, sizeof(line), in)) {
		assert_int_equal(sscanf(line, "%lx <%[^>]>", &address, theirs), 2); /* NOLINT */
		const struct cp_symbol *ours = cp_symtab_find(&tables.plt, address);
		assert_non_null(ours);
		assert_int_equal(ours->start, address);
		assert_true(is_same(&tables, theirs, ours->name));
		assert_ptr_equal(cp_symtab_find(&tables.plt, address + 7), ours);
		entries++;
	}
	assert_int_equal(pclose(in), 0);
	close_tables(&tables);
	return entries;
}

static void build(const char *compiler, const char *flags, char path[128])
{
	char command[512];
	snprintf(path, 128, "%s/program", dir);
	snprintf(command, sizeof(command), "%s -w -O1 -fno-builtin %s -o %s %s/calls.c", compiler,
		 flags, path, dir);
	if (system(command)) /* NOLINT */
		fake_die(command);
}

static bool is_there(const char *tool)
{
	char command[128];
	snprintf(command, sizeof(command), "command -v %s >/dev/null", tool);
	return !system(command); /* NOLINT */
}

/* malloc, strcpy, printf, strlen, qsort, free, getenv; strcmp is a pointer alone */
static void each_way_to_link(void **state)
{
	static const char *const ways[] = {
	    "-Wl,-z,lazy",
	    "-Wl,-z,now",
	    "-no-pie -Wl,-z,lazy",
	    "-fcf-protection=full -Wl,-z,ibtplt -Wl,-z,lazy",
	    "-fcf-protection=full -Wl,-z,ibtplt -Wl,-z,now",
	    "-s",
	};
	char path[128];
	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		build("gcc", ways[i], path);
		assert_true(compare("", path) >= 7);
	}
	if (is_there("clang") && is_there("ld.lld")) {
		build("clang", "-fuse-ld=lld", path);
		assert_true(compare("", path) >= 7);
	}
}

static void the_other_machine(void **state)
{
	static const char *const ways[] = {
	    "-Wl,-z,lazy",
	    "-Wl,-z,now",
	    "-mbranch-protection=standard -Wl,-z,force-bti 2>/dev/null",
	    "-Wl,-z,pac-plt",
	};
	char path[128];
	(void)state;
	if (!is_there(ARM "gcc"))
		skip();
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		build(ARM "gcc", ways[i], path);
		assert_true(compare(ARM, path) >= 7);
	}
	if (!access("/usr/aarch64-linux-gnu/lib/libc.so.6", R_OK))
		assert_true(compare(ARM, "/usr/aarch64-linux-gnu/lib/libc.so.6") > 10);
}

static void real_files(void **state)
{
	static const struct {
		const char *path;
		int least;
	} files[] = {{"/usr/bin/redis-server", 200}, {"/usr/bin/python3", 300}};
	Dl_info info;
	(void)state;
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	assert_true(dladdr(dlsym(libc, "malloc"), &info));
	assert_true(compare("", info.dli_fname) > 20);
	dlclose(libc);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		assert_true(compare("", files[i].path) >= files[i].least);
}

/* The half of an entry that is gone through once has no label of objdump's. */
static void first_calls_have_names(void **state)
{
	char path[128];
	struct tables tables;
	int found = 0;
	(void)state;
	build("gcc", "-fcf-protection=full -Wl,-z,ibtplt -Wl,-z,lazy", path);
	open_tables(path, &tables);
	for (size_t i = 0; i < tables.plt.count; i++)
		found += !strcmp(tables.plt.symbols[i].name, "qsort@plt");
	assert_int_equal(found, 2);
	close_tables(&tables);
}

/* In a program with all inside, calls go by way of what a resolver chose. */
static void static_programs_call_by_way_of_resolvers(void **state)
{
	char path[128];
	struct tables tables;
	bool found = false;
	(void)state;
	build("gcc", "-static", path);
	open_tables(path, &tables);
	for (size_t i = 0; i < tables.plt.count; i++)
		found = found || !strcmp(tables.plt.symbols[i].name, "strcpy@plt");
	assert_true(found);
	close_tables(&tables);
	build("gcc", "-static -s", path);
	open_tables(path, &tables);
	assert_true(tables.plt.count > 0);
	assert_int_equal(strncmp(tables.plt.symbols[0].name, "*ABS*+0x", 8), 0);
	close_tables(&tables);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_way_to_link),
	    cmocka_unit_test(the_other_machine),
	    cmocka_unit_test(real_files),
	    cmocka_unit_test(first_calls_have_names),
	    cmocka_unit_test(static_programs_call_by_way_of_resolvers),
	};
	return cmocka_run_group_tests(tests, write_source, workshop_close);
}
