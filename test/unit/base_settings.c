/* base_settings.c - proves base/settings: every setting, every source, what a value may not be. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/heard.h"

/* Every row: one variable, the number its field must then hold, the line that must be said. */
struct number_row {
	const char *env;
	size_t at;
	int wide;
	uint64_t want;
	const char *line;
};

#define N(field) offsetof(struct cp_config, field), sizeof((struct cp_config *)0)->field == 8

static const struct number_row numbers[] = {
    {"CONPROF_PERIOD=1", N(period_s), 1, NULL},
    {"CONPROF_PERIOD=86400", N(period_s), 86400, NULL},
    {"CONPROF_PERIOD=", N(period_s), 45, NULL},
    {"CONPROF_PERIOD=007", N(period_s), 7, NULL},
    {"CONPROF_PERIOD=45s", N(period_s), 45,
     "conprof: CONPROF_PERIOD=\"45s\" is not a whole number from 1 to 86400; using 45\n"},
    {"CONPROF_PERIOD=0", N(period_s), 45,
     "conprof: CONPROF_PERIOD=\"0\" is not a whole number from 1 to 86400; using 45\n"},
    {"BLACKFIRE_CONPROF_PERIOD=-3", N(period_s), 45,
     "conprof: BLACKFIRE_CONPROF_PERIOD=\"-3\" is not a whole number from 1 to 86400; using 45\n"},
    {"CONPROF_PERIOD= 5", N(period_s), 45,
     "conprof: CONPROF_PERIOD=\" 5\" is not a whole number from 1 to 86400; using 45\n"},
    {"CONPROF_PERIOD=4\t5", N(period_s), 45,
     "conprof: CONPROF_PERIOD=\"4?5\" is not a whole number from 1 to 86400; using 45\n"},
    {"CONPROF_PERIOD=18446744073709551617", N(period_s), 45,
     "conprof: CONPROF_PERIOD=\"18446744073709551617\" is not a whole number from 1 to 86400; "
     "using 45\n"},
    {"CONPROF_CPU_DURATION=10", N(cpu_duration_s), 10, NULL},
    {"CONPROF_CPU_DURATION=60", N(cpu_duration_s), 45,
     "conprof: CONPROF_CPU_DURATION=60 is longer than the period; using 45\n"},
    {"CONPROF_CPU_PROFILERATE=10000", N(cpu_rate_hz), 10000, NULL},
    {"CONPROF_CPU_PROFILERATE=10001", N(cpu_rate_hz), 100,
     "conprof: CONPROF_CPU_PROFILERATE=\"10001\" is not a whole number from 1 to 10000; using "
     "100\n"},
    {"CONPROF_HEAP_SAMPLE_INTERVAL=1", N(heap_interval), 1, NULL},
    {"CONPROF_HEAP_SAMPLE_INTERVAL=1099511627776", N(heap_interval), 1099511627776, NULL},
    {"CONPROF_HEAP_SAMPLE_INTERVAL=1e6", N(heap_interval), 524288,
     "conprof: CONPROF_HEAP_SAMPLE_INTERVAL=\"1e6\" is not a whole number from 0 to "
     "1099511627776; using 524288\n"},
    {"CONPROF_HEAP_SAMPLE_INTERVAL=0", N(types), CP_TYPE_CPU | CP_TYPE_THREAD, NULL},
    {"CONPROF_UPLOAD_TIMEOUT=3600", N(upload_timeout_s), 3600, NULL},
    {"CONPROF_UPLOAD_TIMEOUT=3601", N(upload_timeout_s), 10,
     "conprof: CONPROF_UPLOAD_TIMEOUT=\"3601\" is not a whole number from 1 to 3600; using 10\n"},
    {"CONPROF_LOG_LEVEL=4", N(log_level), 4, NULL},
    {"CONPROF_LOG_LEVEL=9", N(log_level), 4,
     "conprof: CONPROF_LOG_LEVEL=\"9\" is not a whole number from 1 to 4; using 4\n"},
    {"CONPROF_LOG_LEVEL=0", N(log_level), 1,
     "conprof: CONPROF_LOG_LEVEL=\"0\" is not a whole number from 1 to 4; using 1\n"},
    {"BLACKFIRE_LOG_LEVEL=loud", N(log_level), 1,
     "conprof: BLACKFIRE_LOG_LEVEL=\"loud\" is not a whole number from 1 to 4; using 1\n"},
    {"CONPROF_ENABLED=0", N(enabled), 0, NULL},
    {"CONPROF_ENABLED=yes", N(enabled), 1,
     "conprof: CONPROF_ENABLED=\"yes\" is not a whole number from 0 to 1; using 1\n"},
    {"CONPROF_SPOOL_MAX_BYTES=0", N(spool_max_bytes), 0, NULL},
    {"CONPROF_SYMBOL_CACHE_MAX_BYTES=0", N(symbol_cache_max_bytes), 0, NULL},
    {"CONPROF_SYMBOL_CACHE_MAX_BYTES=", N(symbol_cache_max_bytes), 67108864, NULL},
    {"CONPROF_SPOOL_MAX_AGE=0", N(spool_max_age_s), 0, NULL},
    {"HOME=/", N(spool_max_age_s), 604800, NULL},
    {"CONPROF_SPOOL_MAX_BYTES=", N(spool_max_bytes), 67108864, NULL},
    {"CONPROF_EXIT_WAIT=0", N(exit_wait_set), 1, NULL},
    {"CONPROF_EXIT_WAIT=", N(exit_wait_set), 0, NULL},
    {"CONPROF_EXIT_WAIT=12", N(exit_wait_s), 12, NULL},
    {"CONPROF_CPU_TIMER=itimer", N(cpu_timer), CP_TIMER_ITIMER, NULL},
    {"CONPROF_CPU_TIMER=perf", N(cpu_timer), CP_TIMER_AUTO,
     "conprof: CONPROF_CPU_TIMER=\"perf\" is none of auto, thread, itimer; using auto\n"},
    {"CONPROF_UNWINDER=fp", N(unwinder), CP_UNWINDER_FP, NULL},
    {"CONPROF_UNWINDER=own", N(unwinder), CP_UNWINDER_OWN, NULL},
    {"CONPROF_UNWINDER=libunwind", N(unwinder), CP_UNWINDER_LIBUNWIND, NULL},
    {"CONPROF_UNWINDER=dwarf", N(unwinder), CP_UNWINDER_AUTO,
     "conprof: CONPROF_UNWINDER=\"dwarf\" is none of auto, own, libunwind, fp; using auto\n"},
    {"CONPROF_LISTEN_ANYWHERE=1", N(listen_anywhere), 1, NULL},
    {"CONPROF_LISTEN_ANYWHERE=yes", N(listen_anywhere), 0,
     "conprof: CONPROF_LISTEN_ANYWHERE=\"yes\" is not a whole number from 0 to 1; using 0\n"},
    {"CONPROF_DEMANGLE=full", N(demangle), CP_DEMANGLE_FULL, NULL},
    {"CONPROF_DEMANGLE=none", N(demangle), CP_DEMANGLE_NONE, NULL},
    {"CONPROF_DEMANGLE=", N(demangle), CP_DEMANGLE_SHORT, NULL},
    {"CONPROF_DEMANGLE=auto", N(demangle), CP_DEMANGLE_SHORT,
     "conprof: CONPROF_DEMANGLE=\"auto\" is none of short, full, none; using short\n"},
    {"CONPROF_SAMPLE_LABELS=", N(sample_labels), CP_LABEL_ALL, NULL},
    {"CONPROF_SAMPLE_LABELS=none", N(sample_labels), 0, NULL},
    {"CONPROF_SAMPLE_LABELS=thread, pid", N(sample_labels), CP_LABEL_THREAD | CP_LABEL_PID, NULL},
    {"CONPROF_SAMPLE_LABELS=tid,name", N(sample_labels), CP_LABEL_TID,
     "conprof: CONPROF_SAMPLE_LABELS=\"tid,name\" has a word that is none of pid, tid, thread; "
     "using tid\n"},
    {"CONPROF_SAMPLE_LABELS=none,tid", N(sample_labels), CP_LABEL_TID,
     "conprof: CONPROF_SAMPLE_LABELS=\"none,tid\" has a word that is none of pid, tid, thread; "
     "using tid\n"},
    {"CONPROF_PROFILE_TYPES=cpu", N(types), CP_TYPE_CPU, NULL},
    {"CONPROF_PROFILE_TYPES=threads, heap", N(types), CP_TYPE_THREAD | CP_TYPE_HEAP, NULL},
    {"CONPROF_PROFILE_TYPES=cpu,locks", N(types), CP_TYPE_CPU,
     "conprof: CONPROF_PROFILE_TYPES=\"cpu,locks\" has a word that is none of cpu, heap, "
     "goroutine; using cpu\n"},
    {"CONPROF_PROFILE_TYPES=all", N(types), CP_TYPE_ALL,
     "conprof: CONPROF_PROFILE_TYPES=\"all\" has a word that is none of cpu, heap, goroutine; "
     "using cpu,heap,goroutine\n"},
};

