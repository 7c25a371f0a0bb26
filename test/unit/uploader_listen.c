/* uploader_listen.c - proves listen, mailbox: clients of every kind, beside a main loop
 * that is ours here.
 */
/* SPDX-License-Identifier: MIT */
#include "test/unit/asked.h"

static void requests_are_answered(void **state)
{
	struct cp_endpoint at = open_at("127.0.0.1:0");
	(void)state;
	struct client *client = ask(&at, GET("/a%20b?x=%31", "localhost"));
	expect(client, "HTTP/1.1 200 OK\r\n", "this is /a b");
	assert_string_equal(asked, "1 /a b ? x=%31");
	assert_non_null(strstr(client->reply, "\r\nX-Content-Type-Options: nosniff\r\n"));
	assert_non_null(strstr(client->reply, "\r\nCache-Control: no-store\r\n"));
	assert_non_null(strstr(client->reply, "\r\nContent-Length: 12\r\n"));
	assert_non_null(
	    strstr(client->reply, "\r\nContent-Disposition: attachment; filename=\"x\"\r\n"));
	assert_null(strstr(client->reply, "Access-Control"));
	client = ask(&at, "HEAD /x HTTP/1.1\r\nHost: [::1]:1\r\nConnection: close\r\n\r\n");
	expect(client, "HTTP/1.1 200 OK\r\n", "");
	assert_non_null(strstr(client->reply, "\r\nContent-Length: 10\r\n"));
	client = ask(&at, "POST /p HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
			  "Content-Length: 5\r\n\r\n0x1+2");
	expect(client, "HTTP/1.1 200 OK\r\n", "this is /p");
	assert_int_equal(asked_len, 5);
	client = ask(&at, GET("/none", "127.0.0.1"));
	expect(client, "HTTP/1.1 404 Not Found\r\n", "/none is not here\n");
	assert_non_null(strstr(client->reply, "\r\nX-Go-Pprof: 1\r\n"));
	assert_non_null(strstr(client->reply, "\r\nContent-Type: text/plain; charset=utf-8\r\n"));
	client = ask(&at, GET("/soon", "127.0.0.1"));
	expect(client, "HTTP/1.1 200 OK\r\n", "waited\n");
}

