/* uploader_push.c - proves push, series and json: labels, requests, what answers mean, and that
 * what has arrived is not sent again. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "encoder/arena.h"
#include "pprof.pb-c.h"
#include "push.pb-c.h"
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

/* ---- a server that answers one request after the other as it is told ---- */
#define NAME_LEN 600
#define SAMPLES	 3200

struct server {
	int listener;
	const char *answers; /* a letter each: o: 200, b: 503, r: 400 */
	size_t asked;
	char ids[64][37]; /* of what was answered by 200 */
	size_t id_count;
	int64_t sum;
	pthread_t thread;
	struct cp_address address;
};

static void take_in(struct server *server, const uint8_t *body, size_t len)
{
	struct cp_bytes packed = {(uint8_t *)(uintptr_t)body, len}, plain;
	assert_int_equal(cp_unpack(&packed, &plain, 64 << 20), 0);
	Cp__PushRequest *request = cp__push_request__unpack(NULL, plain.len, plain.data);
	size_t bytes = 0;
	assert_non_null(request);
	for (size_t i = 0; i < request->n_series; i++)
		for (size_t j = 0; j < request->series[i]->n_samples; j++) {
			const Cp__PushSample *sample = request->series[i]->samples[j];
			Cp__Profile *it = cp__profile__unpack(NULL, sample->raw_profile.len,
							      sample->raw_profile.data);
			assert_non_null(it);
			assert_true(sample->raw_profile.len <= 1 << 20);
			bytes += sample->raw_profile.len;
			for (size_t n = 0; n < it->n_sample; n++)
				server->sum += it->sample[n]->value[0];
			cp__profile__free_unpacked(it, NULL);
			for (size_t n = 0; n < server->id_count; n++)
				assert_string_not_equal(server->ids[n], sample->id);
			snprintf(server->ids[server->id_count++], 37, "%s", sample->id);
		}
	assert_true(bytes <= 2 << 20);
	cp__push_request__free_unpacked(request, NULL);
	free(plain.data);
}

static size_t receive(int fd, char *buffer, size_t room, const char **body)
{
	size_t len = 0, want = SIZE_MAX;
	while (len < want && len < room - 1) {
		ssize_t n = recv(fd, buffer + len, room - 1 - len, 0);
		if (n <= 0)
			return 0;
		len += (size_t)n;
		buffer[len] = '\0';
		const char *end = memmem(buffer, len, "\r\n\r\n", 4);
		const char *told = strstr(buffer, "Content-Length: ");
		if (!end || !told)
			continue;
		*body = end + 4;
		want = (size_t)(*body - buffer) + strtoul(told + 16, NULL, 10);
	}
	return len - (size_t)(*body - buffer);
}

static void *serve(void *arg)
{
	struct server *server = arg;
	char *buffer = malloc(4 << 20);
	const char *body = NULL;
	int fd;
	while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
		size_t len = receive(fd, buffer, 4 << 20, &body);
		char answer = server->answers[server->asked];
		if (answer)
			server->asked++;
		if (answer == 'o')
			take_in(server, (const uint8_t *)body, len);
		const char *text = answer == 'o' ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
				   : answer == 'b'
				       ? "HTTP/1.1 503 No\r\nRetry-After: 7\r\n"
					 "Content-Length: 0\r\n\r\n"
				       : "HTTP/1.1 400 No\r\nContent-Length: 2\r\n\r\nno";
		send(fd, text, strlen(text), MSG_NOSIGNAL);
		close(fd);
	}
	free(buffer);
	return NULL;
}

static void start(struct server *server, const char *answers)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	char text[64];
	*server = (struct server){.answers = answers};
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(server->listener, 4), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&at, &len), 0);
	snprintf(text, sizeof text, "pyroscope+http://127.0.0.1:%d", ntohs(at.sin_port));
	assert_int_equal(cp_address_parse(text, &server->address), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop(struct server *server)
{
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->listener);
}

/* So many samples, each of a function of its own: 1 MiB has room for some 1650. */
static struct cp_bytes make_profile(size_t samples)
{
	struct cp_arena memory = {0};
	Cp__Profile it = CP__PROFILE__INIT;
	Cp__ValueType type = CP__VALUE_TYPE__INIT, *types[] = {&type};
	it.sample_type = types;
	it.n_sample_type = 1;
	it.string_table = cp_arena_take(&memory, (samples + 1) * sizeof(void *));
	it.string_table[0] = (char *)(uintptr_t) "";
	it.function = cp_arena_take(&memory, samples * sizeof(void *));
	it.location = cp_arena_take(&memory, samples * sizeof(void *));
	it.sample = cp_arena_take(&memory, samples * sizeof(void *));
	for (uint64_t i = 0; i < samples; i++) {
		char *name = it.string_table[i + 1] = cp_arena_take(&memory, NAME_LEN + 1);
		memset(name, 'x', NAME_LEN);
		name[snprintf(name, NAME_LEN, "%u", (unsigned)i)] = '_';
		cp__function__init(it.function[i] = cp_arena_take(&memory, sizeof(Cp__Function)));
		it.function[i]->id = i + 1;
		it.function[i]->name = (int64_t)i + 1;
		cp__location__init(it.location[i] = cp_arena_take(&memory, sizeof(Cp__Location)));
		it.location[i]->id = i + 1;
		it.location[i]->line = cp_arena_take(&memory, sizeof(void *));
		cp__line__init(*it.location[i]->line = cp_arena_take(&memory, sizeof(Cp__Line)));
		it.location[i]->line[0]->function_id = i + 1;
		it.location[i]->n_line = 1;
		cp__sample__init(it.sample[i] = cp_arena_take(&memory, sizeof(Cp__Sample)));
		it.sample[i]->location_id = &it.location[i]->id;
		it.sample[i]->n_location_id = 1;
		it.sample[i]->value = cp_arena_take(&memory, sizeof(int64_t));
		it.sample[i]->value[0] = (int64_t)i + 1;
		it.sample[i]->n_value = 1;
	}
	it.n_string_table = samples + 1;
	it.n_function = it.n_location = it.n_sample = samples;
	struct cp_bytes bytes = {malloc(cp__profile__get_packed_size(&it)), 0};
	bytes.len = cp__profile__pack(&it, bytes.data);
	cp_arena_free(&memory);
	return bytes;
}

