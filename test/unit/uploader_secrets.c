/* uploader_secrets.c - proves secrets and vault: who gets what from where, and that nothing is
 * left. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/settings.h"
#include "unit.h"
#include "uploader/secrets.h"
#include "uploader/vault.h"

#define ADDRESS "pyroscope+http://me:ge%3Aheim@h"
#define SHOWN	"pyroscope+http://me:***@h"

static char folder[] = "/tmp/conprof-secrets-XXXXXX", path[64];

static void put(const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int begin(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/f", folder);
	return 0;
}

static int end(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

/* What the vault gives is outside of every dump, as the kernel says. */
static int is_dumped(const void *at)
{
	char line[512];
	unsigned long low, high;
	int inside = 0, dumped = 1;
	FILE *maps = fopen("/proc/self/smaps", "re");
	assert_non_null(maps);
	while (fgets(line, sizeof line, maps)) {
		if (sscanf(line, "%lx-%lx ", &low, &high) == 2)
			inside = (unsigned long)at >= low && (unsigned long)at < high;
		else if (inside && !strncmp(line, "VmFlags:", 8))
			dumped = !strstr(line, " dd");
	}
	fclose(maps);
	return dumped;
}

static void a_vault_forgets(void **state)
{
	static const size_t sizes[] = {0, 1, 48, 49, 5000, 131056, 131057, 400000};
	int on_the_stack = 0;
	(void)state;
	assert_true(is_dumped(&on_the_stack));
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *at = cp_vault_get(sizes[i]);
		assert_non_null(at);
		assert_int_equal((uintptr_t)at % 16, 0);
		memset(at, 'x', sizes[i]);
		assert_false(is_dumped(at));
		at = cp_vault_resize(at, sizes[i] + 3000);
		assert_true(!sizes[i] || (at[0] == 'x' && at[sizes[i] - 1] == 'x'));
		cp_vault_give(at);
	}
	char *was = cp_vault_copy("geheim");
	assert_string_equal(was, "geheim");
	cp_vault_give(was);
	char *again = cp_vault_get(7);
	assert_ptr_equal(again, was);
	assert_int_equal(again[0], 0);
	assert_int_equal(again[6], 0);
	cp_vault_give(again);
	assert_null(cp_vault_get(SIZE_MAX - 8));
	assert_null(cp_vault_zeroed(SIZE_MAX / 2, 4));
}

/* The settings as the library would put them into the recording. */
static void settings(struct cp_config *config, const char *env1, const char *env2, const char *file)
{
	const char *env[] = {env1 ? env1 : env2, env1 ? env2 : NULL, NULL};
	cp_settings_apply(config, env, file, file ? strlen(file) : 0, NULL, NULL);
	if (config->secrets >> CP_SECRET_IN_FILE)
		snprintf(config->config_file, sizeof config->config_file, "%s", path);
}

static void open_and_expect(const struct cp_config *config, const char *shown, const char *token,
			    const char *user, const char *password)
{
	char why[400] = "";
	struct cp_secrets *secrets = cp_secrets_open(config, shown, NULL, why, sizeof why);
	assert_string_equal(why, "");
	assert_non_null(secrets);
	assert_string_equal(secrets->token, token);
	assert_string_equal(secrets->user, user);
	assert_string_equal(secrets->password, password);
	cp_secrets_close(&secrets);
}

static void refuse(const struct cp_config *config, const char *shown, const char *part)
{
	char why[400] = "";
	assert_null(cp_secrets_open(config, shown, NULL, why, sizeof why));
	assert_non_null(strstr(why, part));
}

static void the_environment_is_emptied(void **state)
{
	struct cp_config config, other;
	(void)state;
	setenv("CONPROF_SERVER_TOKEN", "wort", 1);
	setenv("BLACKFIRE_AGENT_SOCKET", "dir:///x, " ADDRESS, 1);
	cp_secrets_take();
	assert_null(getenv("CONPROF_SERVER_TOKEN"));
	assert_null(getenv("BLACKFIRE_AGENT_SOCKET"));
	settings(&config, "CONPROF_SERVER_TOKEN=wort", "BLACKFIRE_AGENT_SOCKET=dir:///x, " ADDRESS,
		 NULL);
	open_and_expect(&config, SHOWN, "wort", "me", "ge:heim");
	open_and_expect(&config, "dir:///x", "wort", "", "");
	refuse(&config, "pyroscope+http://you:***@h", "no longer among the addresses");
	settings(&other, "CONPROF_SERVER_TOKEN=anderes", NULL, NULL);
	refuse(&other, SHOWN, "CONPROF_SERVER_TOKEN: the environment");
	settings(&other, NULL, NULL, NULL);
	open_and_expect(&other, "unix:///a", "", "", "");
}