static void numbers_and_words(void **state)
{
	struct cp_config config;
	struct heard heard;

	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		const struct number_row *row = &numbers[i];
		uint64_t wide;
		uint32_t narrow;

		apply(&config, row->env, NULL, NULL, &heard);
		memcpy(&narrow, (char *)&config + row->at, sizeof narrow);
		memcpy(&wide, (char *)&config + (row->wide ? row->at : 0), sizeof wide);
		print_message("%s\n", row->env);
		assert_int_equal(row->wide ? wide : narrow, row->want);
		assert_string_equal(heard.text, row->line ? row->line : "");
	}
}

#define T(field)    offsetof(struct cp_config, field)
#define SOCKET	    "unix:///var/run/blackfire/agent.sock"
#define KINDS	    "unix://, tcp://, http://, https://, dir://, pyroscope+http(s)://, parca+http(s)://"
#define FORTY_EIGHT "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuv"
#define FIFTY	    FORTY_EIGHT "wx"

static const struct text_row texts[] = {
    {"HOME=/", T(agent_socket), SOCKET, NULL},
    {"CONPROF_AGENT_SOCKET=tcp://[::1]:8307", T(agent_socket), "tcp://[::1]:8307", NULL},
    {"BLACKFIRE_AGENT_SOCKET=https://agent/base", T(agent_socket), "https://agent/base", NULL},
    {"CONPROF_AGENT_SOCKET=dir:///tmp/p q", T(agent_socket), "dir:///tmp/p q", NULL},
    {"CONPROF_AGENT_SOCKET=tcp://host", T(agent_socket), SOCKET,
     "conprof: CONPROF_AGENT_SOCKET=\"tcp://host\" is not tcp://host:port; using " SOCKET "\n"},
    {"CONPROF_AGENT_SOCKET=tcp://h:70000", T(agent_socket), SOCKET,
     "conprof: CONPROF_AGENT_SOCKET=\"tcp://h:70000\" is not tcp://host:port; using " SOCKET "\n"},
    {"CONPROF_AGENT_SOCKET=dir://here", T(agent_socket), SOCKET,
     "conprof: CONPROF_AGENT_SOCKET=\"dir://here\" has no absolute path; using " SOCKET "\n"},
    {"CONPROF_AGENT_SOCKET=http://", T(agent_socket), SOCKET,
     "conprof: CONPROF_AGENT_SOCKET=\"http://\" names no host; using " SOCKET "\n"},
    {"CONPROF_AGENT_SOCKET=http://me:word@/x y", T(agent_socket), SOCKET,
     "conprof: CONPROF_AGENT_SOCKET=(hidden)@\"/x y\" has a blank in it; using " SOCKET "\n"},
    {"CONPROF_AGENT_SOCKET=pyroscope+http://p:4040", T(agent_socket), "pyroscope+http://p:4040",
     NULL},
    {"CONPROF_AGENT_SOCKET=https://me:word@h:1/x", T(agent_socket), "https://me:***@h:1/x", NULL},
    {"CONPROF_AGENT_SOCKET=http://me:word@", T(agent_socket), SOCKET,
     "conprof: CONPROF_AGENT_SOCKET=(hidden)@\"\" names no host; using " SOCKET "\n"},
    {"CONPROF_AGENT_SOCKET=pyroscope+https://me:w%40rd@p/base", T(agent_socket),
     "pyroscope+https://me:***@p/base", NULL},
    {"CONPROF_AGENT_SOCKET=dir:///a@b,parca+http://word@p,http://h", T(agent_socket),
     "dir:///a@b,parca+http://***@p,http://h", NULL},
    {"CONPROF_AGENT_SOCKET=pyroscope+http://me:wo,rd@p,dir:///a", T(agent_socket), SOCKET,
     "conprof: CONPROF_AGENT_SOCKET=(hidden)@\"p,dir:///a\" has a comma in a password: it is "
     "%2C; using " SOCKET "\n"},
    {"CONPROF_AGENT_SOCKET=pyroscope+http://me:wo/rd@p,dir:///a", T(agent_socket), "dir:///a",
     "conprof: CONPROF_AGENT_SOCKET=(hidden)@\"p\" has an @ that is not before its host: in a "
     "password it is %40, / is %2F; using the others\n"},
    {"CONPROF_DEBUGINFOD_URLS=http://me:word@a  https://b", T(debuginfod_urls),
     "http://me:***@a  https://b", NULL},
    {"CONPROF_AGENT_SOCKET=parca+http://p", T(agent_socket), "parca+http://p", NULL},
    {"CONPROF_AGENT_SOCKET=pyroscope+http://me:word@", T(agent_socket), SOCKET,
     "conprof: CONPROF_AGENT_SOCKET=(hidden)@\"\" names no host; using " SOCKET "\n"},
    {"CONPROF_AGENT_SOCKET=parca+https://:7070", T(agent_socket), SOCKET,
     "conprof: CONPROF_AGENT_SOCKET=\"parca+https://:7070\" names no host; using " SOCKET "\n"},
    {"CONPROF_TENANT=a.B-1_!*'()", T(tenant), "a.B-1_!*'()", NULL},
    {"CONPROF_TENANT=a/b", T(tenant), "",
     "conprof: CONPROF_TENANT=\"a/b\" has a character that is none of A-Z a-z 0-9 ! _ . * ' ( ) "
     "-; using the default\n"},
    {"CONPROF_TENANT=" FIFTY FIFTY FIFTY, T(tenant), FIFTY FIFTY FIFTY, NULL},
    {"CONPROF_TENANT=" FIFTY FIFTY FIFTY "x", T(tenant), "",
     "conprof: CONPROF_TENANT=\"" FORTY_EIGHT "...\" is longer than 150 characters; using the "
     "default\n"},
    {"CONPROF_AGENT_SOCKET=/var/run/a.sock", T(agent_socket), SOCKET,
     "conprof: CONPROF_AGENT_SOCKET=\"/var/run/a.sock\" is none of " KINDS "; using " SOCKET "\n"},
    {"CONPROF_AGENT_SOCKET= dir:///a,tcp://h:1 ,,dir:///a,", T(agent_socket), "dir:///a,tcp://h:1",
     NULL},
    {"CONPROF_AGENT_SOCKET=tcp://h,dir:///a", T(agent_socket), "dir:///a",
     "conprof: CONPROF_AGENT_SOCKET=\"tcp://h\" is not tcp://host:port; using the others\n"},
    {"CONPROF_AGENT_SOCKET=dir:///a,http:///u:word@x,dir:///b", T(agent_socket),
     "dir:///a,dir:///b",
     "conprof: CONPROF_AGENT_SOCKET=(hidden)@\"x\" names no host; using the others\n"},
    {"CONPROF_AGENT_SOCKET=x,y", T(agent_socket), SOCKET,
     "conprof: CONPROF_AGENT_SOCKET=\"x\" is none of " KINDS "; using " SOCKET "\n"
     "conprof: CONPROF_AGENT_SOCKET=\"y\" is none of " KINDS "; using " SOCKET "\n"},
    {"CONPROF_AGENT_SOCKET=,", T(agent_socket), SOCKET,
     "conprof: CONPROF_AGENT_SOCKET=\",\" names no address; using " SOCKET "\n"},
    {"CONPROF_AGENT_SOCKET=dir:///1,dir:///2,dir:///3,dir:///4,dir:///5,dir:///6,dir:///7,dir:///"
     "8,dir:///9",
     T(agent_socket), "dir:///1,dir:///2,dir:///3,dir:///4,dir:///5,dir:///6,dir:///7,dir:///8",
     "conprof: CONPROF_AGENT_SOCKET=\"dir:///9\" is one address too many; using the others\n"},
    {"CONPROF_SERVER_ID=me", T(server_id), "me", NULL},
    {"CONPROF_SERVER_TOKEN_FILE=/etc/t", T(server_token_file), "/etc/t", NULL},
    {"CONPROF_TLS_CA_FILE=ca.pem", T(tls_ca_file), "",
     "conprof: CONPROF_TLS_CA_FILE=\"ca.pem\" is not an absolute path; using the default\n"},
    {"CONPROF_TLS_CERT_FILE=/c", T(tls_cert_file), "/c", NULL},
    {"CONPROF_TLS_KEY_FILE=/k", T(tls_key_file), "/k", NULL},
    {"CONPROF_SERVER_TOKEN=geheim\x01", T(server_token_file), "",
     "conprof: CONPROF_SERVER_TOKEN=(hidden) has unprintable characters; using none\n"},
    {"PLATFORM_APPLICATION_NAME=shop", T(app_name), "shop", NULL},
    {"PLATFORM_PROJECT=abc", T(project), "abc", NULL},
    {"CONPROF_LISTEN=[::1]:0", T(listen), "[::1]:0", NULL},
    {"CONPROF_LOG_FILE=/var/log/c.log", T(log_file), "/var/log/c.log", NULL},
    {"CONPROF_LOG_FILE=stderr", T(log_file), "", NULL},
    {"CONPROF_LOG_FILE=c.log", T(log_file), "",
     "conprof: CONPROF_LOG_FILE=\"c.log\" is not an absolute path; using stderr\n"},
    {"CONPROF_DEBUG_DIRS=/a:/b c::/d:", T(debug_dirs), "/a:/b c::/d:", NULL},
    {"CONPROF_DEBUG_DIRS=/a:b", T(debug_dirs), "",
     "conprof: CONPROF_DEBUG_DIRS=\"/a:b\" has a path that is not absolute; using the default\n"},
    {"DEBUGINFOD_URLS=http://a http://b", T(debuginfod_urls), "http://a http://b", NULL},
    {"CONPROF_DEBUGINFOD_URLS=off", T(debuginfod_urls), "off", NULL},
    {"CONPROF_SPOOL_DIR=spool", T(spool_dir), "",
     "conprof: CONPROF_SPOOL_DIR=\"spool\" is not an absolute path; using the default\n"},
    {"CONPROF_LABELS=a:b, c:d:e ", T(labels), "a:b,c:d:e", NULL},
    {"CONPROF_LABELS=a:b,c", T(labels), "a:b",
     "conprof: CONPROF_LABELS=\"a:b,c\" has the pair \"c\", which is not key:value; using the "
     "others\n"},
    {"CONPROF_LABELS=host:x,a:b", T(labels), "a:b",
     "conprof: CONPROF_LABELS=\"host:x,a:b\" has the pair \"host:x\", whose key the profiler sets "
     "itself; using the others\n"},
    {"CONPROF_LABELS=:x", T(labels), "",
     "conprof: CONPROF_LABELS=\":x\" has the pair \":x\", which is not key:value; using the "
     "others\n"},
};

