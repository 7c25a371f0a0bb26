/* base_fraction.c - proves the settings of a fleet: fractions, the switch, the jitter. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/settings.h"
#include "test/unit/unit.h"

static char heard[256];

static void hear(void *unused, const char *line)
{
	(void)unused;
	snprintf(heard, sizeof heard, "%s", line);
}

static struct cp_config with(const char *text)
{
	const char *env[] = {text, NULL};
	struct cp_config config;

	heard[0] = 0;
	cp_settings_apply(&config, env, NULL, 0, hear, NULL);
	return config;
}

static void fractions_are_decimals(void **state)
{
	static const struct {
		const char *text;
		uint32_t ppm;
	} rows[] = {{"CONPROF_INSTANCE_FRACTION=", 1000000},
		    {"CONPROF_INSTANCE_FRACTION=0", 0},
		    {"CONPROF_INSTANCE_FRACTION=1", 1000000},
		    {"CONPROF_INSTANCE_FRACTION=1.000", 1000000},
		    {"CONPROF_INSTANCE_FRACTION=0.25", 250000},
		    {"CONPROF_INSTANCE_FRACTION=.3", 300000},
		    {"CONPROF_INSTANCE_FRACTION=0.999999", 999999},
		    {"CONPROF_INSTANCE_FRACTION=0.0000019", 1}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(with(rows[i].text).instance_ppm, rows[i].ppm);
		assert_string_equal(heard, "");
	}
}

static void what_is_none_is_said(void **state)
{
	static const char *const wrong[] = {"1.1",  "25%", "10",
					    ".",    "-0",  "1.0000010",
					    "0..1", "0x1", "99999999999999999999999999999"};

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char text[80], line[160];

		snprintf(text, sizeof text, "CONPROF_INSTANCE_FRACTION=%s", wrong[i]);
		snprintf(
		    line, sizeof line,
		    "conprof: CONPROF_INSTANCE_FRACTION=\"%s\" is not a number from 0 to 1, as "
		    "0.25; using 1",
		    wrong[i]);
		assert_int_equal(with(text).instance_ppm, 1000000);
		assert_string_equal(heard, line);
	}
}

static void the_switch_is_a_path(void **state)
{
	(void)state;
	assert_string_equal(with("HOME=/").kill_switch, "/run/conprof/off");
	assert_string_equal(with("CONPROF_KILL_SWITCH=/tmp/off").kill_switch, "/tmp/off");
	assert_string_equal(with("CONPROF_KILL_SWITCH=off").kill_switch, "/run/conprof/off");
	assert_string_equal(heard, "conprof: CONPROF_KILL_SWITCH=\"off\" is not an absolute path; "
				   "using /run/conprof/off");
	assert_int_equal(with("CONPROF_START_JITTER=45").start_jitter_s, 45);
	assert_int_equal(with("HOME=/").start_jitter_s, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(fractions_are_decimals),
					   cmocka_unit_test(what_is_none_is_said),
					   cmocka_unit_test(the_switch_is_a_path)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
