/* uploader_pure.c - proves schedule, retry, address, text, status and request: tables, no clock, no
 * network. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "unit.h"
#include "uploader/address.h"
#include "uploader/pause.h"
#include "uploader/request.h"
#include "uploader/retry.h"
#include "uploader/schedule.h"
#include "uploader/status.h"

#define S UINT64_C(1000000000)

static void a_period_has_its_window_at_the_end(void **state)
{
	struct cp_schedule schedule;
	(void)state;
	cp_schedule_begin(&schedule, 100 * S, 45, 5, 0);
	assert_int_equal(cp_schedule_next(&schedule), 140 * S);
	assert_int_equal(cp_schedule_due(&schedule, 139 * S), CP_DUE_NOTHING);
	assert_int_equal(cp_schedule_due(&schedule, 141 * S), CP_DUE_CPU_WINDOW);
	assert_int_equal(schedule.cpu_start_ns, 141 * S);
	assert_int_equal(cp_schedule_due(&schedule, 144 * S), CP_DUE_NOTHING);
	assert_int_equal(cp_schedule_due(&schedule, 145 * S), CP_DUE_PERIOD_END);
	cp_schedule_turn(&schedule, 146 * S);
	assert_int_equal(schedule.start_ns, 145 * S);
	assert_false(schedule.cpu_open);
}

static void a_first_period_is_longer_by_its_jitter(void **state)
{
	struct cp_schedule schedule;
	(void)state;
	cp_schedule_begin(&schedule, 100 * S, 45, 5, 7 * S);
	assert_int_equal(cp_schedule_due(&schedule, 146 * S), CP_DUE_NOTHING);
	assert_int_equal(cp_schedule_due(&schedule, 147 * S), CP_DUE_CPU_WINDOW);
	assert_int_equal(cp_schedule_due(&schedule, 152 * S), CP_DUE_PERIOD_END);
	cp_schedule_turn(&schedule, 152 * S);
	assert_int_equal(schedule.start_ns, 152 * S);
	assert_int_equal(cp_schedule_next(&schedule), 192 * S);
}

static void what_is_paused_is_accounted_for(void **state)
{
	struct cp_pause pause;
	(void)state;
	cp_pause_begin(&pause);
	cp_pause_set(&pause, 1, 10 * S); /* from the first moment on */
	cp_pause_account(&pause, 14 * S);
	assert_int_equal(pause.period_ns, 4 * S);
	assert_false(pause.sampled);
	cp_pause_turn(&pause, 0);
	cp_pause_set(&pause, 0, 15 * S);
	assert_true(pause.sampled);
	assert_int_equal(pause.period_ns, 1 * S);
	assert_int_equal(pause.heap_ns, 5 * S); /* none was sent of what was stopped */
	cp_pause_set(&pause, 1, 17 * S);
	cp_pause_window(&pause, 18 * S);
	cp_pause_account(&pause, 20 * S);
	assert_int_equal(pause.cpu_ns, 2 * S);
	assert_int_equal(pause.period_ns, 4 * S);
	cp_pause_turn(&pause, 1);
	assert_int_equal(pause.heap_ns, 0);
	assert_false(pause.sampled);
}

static void periods_do_not_drift_and_are_not_made_up_for(void **state)
{
	struct cp_schedule schedule;
	(void)state;
	cp_schedule_begin(&schedule, 0, 10, 60, 0);
	assert_true(schedule.cpu_open);
	assert_int_equal(cp_schedule_due(&schedule, 10 * S), CP_DUE_PERIOD_END);
	cp_schedule_turn(&schedule, 35 * S);
	assert_int_equal(schedule.start_ns, 35 * S);
	cp_schedule_turn(&schedule, 37 * S); /* early: a flush */
	assert_int_equal(schedule.start_ns, 37 * S);
}

static void back_off_grows_within_its_cap(void **state)
{
	static const struct {
		uint32_t failures, range;
	} rows[] = {{1, 1000},	 {2, 2000},    {5, 16000},
		    {9, 256000}, {10, 300000}, {4000000000u, 300000}};
	struct cp_retry retry = {0};
	(void)state;
	assert_int_equal(cp_retry_delay_ms(0, 12345), 0);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(cp_retry_delay_ms(rows[i].failures, rows[i].range - 1u),
				 rows[i].range - 1);
		assert_int_equal(cp_retry_delay_ms(rows[i].failures, rows[i].range), 0);
	}
	cp_retry_failed(&retry, 5 * S, 700);
	assert_false(cp_retry_may(&retry, 5 * S));
	assert_true(cp_retry_may(&retry, 5 * S + 700000000));
	cp_retry_succeeded(&retry);
	assert_true(cp_retry_may(&retry, 0));
}

