/* base_settings_lines.c - proves base/settings: lines of files, names that are none, too long, too
 * many. */
/* SPDX-License-Identifier: MIT */
#include "test/unit/heard.h"

/* A file, the app name that comes of it, and the line. */
static const struct text_row files[] = {
    {"CONPROF_APP_NAME=plain\n", 0, "plain", NULL},
    {"# c\n; c\n\n\t CONPROF_APP_NAME = two words \t\r\n", 0, "two words", NULL},
    {"CONPROF_APP_NAME=\" kept \"\n", 0, " kept ", NULL},
    {"CONPROF_APP_NAME='a\\b'", 0, "a\\b", NULL},
    {"CONPROF_APP_NAME=\"a\\\"b\"", 0, "a\"b", NULL},
    {"LD_PRELOAD=x\nOTHER=1\nCONPROF_CONFIG=/x\n", 0, "", NULL},
    {"CONPROF_APP_NAME=\"open\n", 0, "",
     "conprof: configuration file, line 1: a quote is not closed; ignored\n"},
    {"CONPROF_APP_NAME=a\\\nb\n", 0, "",
     "conprof: configuration file, line 1: a line cannot be continued on the next; ignored\n"
     "conprof: configuration file, line 2 is not NAME=value; ignored\n"},
    {"CONPROF_APPNAME=x\n", 0, "",
     "conprof: configuration file, line 1: there is no setting \"CONPROF_APPNAME\"; ignored\n"},
    {"CONPROF_APP_NAME=a\n\x7f"
     "ELF\nCONPROF_APP_NAME=b\n",
     0, "a",
     "conprof: configuration file, line 2 is not text; it and the rest of the file are ignored\n"},
};

static void files_of_lines(void **state)
{
	struct cp_config config;
	struct heard heard;

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		print_message("%s\n", files[i].env);
		apply(&config, NULL, NULL, files[i].env, &heard);
		assert_string_equal(config.app_name, files[i].want);
		assert_string_equal(heard.text, files[i].line ? files[i].line : "");
	}
}

/* Variables, and the line. */
static const struct text_row misspelt[] = {
    {"CONPROF_PEROID=10", 0, "",
     "conprof: environment: there is no setting \"CONPROF_PEROID\"; ignored\n"},
    {"CONPROF_=\x01", 0, "", "conprof: environment: there is no setting \"CONPROF_\"; ignored\n"},
    {"CONPROF_PERIOD\t=10", 0, "",
     "conprof: environment: there is no setting \"CONPROF_PERIOD?\"; ignored\n"},
    {"CONPROF_TOKENS=secret=1", 0, "",
     "conprof: environment: there is no setting \"CONPROF_TOKENS\"; ignored\n"},
    {"CONPROF_LISTEN_PORTS=80", 0, "",
     "conprof: environment: there is no setting \"CONPROF_LISTEN_PORTS\"; ignored\n"},
    {"CONPROF_PEROID=", 0, "", NULL},
    {"CONPROF_PEROID", 0, "", NULL},
    {"CONPROF=1", 0, "", NULL},
    {"BLACKFIRE_CONPROF_PEROID=1", 0, "", NULL},
    {"CONPROF_SERVICE_HOST=10.0.0.1", 0, "", NULL},
    {"CONPROF_PORT=tcp://10.0.0.1:80", 0, "", NULL},
    {"CONPROF_UI_SERVICE_PORT_HTTP=80", 0, "", NULL},
    {"CONPROF_UI_PORT_80_TCP_ADDR=10.0.0.1", 0, "", NULL},
};

static void misspelt_variables(void **state)
{
	struct cp_config config;
	struct heard heard;

	(void)state;
	for (size_t i = 0; i < sizeof misspelt / sizeof *misspelt; i++) {
		print_message("%s\n", misspelt[i].env);
		apply(&config, misspelt[i].env, "CONPROF_APP_NAME=a", NULL, &heard);
		assert_string_equal(config.app_name, "a");
		assert_string_equal(heard.text, misspelt[i].line ? misspelt[i].line : "");
	}
}

static void too_long_is_refused_not_cut(void **state)
{
	char env[3000] = "CONPROF_LABELS=a:", file[3000] = "CONPROF_APP_NAME=";
	struct cp_config config;
	struct heard heard;

	(void)state;
	memset(env + strlen(env), 'x', 2000);
	memset(file + strlen(file), 'y', 2000);
	assert_int_equal(apply(&config, env, NULL, file, &heard), 2);
	assert_string_equal(config.labels, "");
	assert_string_equal(config.app_name, "");
	assert_non_null(strstr(heard.text, "...\" is too long; using the default\n"));
	assert_null(strstr(heard.text, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
}

static void many_mistakes_are_counted_few_are_told(void **state)
{
	char file[4096] = "";
	struct cp_config config;
	struct heard heard;

	(void)state;
	for (int i = 0; i < 100; i++)
		snprintf(file + strlen(file), 40, "CONPROF_NO_%d=1\n", i);
	assert_int_equal(apply(&config, NULL, NULL, file, &heard), 100);
	assert_int_equal(heard.lines, 21);
	assert_non_null(strstr(heard.text, "only the first are named\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(files_of_lines),
	    cmocka_unit_test(misspelt_variables),
	    cmocka_unit_test(too_long_is_refused_not_cut),
	    cmocka_unit_test(many_mistakes_are_counted_few_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
