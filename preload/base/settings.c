/* settings.c - environment and configuration file to struct cp_config, a line for each mistake. */
/* SPDX-License-Identifier: MIT */
#include "base/settings.h"

#include "base/envfile.h"
#include "base/fields.h"
#include "base/secret.h"
#include "base/unknown.h"
#include "base/values.h"

#define FIELD(name)                                                                                \
	.at = offsetof(struct cp_config, name), .size = sizeof((struct cp_config *)0)->name
#define FROM_TO(low, high, default_) .min = (low), .max = (high), .otherwise = (default_)

#define DAY  86400u
#define HOUR 3600u

const struct cp_setting cp_settings[] = {
    {{"CONPROF_AGENT_SOCKET", "BLACKFIRE_AGENT_SOCKET"},
     CP_SET_ADDRESS,
     FIELD(agent_socket),
     .secret = CP_SECRET_ADDRESS,
     .text = "unix:///var/run/blackfire/agent.sock"},
    {{"CONPROF_SERVER_ID", "BLACKFIRE_SERVER_ID"}, CP_SET_TEXT, FIELD(server_id)},
    {{"CONPROF_SERVER_TOKEN", "BLACKFIRE_SERVER_TOKEN"},
     CP_SET_SECRET,
     .size = CP_SECRET_MAX,
     .secret = CP_SECRET_TOKEN},
    {{"CONPROF_SERVER_TOKEN_FILE"}, CP_SET_PATH, FIELD(server_token_file)},
    {{"CONPROF_TLS_CA_FILE"}, CP_SET_PATH, FIELD(tls_ca_file)},
    {{"CONPROF_TLS_CERT_FILE"}, CP_SET_PATH, FIELD(tls_cert_file)},
    {{"CONPROF_TLS_KEY_FILE"}, CP_SET_PATH, FIELD(tls_key_file)},
    {{"CONPROF_TENANT"}, CP_SET_TENANT, FIELD(tenant)},
    {{"CONPROF_APP_NAME", "BLACKFIRE_CONPROF_APP_NAME", "PLATFORM_APPLICATION_NAME"},
     CP_SET_TEXT,
     FIELD(app_name)},
    {{"PLATFORM_PROJECT"}, CP_SET_TEXT, FIELD(project)},
    {{"CONPROF_PROFILE_TYPES"}, CP_SET_TYPES, FIELD(types), FROM_TO(0, 0, CP_TYPE_ALL)},
    {{"CONPROF_PERIOD", "BLACKFIRE_CONPROF_PERIOD"},
     CP_SET_NUMBER,
     FIELD(period_s),
     FROM_TO(1, DAY, 45)},
    {{"CONPROF_CPU_DURATION", "BLACKFIRE_CONPROF_CPU_DURATION"},
     CP_SET_NUMBER,
     FIELD(cpu_duration_s),
     FROM_TO(1, DAY, 45)},
    {{"CONPROF_CPU_PROFILERATE", "BLACKFIRE_CONPROF_CPU_PROFILERATE"},
     CP_SET_NUMBER,
     FIELD(cpu_rate_hz),
     FROM_TO(1, 10000, 100)},
    {{"CONPROF_HEAP_SAMPLE_INTERVAL"},
     CP_SET_NUMBER,
     FIELD(heap_interval),
     FROM_TO(0, UINT64_C(1) << 40, 524288)},
    {{"CONPROF_UPLOAD_TIMEOUT", "BLACKFIRE_CONPROF_UPLOAD_TIMEOUT"},
     CP_SET_NUMBER,
     FIELD(upload_timeout_s),
     FROM_TO(1, HOUR, 10)},
    {{"CONPROF_LABELS"}, CP_SET_LABELS, FIELD(labels)},
    {{"CONPROF_SAMPLE_LABELS"},
     CP_SET_SAMPLE_LABELS,
     FIELD(sample_labels),
     FROM_TO(0, 0, CP_LABEL_ALL)},
    {{"CONPROF_LOG_FILE", "BLACKFIRE_LOG_FILE"}, CP_SET_PATH, FIELD(log_file)},
    {{"CONPROF_LOG_LEVEL", "BLACKFIRE_LOG_LEVEL"},
     CP_SET_LEVEL,
     FIELD(log_level),
     FROM_TO(1, 4, 1)},
    {{"CONPROF_ENABLED"}, CP_SET_NUMBER, FIELD(enabled), FROM_TO(0, 1, 1)},
    {{"CONPROF_SPOOL_DIR"}, CP_SET_PATH, FIELD(spool_dir)},
    {{"CONPROF_SPOOL_MAX_BYTES"},
     CP_SET_NUMBER,
     FIELD(spool_max_bytes),
     FROM_TO(0, UINT64_C(1) << 50, UINT64_C(64) << 20)},
    {{"CONPROF_SPOOL_MAX_AGE"},
     CP_SET_NUMBER,
     FIELD(spool_max_age_s),
     FROM_TO(0, 3650 * DAY, 7 * DAY)},
    {{"CONPROF_DEBUG_DIRS"}, CP_SET_PATHS, FIELD(debug_dirs)},
    {{"CONPROF_DEBUGINFOD_URLS", "DEBUGINFOD_URLS"},
     CP_SET_URLS,
     FIELD(debuginfod_urls),
     .secret = CP_SECRET_URLS},
    {{"CONPROF_SYMBOL_CACHE_MAX_BYTES"},
     CP_SET_NUMBER,
     FIELD(symbol_cache_max_bytes),
     FROM_TO(0, UINT64_C(1) << 40, UINT64_C(64) << 20)},
    {{"CONPROF_LISTEN"}, CP_SET_TEXT, FIELD(listen)},
    {{"CONPROF_LISTEN_ANYWHERE"}, CP_SET_NUMBER, FIELD(listen_anywhere), FROM_TO(0, 1, 0)},
    {{"CONPROF_KILL_SWITCH"}, CP_SET_PATH, FIELD(kill_switch), .text = "/run/conprof/off"},
    {{"CONPROF_INSTANCE_FRACTION"},
     CP_SET_FRACTION,
     FIELD(instance_ppm),
     FROM_TO(0, CP_WHOLE_FRACTION, CP_WHOLE_FRACTION)},
    {{"CONPROF_START_JITTER"}, CP_SET_NUMBER, FIELD(start_jitter_s), FROM_TO(0, DAY, 0)},
    {{"CONPROF_CPU_TIMER"}, CP_SET_TIMER, FIELD(cpu_timer), FROM_TO(0, 0, CP_TIMER_AUTO)},
    {{"CONPROF_UNWINDER"}, CP_SET_UNWINDER, FIELD(unwinder), FROM_TO(0, 0, CP_UNWINDER_AUTO)},
    {{"CONPROF_DEMANGLE"}, CP_SET_DEMANGLE, FIELD(demangle), FROM_TO(0, 0, CP_DEMANGLE_SHORT)},
    {{"CONPROF_EXIT_WAIT"}, CP_SET_NUMBER, FIELD(exit_wait_s), FROM_TO(0, HOUR, 0)},
    {{"CONPROF_CONFIG"}, .kind = CP_SET_ELSEWHERE},
};
const size_t cp_settings_count = sizeof cp_settings / sizeof *cp_settings;