static void texts_and_addresses(void **state)
{
	struct cp_config config;
	struct heard heard;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		print_message("%s\n", texts[i].env);
		apply(&config, texts[i].env, NULL, NULL, &heard);
		assert_string_equal((char *)&config + texts[i].at, texts[i].want);
		assert_string_equal(heard.text, texts[i].line ? texts[i].line : "");
	}
}

static void who_wins(void **state)
{
	struct cp_config config;
	struct heard heard;

	(void)state;
	apply(&config, "BLACKFIRE_CONPROF_PERIOD=20", "CONPROF_PERIOD=30", "CONPROF_PERIOD=40\n",
	      &heard);
	assert_int_equal(config.period_s, 30);
	apply(&config, "BLACKFIRE_CONPROF_PERIOD=20", "CONPROF_PERIOD=", "CONPROF_PERIOD=40\n",
	      &heard);
	assert_int_equal(config.period_s, 20);
	apply(&config, NULL, NULL, "CONPROF_PERIOD=41\nBLACKFIRE_CONPROF_PERIOD=42\n", &heard);
	assert_int_equal(config.period_s, 41);
	apply(&config, NULL, NULL, "CONPROF_PERIOD=41\nCONPROF_PERIOD=43", &heard);
	assert_int_equal(config.period_s, 43);
	apply(&config, "CONPROF_PERIOD=10", NULL, NULL, &heard);
	assert_int_equal(config.cpu_duration_s, 10);
	assert_int_equal(heard.lines, 0);
}

