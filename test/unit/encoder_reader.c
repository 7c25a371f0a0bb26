/* encoder_reader.c - a profile's file read back: unpacked within bounds, its functions added up. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "encoder/reader.h"
#include "pprof.pb-c.h"
#include "test/unit/unit.h"

/* main -> work -> (helper inlined) work; main -> operator new -> malloc */
static struct cp_bytes make(const char *drop)
{
	char *texts[] = {"",	   "objects", "count",
			 "space",  "bytes",   "main",
			 "work",   "helper",  "operator new(unsigned long)",
			 "malloc", "/bin/it", (char *)(uintptr_t)drop};
	Cp__ValueType types[2] = {CP__VALUE_TYPE__INIT, CP__VALUE_TYPE__INIT};
	types[0].type = 1, types[0].unit = 2, types[1].type = 3, types[1].unit = 4;
	Cp__Function functions[5];
	Cp__Line lines[6];
	Cp__Location places[6];
	Cp__Line *line_at[6];
	Cp__Function *all_functions[5];
	Cp__Location *all_places[6];
	/* by place: main, work, helper in work, operator new, malloc; and one without a name */
	static const int names[] = {5, 6, 7, 8, 9};
	for (int i = 0; i < 5; i++) {
		cp__function__init(&functions[i]);
		functions[i].id = (uint64_t)(50 - i);
		functions[i].name = names[i];
		all_functions[i] = &functions[i];
	}
	for (int i = 0; i < 6; i++) {
		cp__line__init(&lines[i]);
		cp__location__init(&places[i]);
		lines[i].function_id = i < 5 ? functions[i].id : functions[1].id;
		line_at[i] = &lines[i];
		places[i].id = (uint64_t)(10 + i);
		places[i].line = i == 5 ? NULL : &line_at[i];
		places[i].n_line = i == 5 ? 0 : 1;
		all_places[i] = &places[i];
	}
	Cp__Line *inlined[2] = {&lines[2], &lines[5]}; /* helper, the leaf, in work */
	places[2].line = inlined;
	places[2].n_line = 2;
	Cp__Mapping mapping = CP__MAPPING__INIT, *mappings[] = {&mapping};
	mapping.id = 3;
	mapping.filename = 10;
	places[5].mapping_id = 3;
	uint64_t first[] = {12, 11, 10}, second[] = {14, 13, 10}, third[] = {15, 10};
	int64_t values[3][2] = {{1, 100}, {2, 20}, {4, 4000}};
	Cp__Sample samples[3] = {CP__SAMPLE__INIT, CP__SAMPLE__INIT, CP__SAMPLE__INIT};
	uint64_t *ids[] = {first, second, third};
	static const size_t depths[] = {3, 3, 2};
	Cp__Sample *all_samples[3];
	for (int i = 0; i < 3; i++) {
		samples[i].location_id = ids[i];
		samples[i].n_location_id = depths[i];
		samples[i].value = values[i];
		samples[i].n_value = 2;
		all_samples[i] = &samples[i];
	}
	Cp__ValueType *all_types[] = {&types[0], &types[1]};
	Cp__Profile profile = CP__PROFILE__INIT;
	profile.n_sample_type = 2, profile.sample_type = all_types;
	profile.n_sample = 3, profile.sample = all_samples;
	profile.n_mapping = 1, profile.mapping = mappings;
	profile.n_location = 6, profile.location = all_places;
	profile.n_function = 5, profile.function = all_functions;
	profile.n_string_table = 12, profile.string_table = texts;
	profile.drop_frames = *drop ? 11 : 0;
	profile.default_sample_type = 1;
	struct cp_bytes made = {malloc(4096), 0};
	assert_true(cp__profile__get_packed_size(&profile) < 4096);
	made.len = cp__profile__pack(&profile, made.data);
	return made;
}

static void expect_sum(const struct cp_function_sum *sums, size_t count, const char *name,
		       int64_t self, int64_t total)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(sums[i].name, name) != 0)
			continue;
		assert_int_equal(sums[i].self, self);
		assert_int_equal(sums[i].total, total);
		return;
	}
	fail_msg("%s is missing", name);
}

static struct cp_reader *opened(struct cp_bytes *file)
{
	struct cp_reader *reader;
	assert_int_equal(cp_reader_open(file, &reader), 0);
	free(file->data);
	return reader;
}