static void a_password_in_an_address_is_never_shown(void **state)
{
	static const char *const rows[][2] = {
	    {"pyroscope+http://me:w@h", "pyroscope+http://h"},
	    {"pyroscope+https://1%3a2:w%40%2Fo%2c:d@h:1/p@q", "pyroscope+https://h:1/p@q"},
	    {"parca+http://***@h", "parca+http://h"},
	    {"parca+http://a@b:c@d@h/", "parca+http://h/"},
	    {"dir:///a@b/c", "dir:///a@b/c"},
	    {"unix:///a@b", "unix:///a@b"},
	};
	struct cp_address address;
	char shown[CP_ADDRESS_SHOWN];
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(cp_address_parse(rows[i][0], &address), 0);
		assert_null(strstr(address.url, "w@"));
		assert_null(strstr(address.url, "c@"));
		cp_address_show(rows[i][0], shown);
		assert_string_equal(shown, rows[i][1]);
	}
}

static void addresses_are_read(void **state)
{
	static const struct {
		const char *text;
		enum cp_address_kind kind;
		const char *url, *path;
	} rows[] = {
	    {"unix:///a/b.sock", CP_ADDRESS_HTTP, "http://localhost/profiling/v1/input",
	     "/a/b.sock"},
	    {"tcp://h:1", CP_ADDRESS_HTTP, "http://h:1/profiling/v1/input", ""},
	    {"http://h/", CP_ADDRESS_HTTP, "http://h/profiling/v1/input", ""},
	    {"http://h:8/base", CP_ADDRESS_HTTP, "http://h:8/base/profiling/v1/input", ""},
	    {"https://h", CP_ADDRESS_HTTP, "https://h/profiling/v1/input", ""},
	    {"dir:///out", CP_ADDRESS_FOLDER, "", "/out"},
	    {"unix://relative", CP_ADDRESS_NONE, "", ""},
	    {"dir://out", CP_ADDRESS_NONE, "", ""},
	    {"tcp://h:1/x", CP_ADDRESS_NONE, "", ""},
	    {"http://", CP_ADDRESS_NONE, "", ""},
	    {"http://u@h", CP_ADDRESS_HTTP, "http://h/profiling/v1/input", ""},
	    {"https://u:***@h:1/x/", CP_ADDRESS_HTTP, "https://h:1/x/profiling/v1/input", ""},
	    {"http://u:p@", CP_ADDRESS_NONE, "", ""},
	    {"http://u:p@/x", CP_ADDRESS_NONE, "", ""},
	    {"http://u:p@h?x", CP_ADDRESS_NONE, "", ""},
	    {"tcp://u@h:1", CP_ADDRESS_NONE, "", ""},
	    {"ftp://h", CP_ADDRESS_NONE, "", ""},
	    {"nonsense", CP_ADDRESS_NONE, "", ""},
	    {"HTTP://h", CP_ADDRESS_NONE, "", ""},
	    {"pyroscope+http://h", CP_ADDRESS_PYROSCOPE, "http://h:4040/push.v1.PusherService/Push",
	     ""},
	    {"pyroscope+http://h:1/", CP_ADDRESS_PYROSCOPE, "http://h:1/push.v1.PusherService/Push",
	     ""},
	    {"pyroscope+http://[::1]/a/b", CP_ADDRESS_PYROSCOPE,
	     "http://[::1]:4040/a/b/push.v1.PusherService/Push", ""},
	    {"pyroscope+http://[::1]:2", CP_ADDRESS_PYROSCOPE,
	     "http://[::1]:2/push.v1.PusherService/Push", ""},
	    {"pyroscope+https://u:p@h/x", CP_ADDRESS_PYROSCOPE,
	     "https://h/x/push.v1.PusherService/Push", ""},
	    {"parca+http://h", CP_ADDRESS_PARCA, "http://h:7070/api/profiles/writeraw", ""},
	    {"parca+https://h:8/p/", CP_ADDRESS_PARCA, "https://h:8/p/api/profiles/writeraw", ""},
	    {"pyroscope+http://", CP_ADDRESS_NONE, "", ""},
	    {"pyroscope+http:///x", CP_ADDRESS_NONE, "", ""},
	    {"pyroscope+http://:4040", CP_ADDRESS_NONE, "", ""},
	    {"pyroscope+http://u:p@", CP_ADDRESS_NONE, "", ""},
	    {"pyroscope+http://h/x?y", CP_ADDRESS_NONE, "", ""},
	    {"pyroscope+unix:///x", CP_ADDRESS_NONE, "", ""},
	};
	struct cp_address address;
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int error = cp_address_parse(rows[i].text, &address);
		assert_int_equal(error != 0, rows[i].kind == CP_ADDRESS_NONE);
		assert_int_equal(address.kind, rows[i].kind);
		assert_string_equal(address.url, rows[i].url);
		assert_string_equal(address.path, rows[i].path);
		assert_false(address.is_default);
	}
	assert_int_equal(cp_address_parse("", &address), 0);
	assert_true(address.is_default);
}

