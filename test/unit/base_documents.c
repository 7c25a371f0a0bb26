/* base_documents.c - proves the papers: each setting, its default, range and other names, in each.
 */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/settings.h"
#include "test/unit/unit.h"

static char example[1 << 16], man[1 << 17], readme[1 << 17];

/* The tests are run in the project's folder; else beside this file's. */
static void load(const char *name, char *text, size_t room)
{
	char path[512];
	const char *end = strstr(__FILE__, "test/unit/");
	FILE *file;

	snprintf(path, sizeof path, "%.*s%s", end ? (int)(end - __FILE__) : 0, __FILE__, name);
	file = fopen(path, "re");
	assert_non_null(file);
	text[fread(text, 1, room - 1, file)] = '\0';
	fclose(file);
	assert_true(strlen(text) + 1 < room);
}

static int begin(void **state)
{
	(void)state;
	load("conprof.conf.example", example, sizeof example);
	load("doc/man/conprof.conf.5", man, sizeof man);
	load("README.md", readme, sizeof readme);
	return 0;
}

static void hear(void *ctx, const char *line)
{
	(void)ctx;
	print_message("%s\n", line);
}

/* The text from after `head NAME tail` up to one of the ends; the test fails when there is none. */
static void part(const char *text, const char *head, const char *name, const char *tail,
		 const char *ends, char out[2048])
{
	char what[128];
	const char *at;

	snprintf(what, sizeof what, "%s%s%s", head, name, tail);
	at = strstr(text, what);
	if (!at)
		print_message("there is no \"%s\"\n", what);
	assert_non_null(at);
	at += strlen(what);
	snprintf(out, 2048, "%.*s", (int)strcspn(at, ends), at);
}

/* The paragraph of a setting in the page, without its name. */
static void paragraph(const char *name, char out[2048])
{
	const char *end;

	part(man, ".B ", name, "\n", "\x01", out);
	end = strstr(out, "\n.TP");
	if (!end)
		end = strstr(out, "\n.SH");
	if (end)
		out[end - out] = '\0';
}

/* What stands after #NAME= changes nothing when it is taken at its word. */
static void the_example_shows_the_defaults(void **state)
{
	struct cp_config standard, config;
	char value[2048], env[2200];

	(void)state;
	cp_settings_apply(&standard, NULL, NULL, 0, NULL, NULL);
	for (size_t i = 0; i < cp_settings_count; i++) {
		const char *vector[] = {env, NULL};

		part(example, "\n#", cp_settings[i].names[0], "=", "\n", value);
		snprintf(env, sizeof env, "%s=%s", cp_settings[i].names[0], value);
		print_message("%s\n", env);
		assert_int_equal(cp_settings_apply(&config, vector, NULL, 0, hear, NULL), 0);
		config.exit_wait_set = standard.exit_wait_set;
		assert_memory_equal(&config, &standard, sizeof config);
		if (cp_settings[i].text || cp_settings[i].otherwise)
			assert_string_not_equal(value, "");
	}
}

static void has(const char *text, const char *word)
{
	if (!strstr(text, word))
		print_message("there is no \"%s\" in: %s\n", word, text);
	assert_non_null(strstr(text, word));
}

/* Page and table say the same default as the example, the range, and the other names. */
static void page_and_table_agree(void **state)
{
	char value[2048], text[2048], row[2048], word[2200];

	(void)state;
	for (size_t i = 0; i < cp_settings_count; i++) {
		const struct cp_setting *setting = &cp_settings[i];

		part(example, "\n#", setting->names[0], "=", "\n", value);
		paragraph(setting->names[0], text);
		part(readme, "\n| `", setting->names[0], "` |", "\n", row);
		has(text, "Value: ");
		snprintf(word, sizeof word, "Default: %s", value);
		has(text, word);
		snprintf(word, sizeof word, "| %s", value);
		has(row, word);
		for (size_t j = 1; j < CP_SETTING_NAMES && setting->names[j]; j++) {
			has(text, setting->names[j]);
			has(row, setting->names[j]);
		}
		if (setting->kind != CP_SET_NUMBER || setting->max == 1)
			continue;
		snprintf(word, sizeof word, "%llu to %llu", (unsigned long long)setting->min,
			 (unsigned long long)setting->max);
		has(text, word);
		has(row, word);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_example_shows_the_defaults),
	    cmocka_unit_test(page_and_table_agree),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
