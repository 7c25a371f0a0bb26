/* encoder_codes.c - code made at run time: whose line holds, what it is called, and in a profile.
 */
/* SPDX-License-Identifier: MIT */
#include "encoder/batch.h"
#include "encoder/codename.h"
#include "encoder/view.h"
#include "test/unit/fake_recording.h"
#include "test/unit/unit.h"
#include "test/unit/unpacked.h"

#define BYTES 300u

/* The slow way: each byte knows its latest line. */
static void compare(const struct cp_codemap *map, const uint64_t lines[BYTES])
{
	for (uint64_t at = 0; at < BYTES; at++) {
		const struct cp_code *code = cp_codemap_find(map, at);
		assert_int_equal(code ? code->at : 0, lines[at]);
		if (code)
			assert_true(code->start <= at && at < code->end);
	}
	for (size_t i = 1; i < map->count; i++)
		assert_true(map->codes[i - 1].end <= map->codes[i].start);
}

static void the_latest_line_holds(void **state)
{
	(void)state;
	srand(1);
	for (int round = 0; round < 300; round++) {
		struct cp_codemap map = {0};
		uint64_t lines[BYTES] = {0}, line = 0;
		for (int part = 0; part < 4; part++) {
			struct cp_code fresh[40];
			size_t count = (size_t)(rand() % 40);
			for (size_t i = 0; i < count; i++) {
				uint64_t start = (uint64_t)(rand() % (int)BYTES);
				uint64_t end = start + 1 + (uint64_t)(rand() % (round / 4 + 1));
				end = end < BYTES ? end : BYTES;
				fresh[i] = (struct cp_code){start, end, ++line};
				for (uint64_t at = start; at < end; at++)
					lines[at] = line;
			}
			assert_int_equal(cp_codemap_add(&map, fresh, count), 0);
			compare(&map, lines);
		}
		size_t before = map.count, gone = cp_codemap_forget(&map, before / 2);
		assert_int_equal(map.count, before - gone);
		assert_true(map.count <= before / 2);
		cp_codemap_free(&map);
	}
}

static void names_are_taken_apart(void **state)
{
	static const struct {
		const char *text, *name, *file;
		uint32_t line;
	} names[] = {
	    {"JS:*fib /app/shop.js:10:20", "fib", "/app/shop.js", 10},
	    {"LazyCompile:~fib /app/shop.js:10", "fib", "/app/shop.js", 10},
	    {"JS:^get total /my app/shop.js:3:5", "get total", "/my app/shop.js", 3},
	    {"JS:+Shop.sell file:///app/shop.mjs:7:1", "Shop.sell", "/app/shop.mjs", 7},
	    {"JS:~resolve node:path:1217:10", "resolve", "node:path", 1217},
	    {"JS:* /app/shop.js:12:7", "(anonymous shop.js:12:7)", "/app/shop.js", 12},
	    {"JS:~ node:internal/main/run:1:1", "(anonymous run:1:1)", "node:internal/main/run", 1},
	    {"Function:*fib evalmachine.<anonymous>:4:2", "fib", "evalmachine.<anonymous>", 4},
	    {"Script:~ [eval]:1:1", "(anonymous [eval]:1:1)", "[eval]", 1},
	    {"JS:*", "JS:*", "", 0},
	    {"JS:*fib", "fib", "", 0},
	    {"JS:*fib /app/x:99999999999", "fib", "/app/x:99999999999", 0},
	    {"JS:*fib ", "fib", "", 0},
	    {"Builtin:ArrayMap", "Builtin:ArrayMap", "", 0},
	    {"py::Shop.total:/app/shop.py", "Shop.total", "/app/shop.py", 0},
	    {"py::<module>:<frozen os>", "<module>", "<frozen os>", 0},
	    {"py::odd", "py::odd", "", 0},
	    {"long app.Shop$Till.total(long[], int)", "app.Shop$Till.total(long[], int)", "", 0},
	    {"java.util.List app.Shop.<init>(int)", "app.Shop.<init>(int)", "", 0},
	    {"load_klass_patching Runtime1 stub", "load_klass_patching Runtime1 stub", "", 0},
	    {"StubRoutines (2)", "StubRoutines (2)", "", 0},
	    {"Lapp/Shop;::total", "app.Shop.total", "", 0},
	    {"Lapp/Shop$Till;::total(J)", "app.Shop$Till.total(J)", "", 0},
	    {"L;::total", "L;::total", "", 0},
	    {"JIT$Shop::total", "Shop::total", "", 0},
	    {"TRACE-10$Shop::total$21", "Shop::total", "", 21},
	    {"TRACE-4$/app/shop.php$4", "/app/shop.php", "/app/shop.php", 4},
	    {"TRACE-4$exit", "exit", "", 0},
	    {"JIT$$exception_handler", "JIT$$exception_handler", "", 0},
	    {"JIT$", "JIT$", "", 0},
	    {" ", " ", "", 0},
	    {")", ")", "", 0},
	};
	struct cp_code_name is;
	char text[5000];
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		cp_code_name(names[i].text, &is);
		assert_string_equal(is.name, names[i].name);
		assert_string_equal(is.file, names[i].file);
		assert_int_equal(is.line, names[i].line);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(text, sizeof(text), "%s%04000d", names[i].text, 1);
		cp_code_name(text, &is);
		assert_true(strlen(is.name) && strlen(is.name) < CP_CODE_NAME_MAX);
	}
}