static void json_is_escaped_and_valid(void **state)
{
	struct cp_text text = {0};
	(void)state;
	cp_text_add_json(&text,
			 "<a>&\"\\\n\x7f \xc3\xa9 \xff \xed\xa0\x80 \xc0\x80 \xf0\x9f\x98\x80");
	assert_string_equal(text.data,
			    "\"\\u003ca\\u003e\\u0026\\\"\\\\\\u000a\\u007f \xc3\xa9 \xef\xbf\xbd "
			    "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd "
			    "\xf0\x9f\x98\x80\"");
	cp_text_free(&text);
}

static void times_are_utc_without_trailing_zeros(void **state)
{
	struct cp_text text = {0};
	char stamp[17];
	(void)state;
	cp_text_add_time(&text, 1776081645500000000);
	cp_text_add(&text, " ");
	cp_text_add_time(&text, 1776081645000000001);
	cp_text_add(&text, " ");
	cp_text_add_time(&text, 1776081645000000000);
	assert_string_equal(text.data, "2026-04-13T12:00:45.5Z 2026-04-13T12:00:45.000000001Z "
				       "2026-04-13T12:00:45Z");
	cp_text_stamp(1776081645500000000, stamp);
	assert_string_equal(stamp, "20260413T120045Z");
	cp_text_free(&text);
}

static void a_field_ends_neither_itself_nor_its_line(void **state)
{
	struct cp_text text = {0};
	(void)state;
	cp_text_add(&text, "program");
	cp_text_add_field(&text, "name", "a\tpid=1\nb\033[2Jc\x7f d\xc3\xa9");
	cp_text_add_field(&text, "exe", "");
	assert_string_equal(text.data, "program\tname=a?pid=1?b?[2Jc? d\xc3\xa9\texe=");
	cp_text_free(&text);
}

static void a_key_comes_once_and_commas_never(void **state)
{
	struct cp_config config = {.app_name = "my,app",
				   .labels = "env:prod,service:mine,url:http://x:1,env:other,bad"};
	struct cp_event event = {
	    .pid = 42, .seq = 7, .service = "app", .host = "web1", .config = &config};
	struct cp_text tags = {0};
	(void)state;
	cp_request_tags(&event, &tags);
	assert_non_null(strstr(tags.data, "process_id:42,"));
	assert_non_null(strstr(tags.data, ",application_name:my_app,"));
	assert_non_null(strstr(tags.data, ",service:app,profile_seq:7,env:prod,url:http://x:1"));
	assert_null(strstr(tags.data, "service:mine"));
	assert_null(strstr(tags.data, "env:other"));
	assert_null(strstr(tags.data, "project_id"));
	cp_text_free(&tags);
}

static void the_event_names_what_is_attached(void **state)
{
	struct cp_config config = {.period_s = 45, .types = CP_TYPE_CPU};
	struct cp_event event = {.profiles = CP_BIT(CP_PROFILE_CPU) | CP_BIT(CP_PROFILE_HEAP),
				 .config = &config,
				 .exe = "/usr/Bin/My App",
				 .cwd = "/srv"};
	struct cp_text text = {0};
	(void)state;
	event.lost[CP_KIND_CPU][CP_LOST_ROWS] = 3;
	event.coverage[CP_PROFILE_CPU] = (struct cp_coverage){4512, 3, 2, 5};
	event.coverage[CP_PROFILE_THREADS].samples = 9; /* not attached */
	assert_int_equal(cp_request_event(&event, &text), 0);
	assert_non_null(strstr(text.data, "\"attachments\":[\"delta-heap.pprof\",\"cpu.pprof\"],"));
	assert_non_null(strstr(text.data, "\"family\":\"go\",\"version\":\"4\""));
	assert_non_null(strstr(text.data, "\"losses\":{\"cpu_table_full\":3}"));
	assert_non_null(strstr(text.data, "\"coverage\":{\"heap\":{\"samples\":0,\"lost\":0,"
					  "\"truncated\":0,\"ended_early\":0},"
					  "\"cpu\":{\"samples\":4512,\"lost\":3,"
					  "\"truncated\":2,\"ended_early\":5}},\"losses\""));
	assert_non_null(strstr(text.data, "entrypoint.basedir:bin,entrypoint.name:my_app,"
					  "entrypoint.type:executable,entrypoint.workdir:srv"));
	assert_int_equal(text.data[text.len - 1], '\n');
	cp_text_free(&text);
}