static struct cp_parcel *make_parcel(void)
{
	struct cp_parcel *parcel = cp_parcel_new();
	snprintf(parcel->stem, sizeof parcel->stem, "x-1-20260101T000000Z-0");
	cp_text_add(&parcel->event, "{\"tags_profiler\":\"service:x\"}\n");
	parcel->profiles[CP_PROFILE_CPU] = make_profile(SAMPLES);
	return parcel;
}

#define WHOLE ((int64_t)SAMPLES * (SAMPLES + 1) / 2)

static void what_has_arrived_is_not_sent_again(void **state)
{
	struct cp_parcel *parcel = make_parcel();
	struct cp_push_progress progress = {0};
	struct cp_secrets secrets = {0};
	struct server server;
	struct cp_told told = {0};
	(void)state;
	start(&server, "obboo"); /* the third attempt needs one request, a new start two */
	assert_int_equal(cp_push_send(&server.address, &secrets, parcel, 9000, &progress, &told),
			 CP_AGAIN);
	assert_int_equal(told.after_s, 7);
	assert_int_equal(server.asked, 2);
	assert_int_equal(cp_push_send(&server.address, &secrets, parcel, 9000, &progress, &told),
			 CP_AGAIN);
	assert_int_equal(server.asked, 3);
	assert_int_equal(cp_push_send(&server.address, &secrets, parcel, 9000, &progress, &told),
			 CP_SENT);
	assert_int_equal(server.asked, 4);
	assert_int_equal(server.sum, WHOLE);
	stop(&server);
	cp_parcel_free(parcel);
}

static void the_rest_of_what_is_refused_is_sent(void **state)
{
	struct cp_parcel *parcel = make_parcel();
	struct cp_push_progress progress = {0};
	struct cp_secrets secrets = {0};
	struct server server;
	struct cp_told told = {0};
	(void)state;
	start(&server, "ro");
	assert_int_equal(cp_push_send(&server.address, &secrets, parcel, 9000, &progress, &told),
			 CP_REFUSED);
	assert_non_null(strstr(told.why, "answered 400: no"));
	assert_int_equal(server.asked, 2);
	assert_in_range(server.sum, 1, WHOLE - 1);
	stop(&server);
	cp_parcel_free(parcel);
}

static void a_damaged_profile_spoils_no_other(void **state)
{
	struct cp_parcel *parcel = cp_parcel_new();
	struct cp_push_progress progress = {0};
	struct cp_secrets secrets = {0};
	struct server server;
	struct cp_told told = {0};
	(void)state;
	cp_text_add(&parcel->event, "{}");
	snprintf(parcel->stem, sizeof parcel->stem, "stem");
	parcel->profiles[CP_PROFILE_HEAP] =
	    (struct cp_bytes){(uint8_t *)strdup("\x1f\x8bgarbage"), 9};
	struct cp_bytes plain = make_profile(99);
	assert_int_equal(cp_gzip(&plain, &parcel->profiles[CP_PROFILE_CPU]), 0);
	free(plain.data);
	start(&server, "oo");
	assert_int_equal(cp_push_send(&server.address, &secrets, parcel, 9000, &progress, &told),
			 CP_REFUSED);
	assert_string_equal(told.why, "stem: 1 damaged profile");
	assert_int_equal(server.sum, 99 * 100 / 2);
	stop(&server);
	cp_parcel_free(parcel);
}

static int begin(void **state)
{
	(void)state;
	return cp_http_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_mean_something),
	    cmocka_unit_test(texts_come_out_of_json),
	    cmocka_unit_test(an_event_names_its_series),
	    cmocka_unit_test(labels_are_few_and_short),
	    cmocka_unit_test(ids_are_the_same_again),
	    cmocka_unit_test(what_has_arrived_is_not_sent_again),
	    cmocka_unit_test(the_rest_of_what_is_refused_is_sent),
	    cmocka_unit_test(a_damaged_profile_spoils_no_other),
	};
	return cmocka_run_group_tests(tests, begin, NULL);
}
