/* encoder_legacy.c - proves legacy, addresses, and what profiles are shown as: all that Go's server
 * serves beside what is uploaded.
 */
/* SPDX-License-Identifier: MIT */
#include "test/unit/fake_recording.h"
#include "test/unit/unit.h"
#include "test/unit/unpacked.h"

#define ALL (CP_BIT(CP_PROFILE_HEAP) | CP_BIT(CP_PROFILE_THREADS))

/* A function of this program, to be found again by name. */
__attribute__((noinline)) static int called_here(int n)
{
	__asm__ volatile("" : "+r"(n));
	return n + 1;
}

struct real {
	struct fake fake;
	struct cp_view *view;
	struct cp_symbols *symbols;
	struct cp_batch *batch;
};

static void set_up(struct real *real)
{
	char why[128];
	const uint64_t frames[] = {(uintptr_t)&called_here + 1, 0x10};
	fake_new(&real->fake);
	fake_own_modules(&real->fake);
	uint32_t row = fake_row(&real->fake, CP_KIND_HEAP, 0, frames, 1);
	fake_count(&real->fake, row, CP_ALLOC_OBJECTS, 3 * CP_OBJECT_ONE);
	fake_count(&real->fake, row, CP_ALLOC_BYTES, 3000);
	fake_count(&real->fake, row, CP_FREED_OBJECTS, CP_OBJECT_ONE);
	fake_count(&real->fake, row, CP_FREED_BYTES, 1000);
	row = fake_row(&real->fake, CP_KIND_HEAP, 0, frames, 2);
	fake_count(&real->fake, row, CP_ALLOC_OBJECTS, CP_OBJECT_ONE);
	fake_count(&real->fake, row, CP_ALLOC_BYTES, 5000);
	row = fake_row(&real->fake, CP_KIND_THREAD, 0, frames, 1);
	fake_count(&real->fake, row, CP_THREADS_MADE, 7);
	assert_int_equal(cp_view_open(real->fake.fd, &real->view, why, sizeof(why)), 0);
	real->symbols = cp_symbols_new();
	real->batch = cp_batch_new(real->symbols);
}

static void tear_down(struct real *real)
{
	cp_batch_free(real->batch);
	cp_symbols_free(real->symbols);
	cp_view_close(real->view);
	fake_free(&real->fake);
}

static char *text_for(struct real *real, enum cp_profile which)
{
	struct cp_bytes bare, text;
	assert_int_equal(cp_batch_encode(real->batch, which, 1, 2, &bare), 0);
	assert_int_equal(cp_legacy_text(&bare, which, &text), 0);
	free(bare.data);
	assert_int_equal(strlen((char *)text.data), text.len);
	return (char *)text.data;
}

static void texts_are_as_go_writes_them(void **state)
{
	struct real real;
	char expected[256];
	(void)state;
	set_up(&real);
	assert_int_equal(cp_batch_take(real.batch, real.view, NULL, 77, ALL), 0);
	char *text = text_for(&real, CP_PROFILE_HEAP);
	/* the largest first */
	assert_memory_equal(text, "heap profile: 3: 7000 [4: 8000] @ heap/2\n1: 5000 [1: 5000] @ ",
			    61);
	snprintf(expected, sizeof expected,
		 "\n2: 2000 [3: 3000] @ %#lx\n# labels: {\"pid\":\"77\"}\n",
		 (unsigned long)(uintptr_t)&called_here + 1);
	assert_non_null(strstr(text, expected));
	snprintf(expected, sizeof expected,
		 "\n#\t%#lx\tcalled_here\t%s:", (unsigned long)(uintptr_t)&called_here, __FILE__);
	assert_non_null(strstr(text, "\tcalled_here\t"));
	assert_non_null(strstr(text, "encoder_legacy.c:"));
	assert_non_null(strstr(text, "\n#\t0xf\n"));
	free(text);
	text = text_for(&real, CP_PROFILE_THREADS);
	assert_memory_equal(text, "goroutine profile: total 7\n7 @ 0x", 33);
	free(text);
	tear_down(&real);
}

static void damage_is_no_text(void **state)
{
	uint8_t rubbish[] = {0xff, 1, 2, 3};
	struct cp_bytes bad = {rubbish, sizeof rubbish}, text;
	(void)state;
	assert_int_not_equal(cp_legacy_text(&bad, CP_PROFILE_HEAP, &text), 0);
	assert_null(text.data);
	assert_int_not_equal(cp_addresses_text(&bad, NULL, 0, &text), 0);
	assert_null(text.data);
}

static void profiles_are_shown_as_what_was_asked_for(void **state)
{
	struct real real;
	(void)state;
	set_up(&real);
	assert_int_equal(cp_batch_take(real.batch, real.view, NULL, 77, ALL), 0);
	Cp__Profile *p = unpack(real.batch, CP_PROFILE_HEAP);
	assert_string_equal(text_of(p, p->default_sample_type), "");
	cp__profile__free_unpacked(p, NULL);
	cp_batch_show(real.batch, CP_SHOW_ALLOCS);
	p = unpack(real.batch, CP_PROFILE_HEAP);
	assert_true(is_valid(p));
	assert_string_equal(text_of(p, p->default_sample_type), "alloc_space");
	cp__profile__free_unpacked(p, NULL);
	cp_batch_show(real.batch, CP_SHOW_THREADCREATE);
	p = unpack(real.batch, CP_PROFILE_THREADS);
	assert_true(is_valid(p));
	assert_string_equal(text_of(p, p->sample_type[0]->type), "threadcreate");
	assert_string_equal(text_of(p, p->period_type->type), "threadcreate");
	cp__profile__free_unpacked(p, NULL);
	tear_down(&real);
}

static void addresses_are_called_by_their_names(void **state)
{
	const uint64_t addresses[] = {1, (uintptr_t)&called_here + 1, 0x1234567,
				      (uintptr_t)&called_here, (uintptr_t)&called_here + 1};
	struct cp_bytes bare, text;
	struct real real;
	char expected[256];
	unsigned long at = (uintptr_t)&called_here;
	(void)state;
	set_up(&real);
	assert_int_equal(cp_batch_addresses(real.batch, real.view, getpid(), addresses, 5), 0);
	assert_int_equal(cp_batch_encode(real.batch, CP_PROFILE_THREADS, 1, 2, &bare), 0);
	assert_int_equal(cp_addresses_text(&bare, addresses, 5, &text), 0);
	snprintf(expected, sizeof expected,
		 "num_symbols: 1\n%#lx called_here\n%#lx called_here\n%#lx called_here\n", at + 1,
		 at, at + 1);
	assert_string_equal((char *)text.data, expected);
	free(text.data);
	free(bare.data);
	/* nothing of the recording was taken by that */
	struct cp_batch *batch = cp_batch_new(real.symbols);
	assert_int_equal(cp_batch_take(batch, real.view, NULL, 77, ALL), 0);
	Cp__Profile *p = unpack(batch, CP_PROFILE_THREADS);
	assert_int_equal(p->n_sample, 1);
	assert_int_equal(p->sample[0]->value[0], 7);
	cp__profile__free_unpacked(p, NULL);
	cp_batch_free(batch);
	tear_down(&real);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(texts_are_as_go_writes_them),
	    cmocka_unit_test(damage_is_no_text),
	    cmocka_unit_test(profiles_are_shown_as_what_was_asked_for),
	    cmocka_unit_test(addresses_are_called_by_their_names),
	};
	return called_here(0) == 1 ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