void cp_settings_default(struct cp_config *config)
{
	memset(config, 0, sizeof *config);
	for (size_t i = 0; i < cp_settings_count; i++) {
		const struct cp_setting *setting = &cp_settings[i];

		if (setting->text)
			cp_field_set_text(config, setting, setting->text, strlen(setting->text));
		else if (setting->otherwise)
			cp_field_set_number(config, setting, setting->otherwise);
	}
}

const char *cp_settings_env(const char *const *env, const char *name)
{
	for (; env && *env; env++) {
		const char *at = *env, *like = name;

		for (; *like && *at == *like; at++)
			like++;
		if (!*like && *at == '=')
			return at[1] ? at + 1 : NULL;
	}
	return NULL;
}

#define FEW 64

/* Of the environment those whose names begin as one of ours does, so that it is gone through once;
 * all of it, if they are many. */
static const char *const *those_like_ours(const char *const *env, const char *few[FEW + 1])
{
	uint64_t initials = 0;
	size_t n = 0;

	for (size_t i = 0; i < cp_settings_count; i++)
		for (size_t j = 0; j < CP_SETTING_NAMES && cp_settings[i].names[j]; j++)
			initials |= UINT64_C(1) << (cp_settings[i].names[j][0] & 63);
	for (const char *const *at = env; at && *at; at++) {
		if (!(initials >> (**at & 63) & 1))
			continue;
		if (n == FEW)
			return env;
		few[n++] = *at;
	}
	few[n] = NULL;
	return few;
}

enum source { NOWHERE, ENVIRONMENT, FILE_TEXT };

/* Where the setting's value comes from. Text from the file, which may have
 * escapes, is copied to scratch. */
static enum source find(const struct cp_setting *setting, const char *const *env,
			const struct cp_envfile *file, struct cp_value *value,
			char scratch[CP_ENVFILE_VALUE])
{
	value->setting = setting;
	for (size_t i = 0; i < CP_SETTING_NAMES && setting->names[i]; i++) {
		value->name = setting->names[i];
		value->text = cp_settings_env(env, value->name);
		if (value->text) {
			value->len = strlen(value->text);
			return ENVIRONMENT;
		}
	}
	for (size_t i = 0; i < CP_SETTING_NAMES && setting->names[i]; i++) {
		value->name = setting->names[i];
		value->text = scratch;
		value->len = cp_envfile_get(file, value->name, scratch);
		if (value->len)
			return FILE_TEXT;
	}
	return NOWHERE;
}

