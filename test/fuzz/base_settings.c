/* base_settings.c - fuzz: any file and any variable leave a configuration that holds its rules. */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/settings.h"

/* A rule that does not hold is a crash, which the fuzzer reports. */
static void must(int holds)
{
	if (!holds)
		abort();
}

static void hear(void *ctx, const char *line)
{
	int *lines = ctx;

	(*lines)++;
	must(strlen(line) < 512 && strncmp(line, "conprof: ", 9) == 0);
	for (; *line; line++)
		must((unsigned char)*line >= ' ' && (unsigned char)*line < 0x7f);
}

static void check(const struct cp_config *c)
{
	must(c->period_s >= 1 && c->period_s <= 86400 && c->cpu_duration_s <= c->period_s);
	must(c->cpu_rate_hz >= 1 && c->cpu_rate_hz <= 10000);
	must(c->log_level >= 1 && c->log_level <= 4 && c->enabled <= 1);
	must(c->types <= CP_TYPE_ALL && c->cpu_timer <= CP_TIMER_ITIMER);
	must(c->sample_labels <= CP_LABEL_ALL);
	must(strnlen(c->labels, sizeof c->labels) < sizeof c->labels);
	must(strnlen(c->app_name, sizeof c->app_name) < sizeof c->app_name);
	must(strnlen(c->agent_socket, sizeof c->agent_socket) < sizeof c->agent_socket);
	must(strstr(c->agent_socket, "://") != NULL);
	must(c->spool_max_age_s <= 315360000u);
	must(c->log_file[0] == 0 || c->log_file[0] == '/');
}

/* Nobody meets a name by chance: where one may begin, a byte beyond ASCII is one of ours and '='.
 */
static const char *name_of(uint8_t byte)
{
	size_t n = byte & 0x7f;

	for (size_t i = 0; i < cp_settings_count; i++)
		for (size_t j = 0; j < CP_SETTING_NAMES && cp_settings[i].names[j]; j++)
			if (n-- == 0)
				return cp_settings[i].names[j];
	return "CONPROF_NONE";
}

#define NAME_ROOM 40

/* The text with its names written out, ended by NUL. */
static char *write_out(const uint8_t *data, size_t size, size_t *len)
{
	char *text = malloc(size * NAME_ROOM + 1), *to = text;

	must(text != NULL);
	for (size_t i = 0; i < size; i++) {
		int begins = i == 0 || data[i - 1] == 0 || data[i - 1] == '\n';

		if (begins && data[i] >= 0x80) {
			must(strlen(name_of(data[i])) + 1 < NAME_ROOM);
			to = stpcpy(stpcpy(to, name_of(data[i])), "=");
		} else {
			*to++ = (char)data[i];
		}
	}
	*to = '\0';
	*len = (size_t)(to - text);
	return text;
}

static void try(const char *const *env, const char *file, size_t len)
{
	static const enum cp_secret secrets[] = {CP_SECRET_TOKEN, CP_SECRET_ADDRESS,
						 CP_SECRET_URLS};
	struct cp_config config;
	char secret[300];
	int lines = 0, mistakes = cp_settings_apply(&config, env, file, len, hear, &lines);

	check(&config);
	must(lines <= mistakes && lines <= 21);
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
		must(cp_settings_secret(secrets[i], env, file, len, secret, sizeof secret) ==
		     strlen(secret));
}

#define VARIABLES 16

/* What stands behind the last NUL is the file's text, each string before it a variable; without
 * any, all of it is one. Then the whole is the file alone. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *env[VARIABLES + 1] = {0};
	size_t len, n = 0;
	char *text = write_out(data, size, &len), *file = memrchr(text, 0, len);

	for (char *at = text; n < VARIABLES && at < (file ? file : text + len);) {
		env[n++] = at;
		at += strlen(at) + 1;
	}
	if (file)
		try(env, file + 1, (size_t)(text + len - file - 1));
	else
		try(env, NULL, 0);
	try(NULL, text, len);
	free(text);
	return 0;
}

#ifdef CP_FUZZ_MAIN
#include "test/fuzz/replay.h"
#endif