static void the_body_is_as_the_intake_wants_it(void **state)
{
	struct cp_bytes parts[CP_PROFILES] = {0};
	struct cp_text body = {0};
	(void)state;
	parts[CP_PROFILE_CPU] = (struct cp_bytes){(uint8_t *)"CC", 2};
	parts[CP_PROFILE_THREADS] = (struct cp_bytes){(uint8_t *)"TT", 2};
	assert_int_equal(cp_request_body(parts, "{}\n", "bb", &body), 0);
	assert_string_equal(
	    body.data,
	    "--bb\r\nContent-Disposition: form-data; name=\"goroutines.pprof\"; "
	    "filename=\"goroutines.pprof\"\r\nContent-Type: application/octet-stream\r\n\r\nTT"
	    "\r\n--bb\r\nContent-Disposition: form-data; name=\"cpu.pprof\"; "
	    "filename=\"cpu.pprof\"\r\nContent-Type: application/octet-stream\r\n\r\nCC"
	    "\r\n--bb\r\nContent-Disposition: form-data; name=\"event\"; "
	    "filename=\"event.json\"\r\nContent-Type: application/json\r\n\r\n{}\n"
	    "\r\n--bb--\r\n");
	cp_text_free(&body);
}

static void boundaries_and_uuids_have_their_shape(void **state)
{
	char boundary[CP_BOUNDARY], uuid[37];
	(void)state;
	assert_int_equal(cp_request_boundary(boundary), 0);
	assert_int_equal(strspn(boundary, "0123456789abcdef"), 60);
	assert_int_equal(cp_request_uuid(uuid), 0);
	assert_int_equal(strlen(uuid), 36);
	assert_int_equal(uuid[14], '4');
	assert_non_null(strchr("89ab", uuid[19]));
}

/* The latest by what they say, wherever they stand, and in the order in which they stand. */
static void a_terminal_has_the_last_few_lines(void **state)
{
	static const char lines[] = "uploader\tname=x\n"
				    "ended\tpid=7\tat=2026-11-21T10:00:00.51Z\n"
				    "ended\tpid=2\tat=2026-11-21T09:00:02Z\n"
				    "ended\tpid=4\tat=2026-11-21T10:00:00Z\n"
				    "program\tid=2\n"
				    "ended\tpid=5\tat=2026-11-21T10:00:00.5Z\n"
				    "ended\tpid=1\tat=2026-11-21T09:00:01Z\n"
				    "ended\tpid=3\tat=2026-11-21T09:00:03Z\n"
				    "ended\tpid=6\tat=2026-11-21T10:00:00.509Z\n"
				    "uploads\tsent=6\n"
				    "upload\tticket=1\nupload\tticket=2\nupload\tticket=3\n"
				    "upload\tticket=4\nupload\tticket=5\nupload\tticket=6\n"
				    "last\tline=y\n";
	struct cp_text out = {0};
	(void)state;
	cp_status_plain(lines, 1, &out);
	assert_string_equal(out.data, "uploader name=x\n"
				      "  ended pid=7 at=2026-11-21T10:00:00.51Z\n"
				      "  ended pid=4 at=2026-11-21T10:00:00Z\n"
				      "  program id=2\n"
				      "  ended pid=5 at=2026-11-21T10:00:00.5Z\n"
				      "  ended pid=3 at=2026-11-21T09:00:03Z\n"
				      "  ended pid=6 at=2026-11-21T10:00:00.509Z\n"
				      "  ... and 2 more (conprof status | cat)\n"
				      "  uploads sent=6\n"
				      "  upload ticket=2\n  upload ticket=3\n  upload ticket=4\n"
				      "  upload ticket=5\n  upload ticket=6\n"
				      "  ... and 1 more (conprof status | cat)\n"
				      "  last line=y\n");
	cp_text_free(&out);
	cp_status_plain(lines, 0, &out);
	assert_non_null(strstr(out.data, "\n  ended pid=1 "));
	assert_non_null(strstr(out.data, "\n  upload ticket=1\n"));
	assert_null(strstr(out.data, "..."));
	cp_text_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_period_has_its_window_at_the_end),
	    cmocka_unit_test(a_first_period_is_longer_by_its_jitter),
	    cmocka_unit_test(what_is_paused_is_accounted_for),
	    cmocka_unit_test(periods_do_not_drift_and_are_not_made_up_for),
	    cmocka_unit_test(back_off_grows_within_its_cap),
	    cmocka_unit_test(addresses_are_read),
	    cmocka_unit_test(a_password_in_an_address_is_never_shown),
	    cmocka_unit_test(json_is_escaped_and_valid),
	    cmocka_unit_test(a_field_ends_neither_itself_nor_its_line),
	    cmocka_unit_test(times_are_utc_without_trailing_zeros),
	    cmocka_unit_test(a_key_comes_once_and_commas_never),
	    cmocka_unit_test(the_event_names_what_is_attached),
	    cmocka_unit_test(the_body_is_as_the_intake_wants_it),
	    cmocka_unit_test(boundaries_and_uuids_have_their_shape),
	    cmocka_unit_test(a_terminal_has_the_last_few_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