static int known(const char *name, size_t len)
{
	for (size_t i = 0; i < cp_settings_count; i++)
		for (size_t j = 0; j < CP_SETTING_NAMES && cp_settings[i].names[j]; j++)
			if (cp_text_is(name, len, cp_settings[i].names[j]))
				return 1;
	return 0;
}

/* Secrets are not kept: only what tells those of one environment from those of another. */
static void tell_apart(struct cp_config *config, const char *const *env)
{
	struct cp_envfile none = {NULL, 0};
	char scratch[CP_ENVFILE_VALUE];
	struct cp_value value;

	for (size_t i = 0; i < cp_settings_count; i++) {
		uint32_t bit = cp_settings[i].secret & config->secrets;

		if (bit && !(config->secrets & bit << CP_SECRET_IN_FILE) &&
		    find(&cp_settings[i], env, &none, &value, scratch))
			config->secret_print =
			    cp_secret_print(config->secret_print, value.text, value.len);
	}
}

/* The environment goes before the file; of two in one place, the token's file before the token. */
static void choose_token(struct cp_config *config, enum source token_file)
{
	uint32_t in_file = (uint32_t)CP_SECRET_TOKEN << CP_SECRET_IN_FILE;
	int in_env = config->secrets & CP_SECRET_TOKEN && !(config->secrets & in_file);

	if (token_file == FILE_TEXT && in_env)
		memset(config->server_token_file, 0, sizeof config->server_token_file);
	else if (config->server_token_file[0])
		config->secrets &= ~(CP_SECRET_TOKEN | in_file);
}

/* What is true of settings together. */
static void reconcile(struct cp_config *config, int duration_given, struct cp_mistakes *to)
{
	struct cp_line line = {0};

	if (config->heap_interval == 0)
		config->types &= ~(uint32_t)CP_TYPE_HEAP;
	if (config->cpu_duration_s <= config->period_s)
		return;
	if (duration_given) {
		cp_line_add(&line, "conprof: CONPROF_CPU_DURATION=");
		cp_line_number(&line, config->cpu_duration_s);
		cp_line_add(&line, " is longer than the period; using ");
		cp_line_number(&line, config->period_s);
		cp_mistake(to, &line);
	}
	config->cpu_duration_s = config->period_s;
}

int cp_settings_apply(struct cp_config *config, const char *const *all, const char *file_text,
		      size_t file_len, void (*complain)(void *ctx, const char *line), void *ctx)
{
	struct cp_mistakes to = {.complain = complain, .ctx = ctx};
	struct cp_envfile file = {file_text, file_text ? file_len : 0};
	const char *few[FEW + 1], *const *env = those_like_ours(all, few);
	char scratch[CP_ENVFILE_VALUE];
	struct cp_value value;
	enum source from, token_file = NOWHERE;
	int duration_given = 0;

	cp_settings_default(config);
	for (size_t i = 0; i < cp_settings_count; i++) {
		size_t at = cp_settings[i].at;

		from = find(&cp_settings[i], env, &file, &value, scratch);
		if (from == NOWHERE)
			continue;
		cp_value_set(config, &value, &to);
		if (from == FILE_TEXT)
			config->secrets |= (cp_settings[i].secret & config->secrets)
					   << CP_SECRET_IN_FILE;
		if (at == offsetof(struct cp_config, server_token_file))
			token_file = from;
		duration_given |= at == offsetof(struct cp_config, cpu_duration_s);
		if (at == offsetof(struct cp_config, exit_wait_s))
			config->exit_wait_set = 1;
	}
	cp_wipe(scratch, sizeof scratch);
	choose_token(config, token_file);
	tell_apart(config, env);
	reconcile(config, duration_given, &to);
	cp_unknown_variables(env, known, &to);
	cp_unknown_lines(&file, known, &to);
	return to.count;
}

size_t cp_settings_secret(enum cp_secret which, const char *const *env, const char *file_text,
			  size_t file_len, char *out, size_t room)
{
	struct cp_envfile file = {file_text, file_text ? file_len : 0};
	char scratch[CP_ENVFILE_VALUE];
	struct cp_value value;
	size_t len = 0;

	for (size_t i = 0; i < cp_settings_count && room; i++)
		if (cp_settings[i].secret == (uint32_t)which &&
		    find(&cp_settings[i], env, &file, &value, scratch) && value.len < room) {
			memcpy(out, value.text, value.len);
			len = value.len;
		}
	if (room)
		out[len] = 0;
	cp_wipe(scratch, sizeof scratch);
	return len;
}
