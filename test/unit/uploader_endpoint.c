/* uploader_endpoint.c - proves endpoint, query, pull_symbol: what CONPROF_LISTEN says, whose Host
 * is ours, and what a request's line asks for.
 */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "unit.h"
#include "uploader/endpoint.h"
#include "uploader/pull_symbol.h"
#include "uploader/query.h"

static const struct {
	const char *text, *means; /* NULL: nothing */
	int local;
} addresses[] = {
    {"127.0.0.1:6060", "127.0.0.1:6060", 1},
    {":6060", "127.0.0.1:6060", 1},
    {"localhost:0", "127.0.0.1:0", 1},
    {"LOCALHOST:65535", "127.0.0.1:65535", 1},
    {"127.9.9.9:1", "127.9.9.9:1", 1},
    {"[::1]:6060", "[::1]:6060", 1},
    {"0.0.0.0:6060", "0.0.0.0:6060", 0},
    {"[::]:6060", "[::]:6060", 0},
    {"10.1.2.3:80", "10.1.2.3:80", 0},
    {"[fe80::1]:80", "[fe80::1]:80", 0},
    /* an address of both kinds: the kernel, not we, would have to say whom it means */
    {"[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:80", 0},
    {"unix:///run/x/conprof.sock", "unix:///run/x/conprof.sock", 1},
    {"unix://run/x", NULL, 0},
    {"unix:///12345678901234567890123456789012345678901234567890123456789012345678901234567890"
     "12345678901234567890123456789",
     NULL, 0},
    {"", NULL, 0},
    {"6060", NULL, 0},
    {"127.0.0.1", NULL, 0},
    {"127.0.0.1:", NULL, 0},
    {"127.0.0.1:65536", NULL, 0},
    {"127.0.0.1:+1", NULL, 0},
    {"127.0.0.1:1 ", NULL, 0},
    {"127.0.0.1:6060/x", NULL, 0},
    {"127.1:6060", NULL, 0},
    {"::1:6060", NULL, 0},
    {"[::1]6060", NULL, 0},
    {"[::1:6060", NULL, 0},
    {"[127.0.0.1]:6060", NULL, 0},
    {"[localhost]:6060", NULL, 0},
    {"example.com:6060", NULL, 0},
    {"http://127.0.0.1:6060", NULL, 0},
};

static void addresses_are_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
		struct cp_endpoint endpoint;
		char text[128];
		int error = cp_endpoint_parse(addresses[i].text, &endpoint);
		if (!addresses[i].means) {
			if (!error)
				fail_msg("%s is understood", addresses[i].text);
			continue;
		}
		if (error)
			fail_msg("%s is not understood", addresses[i].text);
		cp_endpoint_write(&endpoint, text);
		assert_string_equal(text, addresses[i].means);
		assert_int_equal(endpoint.local, addresses[i].local);
	}
}

static const struct {
	const char *listen, *host;
	int ours;
} hosts[] = {
    {"127.0.0.1:6060", "127.0.0.1:6060", 1},
    {"127.0.0.1:6060", "127.0.0.1", 1},
    {"127.0.0.1:6060", "127.0.0.1:9999", 1}, /* a port that is forwarded */
    {"127.0.0.1:6060", "localhost:6060", 1},
    {"127.0.0.1:6060", "LocalHost", 1},
    {"127.0.0.1:6060", "[::1]:6060", 1},
    {"[::1]:6060", "127.0.0.1", 1},
    {"127.9.9.9:6060", "127.9.9.9", 1},
    {"127.0.0.1:6060", "evil.example", 0},
    {"127.0.0.1:6060", "evil.example:6060", 0},
    {"127.0.0.1:6060", "localhost.evil.example", 0},
    {"127.0.0.1:6060", "127.0.0.1.evil.example", 0},
    {"127.0.0.1:6060", "localhost@evil.example", 0},
    {"127.0.0.1:6060", "machine", 0}, /* a name of ours is not a name of loopback's */
    {"127.0.0.1:6060", "10.0.0.1", 0},
    {"127.0.0.1:6060", "", 0},
    {"127.0.0.1:6060", ":6060", 0},
    {"127.0.0.1:6060", "127.0.0.1:x", 0},
    {"127.0.0.1:6060", "127.0.0.1:99999", 0},
    {"127.0.0.1:6060", "[localhost]", 0},
    {"127.0.0.1:6060", "[::1", 0},
    {"127.0.0.1:6060", "[::1]x", 0},
    {"0.0.0.0:6060", "10.0.0.1:6060", 1},
    {"0.0.0.0:6060", "[fe80::1]:6060", 1},
    {"0.0.0.0:6060", "machine:6060", 1},
    {"0.0.0.0:6060", "localhost:6060", 1},
    {"0.0.0.0:6060", "evil.example:6060", 0},
    {"0.0.0.0:6060", "machine.evil.example:6060", 0},
    {"10.0.0.1:6060", "10.0.0.1:6060", 1},
    {"unix:///tmp/x", "whatever", 1},
};

