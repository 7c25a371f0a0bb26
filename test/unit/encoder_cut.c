/* encoder_cut.c - proves cut: parts are small enough and valid, and add up to the whole. */
/* SPDX-License-Identifier: MIT */
#include "test/unit/parted.h"

static void what_is_small_stays_whole(void **state)
{
	(void)state;
	parts_add_up(&(struct made){300, 10, 20, NULL}, &all_of_it, 1);
	parts_add_up(&(struct made){2, 1, 20, NULL}, &all_of_it, 1);
}

static void what_has_many_samples_is_cut(void **state)
{
	struct cp_cut how = all_of_it;
	(void)state;
	how.samples = 100;
	how.bare = true;
	/* 700 of the 1000 differ by more than the thread, which is not told */
	parts_add_up(&(struct made){1000, 12, 20, NULL}, &how, 8);
}

static void what_is_large_is_cut(void **state)
{
	struct cp_cut how = all_of_it;
	(void)state;
	how.bytes = 300000;
	parts_add_up(&(struct made){3000, 40, 200, NULL}, &how, 2);
}

static int64_t time_of(const struct cp_bytes *bytes)
{
	Cp__Profile *it = cp__profile__unpack(NULL, bytes->len, bytes->data);
	int64_t time = it->time_nanos;
	cp__profile__free_unpacked(it, NULL);
	return time;
}

static void parts_are_a_millisecond_apart(void **state)
{
	struct cp_bytes file = make(&(struct made){64, 3, 10, NULL});
	struct cp_cut how = all_of_it;
	struct cp_parts parts;
	(void)state;
	how.samples = 8;
	assert_int_equal(cp_cut(&file, &how, &parts), 0);
	assert_true(parts.count >= 8);
	for (size_t i = 0; i < parts.count; i++)
		assert_int_equal(time_of(&parts.all[i]), 1000000000 + (int64_t)i * 1000000);
	cp_parts_free(&parts);
	free(file.data);
}

/* The leaves stay, and the root says that it is none. */
static void what_is_deep_is_cut_at_its_root(void **state)
{
	struct cp_bytes file = make(&(struct made){2, 1200, 8, NULL});
	struct cp_parts parts;
	(void)state;
	assert_int_equal(cp_cut(&file, &all_of_it, &parts), 0);
	assert_int_equal(parts.count, 1);
	Cp__Profile *before = cp__profile__unpack(NULL, file.len, file.data);
	Cp__Profile *it = cp__profile__unpack(NULL, parts.all[0].len, parts.all[0].data);
	for (size_t i = 0; i < it->n_sample; i++) {
		const Cp__Sample *sample = it->sample[i];
		assert_int_equal(sample->n_location_id, 1000);
		for (size_t n = 0; n < 999; n++) {
			uint64_t id = before->sample[i]->location_id[n];
			size_t at = FUNCTIONS - (size_t)(id - 1000) / 2;
			const Cp__Location *here = it->location[sample->location_id[n] - 1];
			const Cp__Function *is = it->function[here->line[0]->function_id - 1];
			assert_string_equal(it->string_table[is->name],
					    before->string_table[20 + at]);
		}
		const Cp__Location *root = it->location[sample->location_id[999] - 1];
		const Cp__Function *is = it->function[root->line[0]->function_id - 1];
		assert_string_equal(it->string_table[is->name], "[conprof: stack truncated]");
		assert_int_equal(sample->value[1], before->sample[i]->value[1]);
	}
	cp__profile__free_unpacked(it, NULL);
	cp__profile__free_unpacked(before, NULL);
	cp_parts_free(&parts);
	free(file.data);
}

static void texts_are_repaired_and_cut(void **state)
{
	static char long_name[70001];
	struct cp_parts parts;
	(void)state;
	memset(long_name, 'f', 70000);
	memcpy(long_name, "f00000\xff\xc3(", 9);
	struct cp_bytes file = make(&(struct made){50, 4, 8, long_name});
	assert_int_equal(cp_cut(&file, &all_of_it, &parts), 0);
	assert_int_equal(parts.count, 1);
	check_part(&parts.all[0], &all_of_it);
	Cp__Profile *it = cp__profile__unpack(NULL, parts.all[0].len, parts.all[0].data);
	size_t found = 0;
	for (size_t i = 0; i < it->n_string_table; i++)
		if (!strncmp(it->string_table[i],
			     "f00000?"
			     "?(ff",
			     11))
			found += strlen(it->string_table[i]) == 65535;
	assert_int_equal(found, 1);
	assert_string_equal(it->string_table[it->drop_frames], "malloc|calloc");
	cp__profile__free_unpacked(it, NULL);
	cp_parts_free(&parts);
	free(file.data);
}

/* One sample alone is too large: its names are shortened until it is not. */
static void a_sample_that_is_too_large_has_shorter_names(void **state)
{
	struct cp_bytes file = make(&(struct made){2, 600, 4000, NULL});
	struct cp_cut how = all_of_it;
	struct cp_parts parts;
	int64_t sums[FUNCTIONS][2] = {0}, whole = 0, want = 0;
	(void)state;
	how.bytes = 200000;
	assert_int_equal(cp_cut(&file, &how, &parts), 0);
	assert_int_equal(parts.count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_true(parts.all[i].len <= how.bytes);
		check_part(&parts.all[i], &how);
		add_up(&parts.all[i], 1, sums, &whole);
	}
	add_up(&file, 1, sums, &want);
	assert_int_equal(whole, want);
	cp_parts_free(&parts);
	free(file.data);
}

/* In use apart from what was allocated, as Parca wants it. */
static void some_types_alone(void **state)
{
	struct cp_bytes file = make(&(struct made){99, 5, 8, NULL});
	struct cp_cut how = all_of_it;
	struct cp_parts parts;
	(void)state;
	how.types = 4 | 8;
	how.duration_ns = 0;
	assert_int_equal(cp_cut(&file, &how, &parts), 0);
	check_part(&parts.all[0], &how);
	int64_t sums[FUNCTIONS][2] = {0}, want = 0, got = 0;
	add_up(&file, 3, sums, &want);
	add_up(&parts.all[0], 1, sums, &got);
	assert_int_equal(got, want);
	Cp__Profile *it = cp__profile__unpack(NULL, parts.all[0].len, parts.all[0].data);
	assert_int_equal(it->n_sample_type, 2);
	assert_string_equal(it->string_table[it->sample_type[1]->type], "inuse_space");
	assert_int_equal(it->duration_nanos, 0);
	cp__profile__free_unpacked(it, NULL);
	cp_parts_free(&parts);
	free(file.data);
}

static void what_is_no_profile_is_refused(void **state)
{
	struct cp_bytes file = make(&(struct made){9, 5, 8, NULL});
	struct cp_parts parts;
	(void)state;
	file.len /= 2;
	assert_int_equal(cp_cut(&file, &all_of_it, &parts), -EBADMSG);
	assert_null(parts.all);
	file.len = 0;
	assert_int_equal(cp_cut(&file, &all_of_it, &parts), -EBADMSG);
	free(file.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_small_stays_whole),
	    cmocka_unit_test(what_has_many_samples_is_cut),
	    cmocka_unit_test(what_is_large_is_cut),
	    cmocka_unit_test(parts_are_a_millisecond_apart),
	    cmocka_unit_test(what_is_deep_is_cut_at_its_root),
	    cmocka_unit_test(texts_are_repaired_and_cut),
	    cmocka_unit_test(a_sample_that_is_too_large_has_shorter_names),
	    cmocka_unit_test(some_types_alone),
	    cmocka_unit_test(what_is_no_profile_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
