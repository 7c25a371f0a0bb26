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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cp_config config;
	const char *env[3] = {0};
	int lines = 0, mistakes;
	char *copy = malloc(size + 1);

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	copy[size] = '\0';
	/* The first string is a variable, the rest the file; then the whole is the file alone. */
	env[0] = copy;
	if (strlen(copy) < size)
		mistakes = cp_settings_apply(&config, env, (const char *)data + strlen(copy) + 1,
					     size - strlen(copy) - 1, hear, &lines);
	else
		mistakes = cp_settings_apply(&config, env, NULL, 0, hear, &lines);
	check(&config);
	must(lines <= mistakes && lines <= 21);
	cp_settings_apply(&config, NULL, (const char *)data, size, hear, &lines);
	check(&config);
	free(copy);
	return 0;
}

#ifdef CP_FUZZ_MAIN
#include "test/fuzz/replay.h"
#endif