static void only_names_of_ours_are_answered(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		struct cp_endpoint endpoint;
		assert_int_equal(cp_endpoint_parse(hosts[i].listen, &endpoint), 0);
		if (cp_endpoint_is_host(&endpoint, hosts[i].host, "machine") != hosts[i].ours)
			fail_msg("at %s, %s is %s", hosts[i].listen, hosts[i].host,
				 hosts[i].ours ? "not ours" : "ours");
	}
	struct cp_endpoint any;
	assert_int_equal(cp_endpoint_parse("0.0.0.0:1", &any), 0);
	assert_int_equal(cp_endpoint_is_host(&any, "", ""), 0); /* a machine without a name */
}

static void escapes_are_undone(void **state)
{
	static const struct {
		const char *text, *means;
		int plus;
	} rows[] = {
	    {"/a%2fb", "/a/b", 0},
	    {"a+b", "a+b", 0},
	    {"a+b", "a b", 1},
	    {"%41%7a", "Az", 0},
	    {"%", NULL, 0},
	    {"%4", NULL, 0},
	    {"%4g", NULL, 0},
	    {"%-1", NULL, 0},
	    {"a%00b", NULL, 0},
	    {"", "", 0},
	    {"%c3%a9", "\xc3\xa9", 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[32];
		strcpy(text, rows[i].text);
		int bad = cp_query_unescape(text, rows[i].plus);
		assert_int_equal(bad, rows[i].means ? 0 : -1);
		if (!bad)
			assert_string_equal(text, rows[i].means);
	}
}

static void parameters_are_found(void **state)
{
	char out[8];
	(void)state;
	assert_int_equal(cp_query_value("a=1&b=2", "b", out, sizeof out), 1);
	assert_string_equal(out, "2");
	assert_int_equal(cp_query_value("b=1&b=2", "b", out, sizeof out), 1);
	assert_string_equal(out, "1");
	assert_int_equal(cp_query_value("bb=1&b", "b", out, sizeof out), 1);
	assert_string_equal(out, "");
	assert_int_equal(cp_query_value("&&b=x%20+y&", "b", out, sizeof out), 1);
	assert_string_equal(out, "x  y");
	assert_int_equal(cp_query_value("b=a=b", "b", out, sizeof out), 1);
	assert_string_equal(out, "a=b");
	assert_int_equal(cp_query_value("", "b", out, sizeof out), 0);
	assert_int_equal(cp_query_value("b=12345678", "b", out, sizeof out), 0);
	assert_int_equal(cp_query_value("b=%zz", "b", out, sizeof out), 0);
}

static void numbers_are_as_go_reads_them(void **state)
{
	static const struct {
		const char *query;
		long long number;
	} rows[] = {
	    {"seconds=5", 5},
	    {"seconds=%2b5", 5},
	    {"seconds=-5", -5},
	    {"seconds=0", 0},
	    {"seconds=", 30},
	    {"", 30},
	    {"seconds=5s", 30},
	    {"seconds=5.0", 30},
	    {"seconds= 5", 30},
	    {"seconds=--5", 30},
	    {"seconds=0x5", 30},
	    {"seconds=999999999999999999", 999999999999999999},
	    {"seconds=9999999999999999999", 30},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_true(cp_query_number(rows[i].query, "seconds", 30) == rows[i].number);
}

static void addresses_are_as_go_reads_them(void **state)
{
	uint64_t out[8] = {0};
	(void)state;
	assert_int_equal(cp_pull_addresses("0x1f+12+0B11+017+0o20+0+x+0x+-1+1e+08++0XFF", out, 8),
			 6);
	assert_true(out[0] == 0x1f && out[1] == 12 && out[2] == 3 && out[3] == 15);
	assert_true(out[4] == 16 && out[5] == 255 && !out[6]);
	assert_int_equal(cp_pull_addresses("0xffffffffffffffff+0x10000000000000000", out, 8), 1);
	assert_true(out[0] == UINT64_MAX);
	assert_int_equal(cp_pull_addresses("1+2+3", out, 2), 3);
	assert_true(out[1] == 2 && out[2] == 3); /* of before: there is room for two */
	assert_int_equal(cp_pull_addresses("", NULL, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_are_understood),
	    cmocka_unit_test(only_names_of_ours_are_answered),
	    cmocka_unit_test(escapes_are_undone),
	    cmocka_unit_test(parameters_are_found),
	    cmocka_unit_test(addresses_are_as_go_reads_them),
	    cmocka_unit_test(numbers_are_as_go_reads_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
