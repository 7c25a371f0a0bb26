/* uploader_http.c - proves http: every kind of answer, from a real listener. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"
#include "uploader/http.h"

struct agent {
	int listener;
	const char *answer; /* NULL: says nothing until the client goes */
	char request[4096];
	pthread_t thread;
	struct cp_address address;
};

static void *serve(void *arg)
{
	struct agent *agent = arg;
	size_t len = 0;
	int fd = accept(agent->listener, NULL, NULL);
	while (fd >= 0 && len < sizeof agent->request - 1) {
		ssize_t n = recv(fd, agent->request + len, sizeof agent->request - 1 - len, 0);
		if (n <= 0)
			break;
		len += (size_t)n;
		agent->request[len] = '\0';
		if (agent->answer && strstr(agent->request, "\r\n\r\nhello")) {
			send(fd, agent->answer, strlen(agent->answer), MSG_NOSIGNAL);
			break;
		}
	}
	close(fd);
	return NULL;
}

static void start(struct agent *agent, const char *answer)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	char text[64];
	*agent = (struct agent){.answer = answer};
	agent->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(agent->listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(agent->listener, 1), 0);
	assert_int_equal(getsockname(agent->listener, (struct sockaddr *)&at, &len), 0);
	snprintf(text, sizeof text, "tcp://127.0.0.1:%d", ntohs(at.sin_port));
	assert_int_equal(cp_address_parse(text, &agent->address), 0);
	assert_int_equal(pthread_create(&agent->thread, NULL, serve, agent), 0);
}

/* Who is answered does not wait so long, however crowded the machine is; who is not, does. */
static long patience(const struct agent *agent)
{
	return agent->answer ? 60000 : 500;
}

static void post(struct agent *agent, const char *password, struct cp_reply *reply)
{
	cp_http_post(&(struct cp_post){.to = &agent->address,
				       .user = "id",
				       .password = password,
				       .content_type = "multipart/form-data; boundary=x",
				       .body = "hello",
				       .body_len = 5,
				       .timeout_ms = patience(agent)},
		     reply);
	pthread_join(agent->thread, NULL);
	close(agent->listener);
}

static void answers_are_told_apart(void **state)
{
	static const struct {
		const char *answer;
		long status;
		int not_http;
	} rows[] = {
	    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, 0},
	    {"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\nhalf", 202, 0},
	    {"HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 301, 0},
	    {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 403, 0},
	    {"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", 500, 0},
	    {"HTTP/1.1 100 Continue\r\n\r\n", 0, 0},
	    {"HTTP/1.1 200 OK\r\nContent-Le", 0, 0},
	    {"\r\n", 0, -1},
	    {"220 smtp.example ESMTP\r\n", 0, 1},
	    {"", 0, 0},
	    {NULL, 0, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct agent agent;
		struct cp_reply reply;
		start(&agent, rows[i].answer);
		post(&agent, "", &reply);
		assert_int_equal(reply.status, rows[i].status);
		assert_int_equal(reply.error[0] == '\0', rows[i].status != 0);
		if (rows[i].not_http >= 0)
			assert_int_equal(reply.not_http, rows[i].not_http);
	}
}

static void the_request_is_as_the_intake_wants_it(void **state)
{
	static const char *const wanted[] = {
	    "POST /profiling/v1/input HTTP/1.1\r\n", "\r\nContent-Length: 5\r\n",
	    "\r\nContent-Type: multipart/form-data; boundary=x\r\n",
	    "\r\nAuthorization: Basic aWQ6c2VjcmV0\r\n", "\r\n\r\nhello"};
	struct agent agent;
	struct cp_reply reply;
	(void)state;
	start(&agent, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	post(&agent, "secret", &reply);
	assert_int_equal(reply.status, 200);
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
		assert_non_null(strstr(agent.request, wanted[i]));
	assert_null(strstr(agent.request, "Expect"));
	assert_null(strstr(agent.request, "chunked"));
	start(&agent, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	post(&agent, "", &reply);
	assert_null(strstr(agent.request, "Authorization"));
}

static void what_the_answer_says_is_kept_in_one_line(void **state)
{
	static char flood[6000] = "HTTP/1.1 400 No\r\nConnection: close\r\n\r\n";
	struct agent agent;
	struct cp_reply reply;
	(void)state;
	start(&agent, "HTTP/1.1 429 Later\r\nRetry-After: 17\r\nContent-Length: 12\r\n\r\n"
		      "a\tb\x01\xff\nc\x7f\r\nde");
	post(&agent, "", &reply);
	assert_int_equal(reply.status, 429);
	assert_int_equal(reply.retry_after_s, 17);
	assert_string_equal(reply.body, "a b   c   de");
	start(&agent, "HTTP/1.1 503 Later\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n");
	post(&agent, "", &reply);
	assert_int_equal(reply.retry_after_s, 0);
	assert_string_equal(reply.body, "");
	memset(flood + strlen(flood), 'x', 5000);
	start(&agent, flood);
	post(&agent, "", &reply);
	assert_int_equal(reply.status, 400);
	assert_int_equal(strlen(reply.body), sizeof reply.body - 1);
}

static void a_token_alone_is_a_bearer(void **state)
{
	struct agent agent;
	struct cp_reply reply;
	(void)state;
	start(&agent, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	cp_http_post(&(struct cp_post){.to = &agent.address,
				       .user = "",
				       .password = "t",
				       .bearer = "t",
				       .content_type = "x",
				       .headers = {"X-Scope-OrgID: me", "Content-Encoding: gzip"},
				       .body = "hello",
				       .body_len = 5,
				       .timeout_ms = patience(&agent)},
		     &reply);
	pthread_join(agent.thread, NULL);
	close(agent.listener);
	assert_int_equal(reply.status, 200);
	assert_non_null(strstr(agent.request, "\r\nAuthorization: Bearer t\r\n"));
	assert_non_null(strstr(agent.request, "\r\nX-Scope-OrgID: me\r\n"));
	assert_non_null(strstr(agent.request, "\r\nContent-Encoding: gzip\r\n"));
	assert_null(strstr(agent.request, "Basic"));
}

static void nobody_there_is_an_error(void **state)
{
	struct cp_address address;
	struct cp_reply reply;
	(void)state;
	assert_int_equal(cp_address_parse("unix:///nonexistent/agent.sock", &address), 0);
	cp_http_post(
	    &(struct cp_post){.to = &address, .content_type = "x", .body = "", .timeout_ms = 500},
	    &reply);
	assert_int_equal(reply.status, 0);
	assert_true(reply.error[0]);
	assert_false(reply.not_http);
}

static int begin(void **state)
{
	(void)state;
	return cp_http_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_are_told_apart),
	    cmocka_unit_test(the_request_is_as_the_intake_wants_it),
	    cmocka_unit_test(what_the_answer_says_is_kept_in_one_line),
	    cmocka_unit_test(a_token_alone_is_a_bearer),
	    cmocka_unit_test(nobody_there_is_an_error),
	};
	return cmocka_run_group_tests(tests, begin, NULL);
}