/* Ours are picked out of the environment first, but only so many. */
static void many_variables_hide_none(void **state)
{
	const char *env[130];
	struct cp_config config;

	(void)state;
	for (size_t n = 0; n < 128; n++) {
		for (size_t i = 0; i < n; i++)
			env[i] = i % 3 ? "CARGO_HOME=/c" : "PLATFORM_BRANCH=main";
		env[n] = "CONPROF_PERIOD=11";
		env[n + 1] = NULL;
		assert_int_equal(cp_settings_apply(&config, env, NULL, 0, NULL, NULL), 0);
		assert_int_equal(config.period_s, 11);
	}
}

static void every_default_is_in_range(void **state)
{
	struct cp_config config, again;

	(void)state;
	cp_settings_default(&config);
	assert_int_equal(cp_settings_apply(&again, NULL, NULL, 0, NULL, NULL), 0);
	assert_memory_equal(&config, &again, sizeof config);
	for (size_t i = 0; i < cp_settings_count; i++)
		if (cp_settings[i].kind == CP_SET_NUMBER || cp_settings[i].kind == CP_SET_LEVEL) {
			assert_in_range(cp_settings[i].otherwise, cp_settings[i].min,
					cp_settings[i].max);
			assert_true(cp_settings[i].size == 8 || cp_settings[i].max <= UINT32_MAX);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_and_words),
	    cmocka_unit_test(texts_and_addresses),
	    cmocka_unit_test(who_wins),
	    cmocka_unit_test(many_variables_hide_none),
	    cmocka_unit_test(every_default_is_in_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
