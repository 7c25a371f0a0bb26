/* settings.h - environment and configuration file to struct cp_config, a line for each mistake. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"

/* How a value is read. */
enum cp_setting_kind {
	CP_SET_NUMBER, /* plain decimal from min to max */
	CP_SET_LEVEL,  /* the same, but a number outside is clamped */
	CP_SET_TEXT,   /* any printable text */
	CP_SET_SECRET, /* likewise, never shown, and in no field */
	CP_SET_URLS,   /* some, with blanks between */
	CP_SET_PATH,   /* an absolute path */
	CP_SET_PATHS,  /* some, with : between */
	CP_SET_ADDRESS,
	CP_SET_TENANT,
	CP_SET_TYPES,
	CP_SET_LABELS,
	CP_SET_SAMPLE_LABELS,
	CP_SET_TIMER,
	CP_SET_UNWINDER,
	CP_SET_DEMANGLE,
	CP_SET_FRACTION, /* from 0 to 1, as 0.25; kept in millionths */
	CP_SET_ELSEWHERE /* known, but somebody else reads it */
};

#define CP_SETTING_NAMES 3

/* One line of the table: names in order of preference, where the value goes, what it may be. */
struct cp_setting {
	const char *names[CP_SETTING_NAMES];
	enum cp_setting_kind kind;
	uint32_t secret; /* enum cp_secret that its value is, or may hold; 0: none */
	size_t at, size; /* of the field in struct cp_config */
	uint64_t min, max, otherwise;
	const char *text; /* default of a text */
};

extern const struct cp_setting cp_settings[];
extern const size_t cp_settings_count;

/* Everything at its default. */
void cp_settings_default(struct cp_config *config);

/* Fills config from the environment (NULL-terminated, may be NULL), then the file's text (may be
 * NULL), then the defaults; the first of a setting's names that is set and not empty wins within
 * each. A bad value is replaced by the default, a name of ours that is no setting ignored. Each
 * mistake is told by one call of complain with a line without newline; the line lives only during
 * the call. Returns how many mistakes there were; only the first 20 are told one by one. Pure:
 * allocates nothing, keeps nothing, changes no errno.
 */
int cp_settings_apply(struct cp_config *config, const char *const *env, const char *file_text,
		      size_t file_len, void (*complain)(void *ctx, const char *line), void *ctx);

/* The value of the setting that is, or holds, this secret, as it is written; its length, 0 when
 * there is none that fits. out ends with NUL. */
size_t cp_settings_secret(enum cp_secret which, const char *const *env, const char *file_text,
			  size_t file_len, char *out, size_t room);

/* The value of a variable, NULL when unset or empty. */
const char *cp_settings_env(const char *const *env, const char *name);
