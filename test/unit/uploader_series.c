/* uploader_series.c - proves series, pushid and json: labels, ids, and what answers mean. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "uploader/json.h"
#include "uploader/push.h"

static void answers_mean_something(void **state)
{
	static const struct {
		long status;
		const char *body;
		enum cp_verdict verdict;
		const char *why;
	} rows[] = {
	    {200, "{}", CP_SENT, ""},
	    {202, "", CP_SENT, ""},
	    {0, "", CP_AGAIN, "u: no way"},
	    {400, "{\"code\":\"invalid_argument\",\"message\":\"a\\n\\\"b\\\"\"}", CP_REFUSED,
	     "u answered 400: a \"b\""},
	    {400, "plain words", CP_REFUSED, "u answered 400: plain words"},
	    {401, "", CP_REFUSED, "u answered 401"},
	    {404, "<html>", CP_REFUSED, "u answered 404: <html>"},
	    {409, "{\"code\":\"already_exists\"}", CP_REFUSED,
	     "u answered 409: {\"code\":\"already_exists\"}"},
	    {409, "{\"message\":\"m\",\"code\":\"aborted\"}", CP_AGAIN, "u answered 409: m"},
	    {413, "", CP_REFUSED, "u answered 413"},
	    {301, "", CP_REFUSED, "u answered 301"},
	    {408, "", CP_AGAIN, "u answered 408"},
	    {429, "{\"code\":\"resource_exhausted\",\"message\":\"m\"}", CP_AGAIN,
	     "u answered 429: m"},
	    {500, "", CP_AGAIN, "u answered 500"},
	    {503, "{\"code\":", CP_AGAIN, "u answered 503: {\"code\":"},
	};
	struct cp_address address = {.url = "u"};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct cp_reply reply = {.status = rows[i].status, .error = "no way"};
		char why[900] = "";
		snprintf(reply.body, sizeof reply.body, "%s", rows[i].body);
		assert_int_equal(cp_push_judge(&address, &reply, why, sizeof why), rows[i].verdict);
		assert_string_equal(why, rows[i].why);
	}
}

static void texts_come_out_of_json(void **state)
{
	static const struct {
		const char *json, *want; /* NULL: there is none */
	} rows[] = {
	    {"{\"k\":\"v\"}", "v"},
	    {" { \"a\" : {\"k\":\"no\", \"x\":[1,\"}\"]} , \"k\" : \"\" } ", ""},
	    {"{\"a\":[\"k\",{}],\"b\":-1e5,\"c\":null,\"k\":\"\\u0041\\\\\\/\\n\"}", "A\\/\n"},
	    {"{\"k\":\"\\ud83d\\ude00\\u00e9\\ud83d\\u0000\"}",
	     "\xf0\x9f\x98\x80\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd"},
	    {"{\"k\":1}", NULL},
	    {"{\"k\":\"\\x\"}", NULL},
	    {"{\"k\":\"\\u12\"}", NULL},
	    {"{\"k\":\"v", NULL},
	    {"{\"k\":\"v\\\"}", NULL},
	    {"{\"kk\":\"v\"}", NULL},
	    {"{\"a\":]}", NULL},
	    {"[\"k\",\"v\"]", NULL},
	    {"{", NULL},
	    {"", NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct cp_text out = {0};
		cp_text_add(&out, "<");
		int found = cp_json_text(rows[i].json, strlen(rows[i].json), "k", &out);
		assert_int_equal(found, rows[i].want != NULL);
		assert_string_equal(out.data + 1, rows[i].want ? rows[i].want : "");
		cp_text_free(&out);
	}
}

static const char *label(const struct cp_series *series, const char *name)
{
	for (size_t i = 0; i < series->count; i++)
		if (strcmp(series->labels[i].name, name) == 0)
			return series->labels[i].value;
	return NULL;
}

static void series_of(struct cp_series *series, const char *tags, unsigned how)
{
	struct cp_text event = {0};
	cp_text_addf(&event, "{\"start\":\"x\",\"attachments\":[],\"tags_profiler\":\"%s\"}\n",
		     tags);
	cp_series_of_event(series, event.data, event.len, "a-b-17-20260101T000000Z-3", how);
	for (size_t i = 1; i < series->count; i++)
		assert_true(strcmp(series->labels[i - 1].name, series->labels[i].name) < 0);
	cp_text_free(&event);
}

