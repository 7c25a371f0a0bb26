/* uploader_quantity.c - numbers with a unit, as people read them. */
/* SPDX-License-Identifier: MIT */
#include "test/unit/unit.h"
#include "uploader/quantity.h"

static void expect_text(int64_t value, const char *unit, const char *wanted)
{
	char text[32];
	cp_quantity(value, unit, text, sizeof text);
	assert_string_equal(text, wanted);
}

static void units_are_chosen_by_size(void **state)
{
	(void)state;
	expect_text(0, "nanoseconds", "0 ns");
	expect_text(1500, "nanoseconds", "1.50 us");
	expect_text(-25000000, "nanoseconds", "-25.0 ms");
	expect_text(INT64_C(7200000000000), "nanoseconds", "2.00 h");
	expect_text(1023, "bytes", "1023 B");
	expect_text(INT64_C(3) << 20, "bytes", "3.00 MiB");
	expect_text(INT64_MAX, "bytes", "8388608 TiB");
	expect_text(INT64_MIN, "count", "-9223372036854775808");
	expect_text(12, "apples", "12 apples");
	expect_text(12, "", "12");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(units_are_chosen_by_size)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
