/* base_secret.c - proves base/secret: settings hold no secret, and say where each is. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/secret.h"
#include "base/settings.h"
#include "test/unit/unit.h"

static void apply(struct cp_config *config, const char *env1, const char *env2, const char *file)
{
	const char *env[] = {"HOME=/", env1, env2, NULL};

	cp_settings_apply(config, env, file, file ? strlen(file) : 0, NULL, NULL);
}

/* What is shown of an address; NULL: nothing can be. */
static const struct {
	const char *text, *shown;
} addresses[] = {
    {"http://h", "http://h"},
    {"pyroscope+https://me:word@h:1/b", "pyroscope+https://me:***@h:1/b"},
    {"parca+http://me@h", "parca+http://***@h"},
    {"parca+http://:word@h", "parca+http://:***@h"},
    {"http://a@b@h", "http://***@h"},
    {"http://a:b:c@h?x", "http://a:***@h?x"},
    {"http://me:w/rd@h", NULL},
    {"http://h/a@b", NULL},
    {"me:word@h", "me:***@h"},
    {"dir:///me:word@h", "dir:///me:word@h"},
    {"unix:///me:word@h", "unix:///me:word@h"},
    {"host", "host"},
    {"http://me:w@a-host-that-does-not-fit-into-so-few-bytes", NULL},
};

static void passwords_are_masked(void **state)
{
	char shown[48];

	(void)state;
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
		const char *text = addresses[i].text, *want = addresses[i].shown;
		size_t len = cp_secret_mask(text, strlen(text), shown, sizeof shown);

		print_message("%s\n", text);
		assert_int_equal(len, want ? strlen(want) : 0);
		if (want)
			assert_string_equal(shown, want);
	}
}

/* A mask is longer than a short password: a list of addresses that fits without, and not with it,
 * is refused, wherever in it the room ends. */
static void urls_that_grow(void **state)
{
	static const char one[] = "http://:@h ";
	int taken = 0, refused = 0;

	(void)state;
	for (size_t lead = 0; lead < 24; lead++)
		for (size_t n = 1; n < 24; n++) {
			char env[512] = "CONPROF_DEBUGINFOD_URLS=a";
			const char *envs[] = {env, NULL};
			struct cp_config config;
			size_t at = strlen(env), shown = 1 + lead + n * (sizeof one + 2);
			int mistakes;

			memset(env + at, ' ', lead);
			at += lead;
			for (size_t i = 0; i < n; i++, at += sizeof one - 1)
				memcpy(env + at, one, sizeof one);
			mistakes = cp_settings_apply(&config, envs, NULL, 0, NULL, NULL);
			assert_int_equal(mistakes, shown >= sizeof config.debuginfod_urls);
			assert_int_equal(strlen(config.debuginfod_urls), mistakes ? 0 : shown);
			taken += !mistakes;
			refused += mistakes;
		}
	assert_true(taken && refused);
}

/* Whether text lies in what a call that has returned left of the stack. */
__attribute__((noinline)) static int is_left_behind(const char *text)
{
	char room[32768];

	__asm__ volatile("" : : "r"(room) : "memory");
	return memmem(room, sizeof room, text, strlen(text)) != NULL;
}

/* No settings have a secret in them: only that there is one, where, and what tells it apart. */
static void secrets_are_not_kept(void **state)
{
	static const char address[] = "CONPROF_AGENT_SOCKET=pyroscope+http://me:geheim@p";
	static const char *const env[] = {"BLACKFIRE_SERVER_TOKEN=geheim", NULL};
	static const char file[] = "CONPROF_SERVER_TOKEN=\"ge\\\"heim\"\n";
	struct cp_config config, other;
	char text[64];

	(void)state;
	apply(&config, "CONPROF_SERVER_TOKEN=geheim", address, file);
	assert_int_equal(config.secrets, CP_SECRET_TOKEN | CP_SECRET_ADDRESS);
	assert_null(memmem(&config, sizeof config, "geheim", 6));
	apply(&other, "CONPROF_SERVER_TOKEN=geheIm", address, file);
	assert_int_not_equal(config.secret_print, other.secret_print);
	apply(&other, "CONPROF_SERVER_TOKEN=geheim", address, NULL);
	assert_int_equal(config.secret_print, other.secret_print);
	apply(&config, NULL, NULL, file);
	assert_false(is_left_behind("ge\"heim"));
	assert_int_equal(config.secrets, CP_SECRET_TOKEN | CP_SECRET_TOKEN << CP_SECRET_IN_FILE);
	assert_int_equal(config.secret_print, 0);
	assert_int_equal(cp_settings_secret(CP_SECRET_TOKEN, env, file, sizeof file - 1, text, 64),
			 6);
	assert_string_equal(text, "geheim");
	assert_int_equal(cp_settings_secret(CP_SECRET_TOKEN, NULL, file, sizeof file - 1, text, 64),
			 7);
	assert_string_equal(text, "ge\"heim");
	assert_int_equal(cp_settings_secret(CP_SECRET_TOKEN, NULL, file, sizeof file - 1, text, 7),
			 0);
	assert_int_equal(cp_settings_secret(CP_SECRET_URLS, env, file, sizeof file - 1, text, 64),
			 0);
}

/* The environment before the file; in one place, the token's own file before the token. */
static void which_token(void **state)
{
	static const char both[] = "CONPROF_SERVER_TOKEN=a\nCONPROF_SERVER_TOKEN_FILE=/t\n";
	struct cp_config config;

	(void)state;
	apply(&config, "CONPROF_SERVER_TOKEN=b", NULL, both);
	assert_int_equal(config.secrets, CP_SECRET_TOKEN);
	assert_string_equal(config.server_token_file, "");
	apply(&config, NULL, NULL, both);
	assert_int_equal(config.secrets, 0);
	assert_string_equal(config.server_token_file, "/t");
	apply(&config, "CONPROF_SERVER_TOKEN_FILE=/u", "CONPROF_SERVER_TOKEN=b", both);
	assert_int_equal(config.secrets, 0);
	assert_int_equal(config.secret_print, 0);
	assert_string_equal(config.server_token_file, "/u");
	apply(&config, "CONPROF_SERVER_TOKEN_FILE=/u", NULL, "CONPROF_SERVER_TOKEN=a\n");
	assert_string_equal(config.server_token_file, "/u");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(passwords_are_masked),
	    cmocka_unit_test(urls_that_grow),
	    cmocka_unit_test(secrets_are_not_kept),
	    cmocka_unit_test(which_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