static void what_is_not_for_us_comes_no_further(void **state)
{
	static char large[CP_ASK_BODY_MAX + 300], header[40000];
	struct cp_endpoint at = open_at("127.0.0.1:0");
	(void)state;
	expect(ask(&at, GET("/x", "evil.example")), "HTTP/1.1 400 Bad Request\r\n",
	       "400 Bad Request: Host is none of ours\n");
	expect(ask(&at, "GET /x HTTP/1.0\r\n\r\n"), "HTTP/1.1 400 Bad Request\r\n",
	       "400 Bad Request: Host is none of ours\n");
	expect(ask(&at, GET("/%00", "localhost")), "HTTP/1.1 400 Bad Request\r\n",
	       "400 Bad Request: this is no path\n");
	expect(ask(&at, GET("http://localhost/", "localhost")), "HTTP/1.1 400 Bad Request\r\n",
	       "400 Bad Request: this is no path\n");
	struct client *client =
	    ask(&at, "DELETE /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
	expect(client, "HTTP/1.1 405 Method Not Allowed\r\n", "405 Method Not Allowed\n");
	assert_non_null(strstr(client->reply, "\r\nAllow: GET, HEAD\r\n"));
	/* until here and no further: the body comes in pieces */
	int n = snprintf(large, sizeof large,
			 "POST /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
			 "Content-Length: %u\r\n\r\n",
			 CP_ASK_BODY_MAX + 1);
	memset(large + n, 'x', CP_ASK_BODY_MAX + 1);
	expect(ask(&at, large), "HTTP/1.1 413 ", "413 Request Entity Too Large\n");
	n = snprintf(header, sizeof header, "GET /x HTTP/1.1\r\nHost: localhost\r\nX: ");
	memset(header + n, 'y', sizeof header - (size_t)n - 1);
	client = ask(&at, header);
	assert_true(client->len == 0 || strncmp(client->reply, "HTTP/1.1 4", 10) == 0);
	client = ask(&at, "\x16\x03\x01 rubbish\r\n\r\n\r\n");
	assert_true(client->len == 0 || strncmp(client->reply, "HTTP/1.", 7) == 0);
	assert_int_equal(served, 0);
	expect(ask(&at, GET("/y", "localhost")), "HTTP/1.1 200 OK\r\n", "this is /y");
}

static void who_goes_away_is_forgotten(void **state)
{
	static const char request[] = GET("/wait", "localhost");
	struct cp_endpoint at = open_at("127.0.0.1:0");
	(void)state;
	int fd = connect_to(&at);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	while (!served)
		turn(5);
	assert_int_equal(gone, 0);
	close(fd);
	for (int i = 0; i < 4000 && !gone; i++)
		turn(5);
	assert_int_equal(gone, 1);
	turn(50); /* and is not told again */
	assert_int_equal(gone, 1);
}

/* stop() ends the listener while one waits: it hears why. */
static void the_last_word(void **state)
{
	static struct client client;
	struct cp_endpoint at = open_at("127.0.0.1:0");
	(void)state;
	memset(&client, 0, sizeof client);
	client.at = &at;
	client.request = GET("/wait", "localhost");
	assert_int_equal(pthread_create(&client.thread, NULL, talk, &client), 0);
	while (!served)
		turn(5);
	cp_listener_close(family.listener, &family);
	pthread_join(client.thread, NULL);
	assert_int_equal(gone, 1);
	/* the answer may be cut off by the end, but the end comes */
	assert_true(client.len == 0 || strncmp(client.reply, "HTTP/1.1 503 ", 13) == 0);
}

static void slow_readers_and_crowds_disturb_nobody(void **state)
{
	static const char large[] = GET("/large", "localhost");
	struct cp_endpoint at = open_at("127.0.0.1:0");
	int slow[20], silent[40];
	(void)state;
	for (int i = 0; i < 40; i++)
		silent[i] = connect_to(&at);
	for (int i = 0; i < 20; i++) {
		slow[i] = connect_to(&at);
		assert_int_equal(send(slow[i], large, strlen(large), 0), strlen(large));
	}
	while (served < 20)
		turn(5);
	expect(ask(&at, GET("/quick", "localhost")), "HTTP/1.1 200 OK\r\n", "this is /quick");
	for (int i = 0; i < 20; i++)
		close(slow[i]);
	/* more than there is room for wait until somebody goes */
	for (int i = 0; i < 20; i++)
		slow[i] = connect_to(&at);
	for (int i = 0; i < 40; i++)
		close(silent[i]);
	expect(ask(&at, GET("/later", "localhost")), "HTTP/1.1 200 OK\r\n", "this is /later");
	for (int i = 0; i < 20; i++)
		close(slow[i]);
	struct client *client = ask(&at, large);
	assert_int_equal(served, 23);
	assert_true(client->len > (1u << 22) && client->len < (1u << 22) + 500);
}

static void the_second_takes_over_when_the_first_ends(void **state)
{
	char line[256], setting[128];
	struct cp_endpoint at = open_at("127.0.0.1:0");
	struct cp_family other = {.epoll = family.epoll};
	(void)state;
	struct cp_listener *second = cp_listener_new(log_, family.epoll, serve);
	cp_endpoint_write(&at, setting);
	snprintf(other.listen, sizeof other.listen, "%s", setting);
	cp_listener_tick(second, &other, 5);
	status(second, line);
	assert_non_null(strstr(line, "state=taken"));
	cp_listener_close(family.listener, &family);
	cp_listener_tick(second, &other, 6);
	status(second, line);
	assert_non_null(strstr(line, "state=taken"));
	cp_listener_tick(second, &other, 40000 * MS);
	status(second, line);
	assert_non_null(strstr(line, "state=open"));
	cp_listener_close(second, &other);
	cp_listener_free(second, &other);
}

static void others_are_let_in_only_where_that_is_said(void **state)
{
	char line[256];
	(void)state;
	status(family.listener, line);
	assert_string_equal(line, "");
	strcpy(family.listen, "0.0.0.0:0");
	turn(0);
	status(family.listener, line);
	assert_string_equal(line, "listen\taddress=0.0.0.0:0\tstate=refused\tanswered=0\n");
	cp_log_last(log_, line, sizeof line);
	assert_non_null(strstr(line, "CONPROF_LISTEN_ANYWHERE=1"));
	struct cp_family free_ = {.listen = "0.0.0.0:0", .listen_anywhere = 1};
	struct cp_listener *open_ = cp_listener_new(log_, family.epoll, serve);
	cp_listener_tick(open_, &free_, 1);
	status(open_, line);
	assert_non_null(strstr(line, "state=open"));
	cp_listener_close(open_, &free_);
	cp_listener_free(open_, &free_);
}

struct work {
	struct cp_errand errand;
	int done;
};

static void is_done(struct cp_family *f, struct cp_errand *errand)
{
	assert_ptr_equal(f, &family);
	((struct work *)errand)->done++;
}

static void *work(void *arg)
{
	struct work *all = arg;
	for (int i = 0; i < 100; i++)
		cp_mailbox_bring(cp_listener_box(family.listener), &all[i].errand);
	return NULL;
}

static void what_others_bring_is_gone_on_with(void **state)
{
	static struct work all[100], last;
	pthread_t thread;
	(void)state;
	memset(all, 0, sizeof all);
	last = (struct work){.errand.done = is_done};
	for (int i = 0; i < 100; i++)
		all[i].errand.done = is_done;
	assert_int_equal(pthread_create(&thread, NULL, work, all), 0);
	for (int i = 0; i < 4000 && !(all[0].done && all[99].done); i++)
		turn(5);
	pthread_join(thread, NULL);
	for (int i = 0; i < 100; i++)
		assert_int_equal(all[i].done, 1);
	/* after the end, too */
	cp_listener_close(family.listener, &family);
	cp_mailbox_bring(cp_listener_box(family.listener), &last.errand);
	cp_listener_free(family.listener, &family);
	family.listener = NULL;
	assert_int_equal(last.done, 1);
}

static void a_unix_socket_is_spoken_to(void **state)
{
	char setting[128];
	(void)state;
	snprintf(setting, sizeof setting, "unix://%s/listen", folder);
	struct cp_endpoint at = open_at(setting);
	expect(ask(&at, GET("/u", "whatever")), "HTTP/1.1 200 OK\r\n", "this is /u");
	cp_listener_close(family.listener, &family);
	assert_int_equal(access(setting + 7, F_OK), -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
	    TEST(requests_are_answered),
	    TEST(what_is_not_for_us_comes_no_further),
	    TEST(who_goes_away_is_forgotten),
	    TEST(the_last_word),
	    TEST(slow_readers_and_crowds_disturb_nobody),
	    TEST(the_second_takes_over_when_the_first_ends),
	    TEST(others_are_let_in_only_where_that_is_said),
	    TEST(what_others_bring_is_gone_on_with),
	    TEST(a_unix_socket_is_spoken_to),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