static void a_file_is_read_each_time(void **state)
{
	static const char text[] =
	    "CONPROF_SERVER_TOKEN=\"a b\"\nCONPROF_AGENT_SOCKET=" ADDRESS "\n";
	struct cp_config config;
	char long_one[400];
	(void)state;
	settings(&config, NULL, NULL, text);
	put(text);
	open_and_expect(&config, SHOWN, "a b", "me", "ge:heim");
	put("CONPROF_SERVER_TOKEN=c\nCONPROF_AGENT_SOCKET=pyroscope+http://me:neu@h\n");
	open_and_expect(&config, SHOWN, "c", "me", "neu");
	put("CONPROF_SERVER_ID=c\n");
	refuse(&config, SHOWN, "no longer in it");
	unlink(path);
	refuse(&config, SHOWN, "No such file");
	settings(&config, NULL, NULL, NULL);
	snprintf(config.server_token_file, sizeof config.server_token_file, "%s", path);
	refuse(&config, "", "CONPROF_SERVER_TOKEN_FILE");
	put("wort\r\n");
	open_and_expect(&config, "", "wort", "", "");
	put("\n");
	refuse(&config, "", "is not one line");
	put("a\nb\n");
	refuse(&config, "", "is not one line");
	memset(long_one, 'x', sizeof long_one);
	long_one[sizeof long_one - 1] = '\0';
	put(long_one);
	refuse(&config, "", "is not one line");
	snprintf(config.server_token_file, sizeof config.server_token_file, "%s", folder);
	refuse(&config, "", "is not a file");
}

static void who_may_read_is_told_once(void **state)
{
	struct cp_config config;
	char why[400], last[400] = "";
	struct cp_log *log = cp_log_new();
	(void)state;
	settings(&config, NULL, NULL, NULL);
	snprintf(config.server_token_file, sizeof config.server_token_file, "%s", path);
	put("wort\n");
	for (int mode = 0600; mode <= 0604; mode += 4) {
		chmod(path, (mode_t)mode);
		struct cp_secrets *secrets = cp_secrets_open(&config, "", log, why, sizeof why);
		assert_non_null(secrets);
		cp_secrets_close(&secrets);
		cp_log_last(log, last, sizeof last);
		assert_int_equal(strstr(last, "anybody may read it") != NULL, mode == 0604);
		assert_null(strstr(last, "wort"));
	}
	cp_log_free(log);
}

/* The address before the settings; what has a user is Basic, what has none a bearer's. */
static void a_login_is_whole(void **state)
{
	static const struct {
		const char *user, *password, *id, *token; /* of the address; of the settings */
		const char *login[3];
	} rows[] = {
	    {"", "", "", "", {"", "", ""}},	 {"", "", "i", "t", {"i", "t", ""}},
	    {"", "", "", "t", {"", "", "t"}},	 {"u", "p", "i", "t", {"u", "p", ""}},
	    {"u", "", "i", "t", {"u", "t", ""}}, {"u", "", "", "", {"u", "", ""}},
	    {"", "p", "i", "t", {"", "", "p"}},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct cp_secrets secrets;
		struct cp_config config;
		cp_settings_default(&config);
		strcpy(secrets.user, rows[i].user);
		strcpy(secrets.password, rows[i].password);
		strcpy(secrets.token, rows[i].token);
		strcpy(config.server_id, rows[i].id);
		struct cp_login login = cp_secrets_login(&secrets, &config);
		assert_string_equal(login.user, rows[i].login[0]);
		assert_string_equal(login.password, rows[i].login[1]);
		assert_string_equal(login.bearer, rows[i].login[2]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_vault_forgets),
	    cmocka_unit_test(the_environment_is_emptied),
	    cmocka_unit_test(a_file_is_read_each_time),
	    cmocka_unit_test(who_may_read_is_told_once),
	    cmocka_unit_test(a_login_is_whole),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