#define PROCESSES 2

struct bench {
	struct fake fake[PROCESSES];
	struct cp_view *view[PROCESSES];
	struct cp_perfmap *map[PROCESSES];
	size_t room;
	struct cp_batch *batch;
};

static void write_map(int number, const char *text)
{
	char path[64];
	snprintf(path, sizeof(path), "/tmp/perf-%d.map", number);
	unlink(path);
	FILE *file = text ? fopen(path, "w") : NULL;
	assert_true(!text || (file && fputs(text, file) >= 0 && !fclose(file)));
}

/* Numbers that no process has; so the files are looked for in our own folder. */
static int number_of(int process)
{
	return 100000000 + 2 * (int)getpid() + process;
}

static CP_NOINLINE void set_up(struct bench *bench)
{
	char why[128];
	bench->room = CP_CODE_ROOM;
	bench->batch = cp_batch_new(NULL);
	for (int i = 0; i < PROCESSES; i++) {
		fake_new(&bench->fake[i]);
		fake_module(&bench->fake[i], "/bin/fake", 0x400000, 0x500000, 0, 0x400000);
		assert_int_equal(cp_view_open(bench->fake[i].fd, &bench->view[i], why, sizeof(why)),
				 0);
		bench->map[i] = cp_perfmap_new(number_of(i), number_of(i), &bench->room);
		cp_view_names(bench->view[i], bench->map[i]);
	}
}

static CP_NOINLINE void tear_down(struct bench *bench)
{
	for (int i = 0; i < PROCESSES; i++) {
		cp_view_close(bench->view[i]);
		cp_perfmap_free(bench->map[i]);
		fake_free(&bench->fake[i]);
		write_map(number_of(i), NULL);
	}
	cp_batch_free(bench->batch);
}

static void tick(struct bench *bench, int process, uint64_t leaf, uint64_t caller)
{
	const uint64_t frames[] = {leaf, caller, 0x400100};
	uint32_t row = fake_row(&bench->fake[process], CP_KIND_CPU, CP_ROW_LEAF_IS_PC, frames, 3);
	fake_count(&bench->fake[process], row, CP_CPU_NS, 1 * FAKE_PERIOD);
	fake_count(&bench->fake[process], row, CP_CPU_SAMPLES, 1);
}

static Cp__Profile *take(struct bench *bench)
{
	for (int i = 0; i < PROCESSES; i++)
		assert_int_equal(cp_batch_take(bench->batch, bench->view[i], NULL, 70 + i,
					       CP_BIT(CP_PROFILE_CPU)),
				 0);
	Cp__Profile *profile = unpack(bench->batch, CP_PROFILE_CPU);
	assert_true(is_valid(profile));
	return profile;
}

/* The same function at two addresses, in two processes, is one; two functions at one address are
 * two; code without a name is no unknown. */
static void code_has_its_name_in_a_profile(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench);
	write_map(number_of(0), "7f7000 100 JS:*fib /a.js:3:1\n7f8000 100 JS:~sell /b.js:9:1\n");
	write_map(number_of(1), "7f7000 100 JS:*main /a.js:1:1\n7f9000 100 JS:*fib /a.js:3:1\n");
	tick(&bench, 0, 0x7f7010, 0x7f8010);
	tick(&bench, 1, 0x7f9010, 0x7f7010);
	tick(&bench, 1, 0x7f6000, 0x7f7010);
	Cp__Profile *p = take(&bench);
	assert_int_equal(p->n_sample, 3);
	assert_string_equal(frame_of(p, p->sample[0], 0), "fib");
	assert_string_equal(frame_of(p, p->sample[0], 1), "sell");
	assert_string_equal(frame_of(p, p->sample[1], 0), "fib");
	assert_string_equal(frame_of(p, p->sample[1], 1), "main");
	assert_string_equal(frame_of(p, p->sample[2], 0), "[jit]");
	assert_int_equal(p->sample[0]->location_id[0], p->sample[1]->location_id[0]);
	const Cp__Location *fib = p->location[p->sample[0]->location_id[0] - 1];
	const Cp__Function *function = function_of(p, fib->id, 0);
	assert_string_equal(text_of(p, function->system_name), "JS:*fib /a.js:3:1");
	assert_string_equal(text_of(p, function->filename), "/a.js");
	assert_int_equal(function->start_line, 3);
	assert_int_equal(fib->line[0]->line, 3);
	assert_int_equal(fib->address, 0x7f7000); /* where it begins, and was met first */
	const Cp__Mapping *mapping = p->mapping[fib->mapping_id - 1];
	assert_string_equal(text_of(p, mapping->filename), "[jit]");
	assert_true(mapping->has_functions);
	assert_int_equal(mapping->memory_start, 0x7f6000);
	cp__profile__free_unpacked(p, NULL);
	tear_down(&bench);
}

