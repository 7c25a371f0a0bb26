/* options.c - the command line of `conprof run`. */
/* SPDX-License-Identifier: MIT */
#include "uploader/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

/* Settings under names of their own. The library judges the values: one place, one line. */
static const struct {
	const char *option, *variable, *help;
} settings[] = {
    {"--agent", "CONPROF_AGENT_SOCKET", "where to: http://host, dir:///path ...; or several"},
    {"--output", "CONPROF_AGENT_SOCKET", "a folder: the same as --agent=dir://FOLDER"},
    {"--server-id", "CONPROF_SERVER_ID", "credentials, where the agent wants them"},
    {"--server-token-file", "CONPROF_SERVER_TOKEN_FILE", "a file with their secret"},
    {"--tls-ca-file", "CONPROF_TLS_CA_FILE", "whom to trust instead of the system's authorities"},
    {"--tls-cert-file", "CONPROF_TLS_CERT_FILE", "our certificate, for servers that want one"},
    {"--tls-key-file", "CONPROF_TLS_KEY_FILE", "and its key"},
    {"--tenant", "CONPROF_TENANT", "whose profiles they are, at a Pyroscope for several"},
    {"--app-name", "CONPROF_APP_NAME", "what the application is called"},
    {"--types", "CONPROF_PROFILE_TYPES", "cpu,heap,goroutine"},
    {"--period", "CONPROF_PERIOD", "seconds between uploads (45)"},
    {"--cpu-duration", "CONPROF_CPU_DURATION", "seconds of CPU profile in each period (45)"},
    {"--cpu-rate", "CONPROF_CPU_PROFILERATE", "samples per second of CPU (100)"},
    {"--heap-interval", "CONPROF_HEAP_SAMPLE_INTERVAL", "mean bytes between samples (524288)"},
    {"--upload-timeout", "CONPROF_UPLOAD_TIMEOUT", "seconds for one upload (10)"},
    {"--labels", "CONPROF_LABELS", "key:value,key:value"},
    {"--sample-labels", "CONPROF_SAMPLE_LABELS", "pid,tid,thread, or none"},
    {"--log-file", "CONPROF_LOG_FILE", "where errors are told"},
    {"--log-level", "CONPROF_LOG_LEVEL", "1 error, 2 warning, 3 info, 4 debug"},
    {"--enabled", "CONPROF_ENABLED", "0 runs the program unprofiled"},
    {"--spool-dir", "CONPROF_SPOOL_DIR", "where undelivered profiles are kept"},
    {"--spool-max-bytes", "CONPROF_SPOOL_MAX_BYTES", "how many bytes of them"},
    {"--spool-max-age", "CONPROF_SPOOL_MAX_AGE", "seconds that they are kept"},
    {"--symbol-cache-bytes", "CONPROF_SYMBOL_CACHE_MAX_BYTES", "bytes of names that are kept"},
    {"--listen", "CONPROF_LISTEN", "127.0.0.1:6060, [::1]:6060, unix:///path: serve profiles"},
    {"--listen-anywhere", "CONPROF_LISTEN_ANYWHERE", "1: to other machines, too"},
    {"--kill-switch", "CONPROF_KILL_SWITCH", "a file: while it is there, nothing is sampled"},
    {"--instance-fraction", "CONPROF_INSTANCE_FRACTION", "0 to 1: so many of all starts (1)"},
    {"--start-jitter", "CONPROF_START_JITTER", "seconds that a first period may be longer"},
    {"--cpu-timer", "CONPROF_CPU_TIMER", "auto, thread, itimer"},
    {"--unwinder", "CONPROF_UNWINDER", "auto, own, libunwind, fp"},
    {"--demangle", "CONPROF_DEMANGLE", "C++ and Rust names: short, full, none"},
    {"--exit-wait", "CONPROF_EXIT_WAIT", "seconds that exit waits for delivery"},
    {"--debug-dirs", "CONPROF_DEBUG_DIRS", "folders of debug files, with : between"},
    {"--debuginfod-urls", "CONPROF_DEBUGINFOD_URLS", "servers of debug files; off: none"},
    {"--config", "CONPROF_CONFIG", "settings from this file"},
};
#define SETTINGS (sizeof settings / sizeof settings[0])

static int complain(const char *what, const char *option)
{
	fprintf(stderr, "conprof run: %s%s%s (conprof -h lists the options)\n", option,
		*option ? ": " : "", what);
	return 2;
}