static void an_event_names_its_series(void **state)
{
	struct cp_series series;
	(void)state;
	series_of(&series,
		  "process_id:17,profiler_version:v1.2,runtime-id:x,host:h,application_name:app,"
		  "service:svc,profile_seq:3,project_id:p,a.b:c,7:d,x-y:z:z,__name__:no,e\\n:f",
		  CP_SERIES_DOTS);
	assert_string_equal(label(&series, "service_name"), "app");
	assert_string_equal(label(&series, "hostname"), "h");
	assert_string_equal(label(&series, "otel.scope.version"), "1.2");
	assert_string_equal(label(&series, "project_id"), "p");
	assert_string_equal(label(&series, "a.b"), "c");
	assert_string_equal(label(&series, "_7"), "d");
	assert_string_equal(label(&series, "x_y"), "z:z");
	assert_string_equal(label(&series, "e_"), "f");
	assert_null(label(&series, "process_id"));
	assert_null(label(&series, "__name__"));
	assert_int_equal(series.count, 10);
	series_of(&series, "service:svc,process_ended:signal,signal:SIGSEGV,core_dumped:true", 0);
	assert_string_equal(label(&series, "signal"), "SIGSEGV");
	assert_null(label(&series, "process_ended"));
	assert_int_equal(series.count, 4);
	series_of(&series, "service:svc,processes_ended:9,ended_by_signal:2,exit_failed:3", 0);
	assert_int_equal(series.count, 3);
	series_of(&series, "service:svc,a.b:c", 0);
	assert_string_equal(label(&series, "service_name"), "svc");
	assert_string_equal(label(&series, "a_b"), "c");
	assert_string_equal(label(&series, "process_runtime_name"), "native");
	cp_series_of_event(&series, "garbage", 7, "a-b-17-20260101T000000Z-3", 0);
	assert_string_equal(label(&series, "service_name"), "a-b");
	cp_series_of_event(&series, "", 0, "x", 0);
	assert_string_equal(label(&series, "service_name"), "x");
}

static void labels_are_few_and_short(void **state)
{
	struct cp_text tags = {0};
	struct cp_series series;
	(void)state;
	cp_text_add(&tags, "service:s,host:h,profiler_version:1");
	for (int i = 0; i < 40; i++)
		cp_text_addf(&tags, ",label%02d:v", i);
	series_of(&series, tags.data, CP_SERIES_DOTS);
	assert_int_equal(series.count, CP_SERIES_LABELS - 4); /* the server's own come on top */
	assert_non_null(label(&series, "label00"));
	tags.len = 0;
	cp_text_add(&tags, "service:");
	for (int i = 0; i < 400; i++)
		cp_text_add(&tags, "\xc3\xa9");
	cp_text_add(&tags, ",");
	for (int i = 0; i < 300; i++)
		cp_text_add(&tags, "n");
	cp_text_add(&tags, ":\xff");
	series_of(&series, tags.data, CP_SERIES_DOTS);
	/* whole characters */
	assert_int_equal(strlen(label(&series, "service_name")), CP_LABEL_VALUE - 2);
	for (size_t i = 0; i < series.count; i++)
		if (series.labels[i].name[0] == 'n') {
			assert_int_equal(strlen(series.labels[i].name), CP_LABEL_NAME - 1);
			assert_string_equal(series.labels[i].value, "?");
		}
	cp_text_free(&tags);
}

static void ids_are_the_same_again(void **state)
{
	struct cp_text a = {.data = (char[]){"event a"}, .len = 7},
		       b = {.data = (char[]){"event b"}, .len = 7};
	struct cp_piece piece = {"memory", CP_PROFILE_HEAP, 0, 0, {0}};
	char first[37], again[37], other[37];
	(void)state;
	cp_push_uuid(&a, &piece, first);
	cp_push_uuid(&a, &piece, again);
	assert_string_equal(first, again);
	assert_int_equal(first[14], '8');
	assert_non_null(strchr("89ab", first[19]));
	cp_push_uuid(&b, &piece, other);
	assert_string_not_equal(first, other);
	piece.number = 1;
	cp_push_uuid(&a, &piece, other);
	assert_string_not_equal(first, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_mean_something),	 cmocka_unit_test(texts_come_out_of_json),
	    cmocka_unit_test(an_event_names_its_series), cmocka_unit_test(labels_are_few_and_short),
	    cmocka_unit_test(ids_are_the_same_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