/* What was met in an earlier snapshot keeps the name that held then. */
static void a_name_holds_for_its_time(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench);
	write_map(number_of(0), "7f7000 100 old\n");
	tick(&bench, 0, 0x7f7010, 0x400200);
	cp__profile__free_unpacked(take(&bench), NULL);
	write_map(number_of(0), "7f7000 100 new\n");
	fake_count(&bench.fake[0], 0, CP_CPU_NS, 2 * FAKE_PERIOD);
	fake_count(&bench.fake[0], 0, CP_CPU_SAMPLES, 2);
	Cp__Profile *p = take(&bench);
	assert_int_equal(p->n_sample, 2);
	assert_string_equal(frame_of(p, p->sample[0], 0), "old");
	assert_int_equal(p->sample[0]->value[0], 1);
	assert_string_equal(frame_of(p, p->sample[1], 0), "new");
	assert_int_equal(p->sample[1]->value[0], 2);
	cp__profile__free_unpacked(p, NULL);
	tear_down(&bench);
}

/* The module of this program that holds the address. */
static struct cp_module own_module(struct fake *fake, uint64_t address)
{
	for (uint32_t i = 0; i < fake->rec->modules_used; i++) {
		const struct cp_module *module = fake_module_at(fake, i);
		if (address >= module->start && address < module->end)
			return *module;
	}
	fake_die("module");
	return (struct cp_module){0};
}

static void *map_again(const struct cp_module *module, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *again = mmap(NULL, module->end - module->start, PROT_READ | PROT_EXEC, MAP_PRIVATE,
			   fd, (off_t)module->file_offset);
	close(fd);
	return again == MAP_FAILED ? NULL : again;
}

/* A part of this very program, mapped once more, is called what it is called. */
static void a_second_mapping_has_the_names_of_the_first(void **state)
{
	char why[128];
	struct fake fake;
	struct cp_view *view;
	size_t room = CP_CODE_ROOM;
	(void)state;
	fake_new(&fake);
	fake_own_modules(&fake);
	const struct cp_module own = own_module(&fake, (uintptr_t)set_up);
	char *again = map_again(&own, fake.rec->exe);
	assert_non_null(again);
	const uint64_t frame = (uintptr_t)again + ((uintptr_t)set_up - own.start);
	uint32_t row = fake_row(&fake, CP_KIND_CPU, CP_ROW_LEAF_IS_PC, &frame, 1);
	fake_count(&fake, row, CP_CPU_NS, 1 * FAKE_PERIOD);
	assert_int_equal(cp_view_open(fake.fd, &view, why, sizeof(why)), 0);
	struct cp_perfmap *map = cp_perfmap_new(getpid(), getpid(), &room);
	cp_view_names(view, map);
	struct cp_symbols *symbols = cp_symbols_new();
	struct cp_batch *batch = cp_batch_new(symbols);
	assert_int_equal(cp_batch_take(batch, view, NULL, getpid(), CP_BIT(CP_PROFILE_CPU)), 0);
	Cp__Profile *p = unpack(batch, CP_PROFILE_CPU);
	assert_string_equal(frame_of(p, p->sample[0], 0), "set_up");
	cp__profile__free_unpacked(p, NULL);
	cp_batch_free(batch);
	cp_symbols_free(symbols);
	cp_view_close(view);
	cp_perfmap_free(map);
	munmap(again, own.end - own.start);
	fake_free(&fake);
}

/* What is mapped twice is remembered when it is gone; what is mapped once is the loader's. */
static void a_mapping_is_remembered(void **state)
{
	struct fake fake;
	struct cp_procmaps maps = {0};
	(void)state;
	fake_new(&fake);
	fake_own_modules(&fake);
	const struct cp_module own = own_module(&fake, (uintptr_t)set_up);
	cp_procmaps_read(&maps, getpid());
	assert_int_equal(maps.count, 0);
	char *again = map_again(&own, fake.rec->exe);
	assert_non_null(again);
	for (int i = 0; i < 3; i++) {
		cp_procmaps_read(&maps, i < 2 ? getpid() : -1);
		const struct cp_procmap *map = cp_procmaps_find(&maps, (uintptr_t)again + 1);
		assert_non_null(map);
		assert_string_equal(map->path, fake.rec->exe);
		assert_int_equal(map->offset, own.file_offset);
		assert_null(cp_procmaps_find(&maps, (uintptr_t)again - 1));
		if (!i)
			munmap(again, own.end - own.start);
	}
	cp_procmaps_free(&maps);
	fake_free(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_latest_line_holds),
	    cmocka_unit_test(names_are_taken_apart),
	    cmocka_unit_test(code_has_its_name_in_a_profile),
	    cmocka_unit_test(a_name_holds_for_its_time),
	    cmocka_unit_test(a_second_mapping_has_the_names_of_the_first),
	    cmocka_unit_test(a_mapping_is_remembered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