static int set_folder(const char *path)
{
	char absolute[4096], value[4200];
	if (!*path)
		return complain("needs the name of a folder", "--output");
	snprintf(absolute, sizeof absolute, "%s", path);
	if (path[0] != '/') {
		char *cwd = realpath(".", NULL);
		snprintf(absolute, sizeof absolute, "%s/%s", cwd ? cwd : "", path);
		free(cwd);
	}
	if (strchr(absolute, ','))
		return complain("a comma would end its name", absolute);
	snprintf(value, sizeof value, "dir://%s", absolute);
	/* one thread: setenv is safe */
	return setenv("CONPROF_AGENT_SOCKET", value, 1) // NOLINT(concurrency-mt-unsafe)
		   ? complain("can not be set", path)
		   : 0;
}

static int set(const char *variable, const char *value)
{
	return setenv(variable, value, 1); // NOLINT(concurrency-mt-unsafe)
}

/* Everybody sees an argument, for as long as the program runs. */
static int shows_secret(const char *variable, const char *value)
{
	char shown[4096];
	if (strstr(variable, "SERVER_TOKEN") && !strstr(variable, "TOKEN_FILE"))
		return 1;
	if (!strstr(variable, "AGENT_SOCKET") && !strstr(variable, "DEBUGINFOD_URLS"))
		return 0;
	for (size_t len; *value; value += len) {
		value += strspn(value, " ,");
		len = strcspn(value, " ,");
		if (len && (cp_secret_mask(value, len, shown, sizeof shown) != len ||
			    memcmp(shown, value, len) != 0))
			return 1;
	}
	return 0;
}

static int refuse_secret(const char *option)
{
	return complain("others would see it in the list of processes: it belongs into the "
			"environment or into a file",
			option);
}

/* -e KEY=VALUE, only for our own variables: others are the caller's to set. */
static int set_pair(const char *pair)
{
	char key[64];
	const char *equals = strchr(pair, '=');
	if (!equals || equals - pair >= (int)sizeof key || strncmp(pair, "CONPROF_", 8) != 0)
		return complain("is not CONPROF_KEY=VALUE", pair);
	snprintf(key, sizeof key, "%.*s", (int)(equals - pair), pair);
	if (shows_secret(key, equals + 1))
		return refuse_secret(key);
	return set(key, equals + 1) ? complain("can not be set", pair) : 0;
}

/* --option=value or --option value; *args moves past what was used. */
static int set_option(char ***args)
{
	char *option = **args;
	size_t len = strcspn(option, "=");
	if (len == strlen("--server-token") && strncmp(option, "--server-token", len) == 0)
		return refuse_secret("--server-token");
	for (size_t i = 0; i < SETTINGS; i++) {
		if (strlen(settings[i].option) != len ||
		    strncmp(settings[i].option, option, len) != 0)
			continue;
		const char *value = option[len] ? option + len + 1 : *++*args;
		if (!value)
			return complain("needs a value", option);
		int folder = strcmp(settings[i].option, "--output") == 0;
		if (folder)
			return set_folder(value);
		if (shows_secret(settings[i].variable, value))
			return refuse_secret(settings[i].option);
		return set(settings[i].variable, value) ? complain("can not be set", option) : 0;
	}
	return complain("no such option", option);
}

static int set_wait(const char *text, struct cp_options *options)
{
	char *end;
	long value = strtol(text, &end, 10);
	if (end == text || *end || value < 0 || value > 3600)
		return complain("is no number of seconds from 0 to 3600", text);
	options->wait_s = (int)value;
	return 0;
}

int cp_options_parse(char **args, struct cp_options *options)
{
	int error = 0;
	*options = (struct cp_options){.wait_s = -1};
	for (; *args && **args == '-' && !error; args++) {
		if (strcmp(*args, "--") == 0) {
			args++;
			break;
		}
		if (strcmp(*args, "-q") == 0 || strcmp(*args, "--quiet") == 0)
			options->quiet = 1;
		else if (strncmp(*args, "--wait=", 7) == 0)
			error = set_wait(*args + 7, options);
		else if (strcmp(*args, "--wait") == 0)
			error = *++args ? set_wait(*args, options)
					: complain("needs a value", "--wait");
		else if (strcmp(*args, "-e") == 0)
			error = *++args ? set_pair(*args) : complain("needs KEY=VALUE", "-e");
		else
			error = set_option(&args);
		if (!*args)
			break;
	}
	options->command = args;
	if (!error && !*args)
		return complain("no program to run is named", "");
	return error;
}

void cp_options_help(void)
{
	for (size_t i = 0; i < SETTINGS; i++)
		printf("  %-21s %s\n", settings[i].option, settings[i].help);
	printf("  %-21s %s\n", "-e KEY=VALUE", "the same by the name of the setting (CONPROF_...)");
	printf("  %-21s %s\n", "--wait=SECONDS", "at most this long for the delivery at the end");
	printf("  %-21s %s\n", "-q, --quiet", "do not say where the profiles went");
}
