/* fields.h - reading and writing the numbers and texts of struct cp_config by their place. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <string.h>

#include "base/settings.h"

/* A setting's number, whichever its width. */
static inline uint64_t cp_field_number(const struct cp_config *config,
				       const struct cp_setting *setting)
{
	const char *at = (const char *)config + setting->at;
	uint64_t wide;
	uint32_t narrow;

	if (setting->size == sizeof wide) {
		memcpy(&wide, at, sizeof wide);
		return wide;
	}
	memcpy(&narrow, at, sizeof narrow);
	return narrow;
}

/* The number fits: the table's max says so. */
static inline void cp_field_set_number(struct cp_config *config, const struct cp_setting *setting,
				       uint64_t number)
{
	char *at = (char *)config + setting->at;
	uint32_t narrow = (uint32_t)number;

	if (setting->size == sizeof number)
		memcpy(at, &number, sizeof number);
	else
		memcpy(at, &narrow, sizeof narrow);
}

/* The text fits: len < setting->size. Zeroes the rest, so that equal settings are equal bytes. */
static inline void cp_field_set_text(struct cp_config *config, const struct cp_setting *setting,
				     const char *text, size_t len)
{
	char *at = (char *)config + setting->at;

	memset(at, 0, setting->size);
	memcpy(at, text, len);
}

/* Whether len bytes spell the word. */
static inline int cp_text_is(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(text, word, len) == 0;
}

static inline int cp_text_begins(const char *text, size_t len, const char *word)
{
	size_t n = strlen(word);

	return n <= len && memcmp(text, word, n) == 0;
}