static void functions_are_added_up(void **state)
{
	struct cp_bytes plain = make(""), packed;
	struct cp_function_sum *sums;
	size_t count;
	int64_t whole;
	(void)state;
	assert_int_equal(cp_gzip(&plain, &packed), 0);
	free(plain.data);
	struct cp_reader *reader = opened(&packed);
	assert_int_equal(cp_reader_types(reader), 2);
	assert_int_equal(cp_reader_first(reader), 0);
	assert_string_equal(cp_reader_unit(reader, 1), "bytes");
	assert_string_equal(cp_reader_type(reader, 7), "");
	for (int again = 0; again < 2; again++) {
		assert_int_equal(cp_reader_sum(reader, 1, &sums, &count, &whole), 0);
		assert_int_equal(whole, 4120);
		assert_int_equal(count, 6);
		expect_sum(sums, count, "main", 0, 4120);
		expect_sum(sums, count, "work", 0, 100); /* twice in the stack: once */
		expect_sum(sums, count, "helper", 100, 100);
		expect_sum(sums, count, "malloc", 20, 20);
		expect_sum(sums, count, "[it]", 4000, 4000);
		free(sums);
	}
	cp_reader_close(reader);
}

static void dropped_frames_are_dropped(void **state)
{
	struct cp_bytes plain = make("malloc|operator new.*|main"), packed;
	struct cp_function_sum *sums;
	size_t count;
	int64_t whole;
	(void)state;
	assert_int_equal(cp_zstd(&plain, &packed), 0);
	free(plain.data);
	struct cp_reader *reader = opened(&packed);
	assert_int_equal(cp_reader_sum(reader, 0, &sums, &count, &whole), 0);
	assert_int_equal(whole, 7);
	/* the root is never dropped, so here all of the second stack is kept: nothing else begins
	 * it */
	expect_sum(sums, count, "main", 0, 7);
	expect_sum(sums, count, "malloc", 2, 2);
	free(sums);
	cp_reader_close(reader);
	plain = make("operator new|malloc");
	reader = opened(&plain);
	assert_int_equal(cp_reader_sum(reader, 0, &sums, &count, &whole), 0);
	expect_sum(sums, count, "main", 2, 7);
	assert_int_equal(count, 4);
	free(sums);
	cp_reader_close(reader);
}

static void damage_is_told(void **state)
{
	struct cp_bytes plain = make(""), packed, out;
	struct cp_reader *reader;
	(void)state;
	for (size_t len = 0; len < plain.len; len++) {
		struct cp_bytes cut = {plain.data, len};
		int error = cp_reader_open(&cut, &reader);
		assert_true(error == -EBADMSG || !error);
		cp_reader_close(reader);
	}
	assert_int_equal(cp_gzip(&plain, &packed), 0);
	for (size_t len = 2; len < packed.len; len++) {
		struct cp_bytes cut = {packed.data, len};
		assert_int_equal(cp_unpack(&cut, &out, 1 << 20), -EBADMSG);
	}
	assert_int_equal(cp_unpack(&packed, &out, plain.len - 1), -EFBIG);
	assert_int_equal(cp_unpack(&plain, &out, plain.len - 1), -EFBIG);
	assert_int_equal(cp_unpack(&packed, &out, plain.len), 0);
	assert_int_equal(out.len, plain.len);
	assert_memory_equal(out.data, plain.data, plain.len);
	free(out.data);
	free(packed.data);
	assert_int_equal(cp_zstd(&plain, &packed), 0);
	struct cp_bytes cut = {packed.data, packed.len - 1};
	assert_int_equal(cp_unpack(&cut, &out, 1 << 20), -EBADMSG);
	assert_int_equal(cp_unpack(&packed, &out, plain.len - 1), -EFBIG);
	free(packed.data);
	free(plain.data);
}

/* Two bytes each that would be a hundred in memory, many times. */
static void bombs_are_bounded(void **state)
{
	struct cp_bytes bomb = {malloc((size_t)16 << 20), (size_t)16 << 20};
	struct cp_reader *reader;
	(void)state;
	for (size_t i = 0; i < bomb.len; i += 2) {
		bomb.data[i] = 0x12;
		bomb.data[i + 1] = 0;
	}
	assert_int_equal(cp_reader_open(&bomb, &reader), -EFBIG);
	free(bomb.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(functions_are_added_up),
	    cmocka_unit_test(dropped_frames_are_dropped),
	    cmocka_unit_test(damage_is_told),
	    cmocka_unit_test(bombs_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
