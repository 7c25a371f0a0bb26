/* secrets.c - tokens and passwords: where they come from, and for how long they are here. */
/* SPDX-License-Identifier: MIT */
#include "uploader/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attrs.h"
#include "base/settings.h"
#include "uploader/text.h"
#include "uploader/vault.h"

#define TEXT_MAX   sizeof((struct cp_config *)0)->agent_socket /* the longest that holds secrets */
#define CONFIG_MAX ((size_t)256 << 10)			       /* as the library reads it */

/* Of the environment that we were started with. */
static struct {
	char *text[3]; /* by the bit's number; in the vault */
	uint64_t print;
} taken;

static void forget(const char *name)
{
	size_t len = strlen(name);
	for (char **at = environ; at && *at; at++)
		if (strncmp(*at, name, len) == 0 && (*at)[len] == '=')
			explicit_bzero(*at + len + 1, strlen(*at + len + 1));
	unsetenv(name); // NOLINT(concurrency-mt-unsafe): there is one thread
}

void cp_secrets_take(void)
{
	const char *const *env = (const char *const *)environ;
	struct cp_config config;
	cp_settings_apply(&config, env, NULL, 0, NULL, NULL);
	taken.print = config.secret_print;
	for (unsigned i = 0; i < sizeof taken.text / sizeof *taken.text; i++) {
		char *text = cp_vault_get(TEXT_MAX);
		if (text &&
		    !cp_settings_secret((enum cp_secret)(1u << i), env, NULL, 0, text, TEXT_MAX)) {
			cp_vault_give(text);
			text = NULL;
		}
		cp_vault_give(taken.text[i]);
		taken.text[i] = text;
	}
	for (size_t i = 0; i < cp_settings_count; i++)
		for (size_t j = 0; cp_settings[i].secret && j < CP_SETTING_NAMES; j++)
			if (cp_settings[i].names[j])
				forget(cp_settings[i].names[j]);
}

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static void give_back(char *const *text)
{
	cp_vault_give(*text);
}

char *cp_secrets_file(const char *path, size_t max, size_t *len, char *why, size_t why_len)
{
	struct stat st;
	int fd CP_CLEANUP(close_fd) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	*len = 0;
	if (fd < 0 || fstat(fd, &st)) {
		snprintf(why, why_len, "%s: %s", path, cp_text_error(-errno));
		return NULL;
	}
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || (size_t)st.st_size > max) {
		snprintf(why, why_len, "%s: %s", path,
			 !S_ISREG(st.st_mode) ? "is not a file"
			 : st.st_size > 0     ? "is too large"
					      : "is empty");
		return NULL;
	}
	char *text = cp_vault_get((size_t)st.st_size + 1);
	while (text && *len < (size_t)st.st_size) {
		ssize_t n = read(fd, text + *len, (size_t)st.st_size - *len);
		if (n <= 0)
			break;
		*len += (size_t)n;
	}
	if (text && *len == (size_t)st.st_size) {
		text[*len] = '\0';
		return text;
	}
	snprintf(why, why_len, "%s: can not be read", path);
	cp_vault_give(text);
	return NULL;
}

/* One secret as it was written, where the settings say that it is; in the vault. NULL: why. */
static char *written(const struct cp_config *config, enum cp_secret which, char *why,
		     size_t why_len)
{
	unsigned number = (unsigned)__builtin_ctz((unsigned)which);
	if (!(config->secrets & (uint32_t)which << CP_SECRET_IN_FILE)) {
		if (taken.text[number] && taken.print == config->secret_print)
			return cp_vault_copy(taken.text[number]);
		snprintf(why, why_len,
			 "the environment of who started the uploader has no such secret");
		return NULL;
	}
	size_t len = 0;
	char *file CP_CLEANUP(give_back) =
	    cp_secrets_file(config->config_file, CONFIG_MAX, &len, why, why_len);
	char *text = file ? cp_vault_get(TEXT_MAX) : NULL;
	if (!text || cp_settings_secret(which, NULL, file, len, text, TEXT_MAX))
		return text;
	snprintf(why, why_len, "%s: the secret is no longer in it", config->config_file);
	cp_vault_give(text);
	return NULL;
}

/* The first line of a file of its own, without what an editor adds. */
static int read_token(const char *path, char token[CP_SECRET_MAX], char *why, size_t why_len)
{
	size_t len = 0;
	char *text CP_CLEANUP(give_back) = cp_secrets_file(path, 4096, &len, why, why_len);
	if (!text)
		return -1;
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '))
		text[--len] = '\0';
	int fine = len > 0 && len < CP_SECRET_MAX;
	for (size_t i = 0; i < len; i++)
		fine &= (unsigned char)text[i] >= ' ' && text[i] != 0x7f;
	if (fine)
		memcpy(token, text, len + 1);
	else
		snprintf(why, why_len, "%s: is not one line of 1 to %d printable characters", path,
			 CP_SECRET_MAX - 1);
	return fine ? 0 : -1;
}

static int get_token(const struct cp_config *config, struct cp_secrets *secrets, char *why,
		     size_t why_len)
{
	char reason[400] = "";
	int result = 0;
	if (config->server_token_file[0]) {
		result =
		    read_token(config->server_token_file, secrets->token, reason, sizeof reason);
		if (result)
			snprintf(why, why_len, "CONPROF_SERVER_TOKEN_FILE: %s", reason);
	} else if (config->secrets & CP_SECRET_TOKEN) {
		char *text CP_CLEANUP(give_back) =
		    written(config, CP_SECRET_TOKEN, reason, sizeof reason);
		result = text && strlen(text) < CP_SECRET_MAX ? 0 : -1;
		if (result)
			snprintf(why, why_len, "CONPROF_SERVER_TOKEN: %s", reason);
		else
			memcpy(secrets->token, text, strlen(text) + 1);
	}
	return result;
}

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* %40 is an '@'. What does not fit is cut: no server takes such a password. */
static void decode(const char *from, size_t len, char out[CP_SECRET_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < len && n + 1 < CP_SECRET_MAX; i++) {
		int high = from[i] == '%' && i + 2 < len ? hex(from[i + 1]) : -1;
		int low = high >= 0 ? hex(from[i + 2]) : -1;
		out[n++] = from[i];
		if (low < 0)
			continue;
		out[n - 1] = (char)(high << 4 | low);
		i += 2;
	}
	out[n] = '\0';
}

/* user:password, or a user alone, between "://" and the last '@'. */
static void split(const char *address, size_t len, struct cp_secrets *secrets)
{
	const char *from = memmem(address, len, "://", 3);
	const char *at = memrchr(address, '@', len);
	if (!from || !at || at < from + 3)
		return;
	from += 3;
	const char *colon = memchr(from, ':', (size_t)(at - from));
	decode(from, (size_t)((colon ? colon : at) - from), secrets->user);
	if (colon)
		decode(colon + 1, (size_t)(at - colon) - 1, secrets->password);
}

/* Among the addresses as they were written the one that is shown like this. */
static int get_login(const struct cp_config *config, const char *shown, struct cp_secrets *secrets,
		     char *why, size_t why_len)
{
	char reason[400] = "", mask[TEXT_MAX];
	if (!(config->secrets & CP_SECRET_ADDRESS) || !strstr(shown, "***@"))
		return 0;
	char *text CP_CLEANUP(give_back) =
	    written(config, CP_SECRET_ADDRESS, reason, sizeof reason);
	for (const char *at = text; at && *at;) {
		size_t skip = strspn(at, " ,"), len = strcspn(at + skip, ",");
		at += skip;
		while (len && at[len - 1] == ' ')
			len--;
		if (cp_secret_mask(at, len, mask, sizeof mask) && strcmp(mask, shown) == 0) {
			split(at, len, secrets);
			return 0;
		}
		at += strcspn(at, ",");
	}
	snprintf(why, why_len, "the password of %s: %s", shown,
		 reason[0] ? reason : "it is no longer among the addresses");
	return -1;
}

/* The first of the files with secrets that is for everybody. */
static void warn(const struct cp_config *config, struct cp_log *log)
{
	const char *const files[] = {config->server_token_file, config->config_file,
				     config->tls_key_file};
	struct stat st;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (files[i][0] && !stat(files[i], &st) && st.st_mode & S_IROTH) {
			cp_log_change(log, CP_TOPIC_SECRETS, CP_WARNING,
				      "%s has a secret in it, and anybody may read it", files[i]);
			return;
		}
}

struct cp_secrets *cp_secrets_open(const struct cp_config *config, const char *shown,
				   struct cp_log *log, char *why, size_t why_len)
{
	struct cp_secrets *secrets = cp_vault_zeroed(1, sizeof *secrets);
	if (!secrets) {
		snprintf(why, why_len, "out of memory");
		return NULL;
	}
	warn(config, log);
	if (get_token(config, secrets, why, why_len) ||
	    get_login(config, shown, secrets, why, why_len))
		cp_secrets_close(&secrets);
	return secrets;
}

struct cp_login cp_secrets_login(const struct cp_secrets *secrets, const struct cp_config *config)
{
	struct cp_login login = {secrets->user, secrets->password, ""};
	if (!login.user[0] && !login.password[0])
		login.user = config->server_id;
	if (!login.password[0])
		login.password = secrets->token;
	if (!login.user[0])
		login = (struct cp_login){"", "", login.password};
	return login;
}

void cp_secrets_close(struct cp_secrets **secrets)
{
	cp_vault_give(*secrets);
	*secrets = NULL;
}

char *cp_secrets_urls(const struct cp_config *config)
{
	char why[400];
	return config->secrets & CP_SECRET_URLS ? written(config, CP_SECRET_URLS, why, sizeof why)
						: NULL;
}
