/* values.c - one setting's text to its field in struct cp_config. */
/* SPDX-License-Identifier: MIT */
#include "base/values.h"

#include "base/destinations.h"
#include "base/fields.h"
#include "base/secret.h"
#include "base/words.h"

/* Plain decimal: digits alone, no sign, no blanks, no unit. Saturates at UINT64_MAX. */
static int decimal(const struct cp_value *value, uint64_t *number)
{
	uint64_t n = 0;

	for (size_t i = 0; i < value->len; i++) {
		uint64_t digit = (uint64_t)value->text[i] - '0';

		if (digit > 9)
			return 0;
		n = n > (UINT64_MAX - digit) / 10 ? UINT64_MAX : n * 10 + digit;
	}
	*number = n;
	return value->len > 0;
}

static void refuse_number(struct cp_config *config, const struct cp_value *value,
			  struct cp_mistakes *to)
{
	struct cp_line line = {0};

	cp_mistake_begin(&line, value);
	cp_line_add(&line, " is not a whole number from ");
	cp_line_number(&line, value->setting->min);
	cp_line_add(&line, " to ");
	cp_line_number(&line, value->setting->max);
	cp_mistake_using(to, config, value, &line);
}

static void set_number(struct cp_config *config, const struct cp_value *value,
		       struct cp_mistakes *to)
{
	const struct cp_setting *setting = value->setting;
	uint64_t number;

	if (!decimal(value, &number)) {
		refuse_number(config, value, to);
		return;
	}
	if (number >= setting->min && number <= setting->max) {
		cp_field_set_number(config, setting, number);
		return;
	}
	if (setting->kind == CP_SET_LEVEL)
		cp_field_set_number(config, setting,
				    number < setting->min ? setting->min : setting->max);
	refuse_number(config, value, to);
}

/* 0, 1, or a decimal between, as 0.25 or .25; digits from the seventh place on are dropped. */
static void set_fraction(struct cp_config *config, const struct cp_value *value,
			 struct cp_mistakes *to)
{
	uint64_t ppm = 0, place = CP_WHOLE_FRACTION;
	size_t digits = 0;
	int behind = 0, wrong = 0;

	for (size_t i = 0; i < value->len; i++) {
		uint64_t digit = (uint64_t)value->text[i] - '0';

		if (value->text[i] == '.' && !behind) {
			behind = 1;
			continue;
		}
		wrong |= digit > 9 || (!behind && digit > 1) || (!behind && ppm);
		place = behind ? place / 10 : place;
		ppm += digit * place;
		digits++;
	}
	if (wrong || !digits || ppm > CP_WHOLE_FRACTION)
		cp_mistake_refuse(to, config, value, "is not a number from 0 to 1, as 0.25");
	else
		cp_field_set_number(config, value->setting, ppm);
}

static int printable(const struct cp_value *value)
{
	for (size_t i = 0; i < value->len; i++)
		if ((unsigned char)value->text[i] < ' ' || value->text[i] == 0x7f)
			return 0;
	return 1;
}

/* Each of them absolute; an empty one between two is none. */
static int are_paths(const struct cp_value *value)
{
	for (size_t i = 0; i < value->len; i++)
		if (value->text[i] != '/' && value->text[i] != ':' &&
		    (i == 0 || value->text[i - 1] == ':'))
			return 0;
	return 1;
}

static void set_text(struct cp_config *config, const struct cp_value *value, struct cp_mistakes *to)
{
	if (value->setting->kind == CP_SET_PATH && value->text[0] != '/')
		cp_mistake_refuse(to, config, value, "is not an absolute path");
	else if (value->setting->kind == CP_SET_PATHS && !are_paths(value))
		cp_mistake_refuse(to, config, value, "has a path that is not absolute");
	else
		cp_field_set_text(config, value->setting, value->text, value->len);
}

/* Words that stand for numbers, 0 being the default. */
static void set_word(struct cp_config *config, const struct cp_value *value,
		     const char *const words[4], const char *is_not, struct cp_mistakes *to)
{
	for (uint64_t i = 0; i < 4 && words[i]; i++)
		if (cp_text_is(value->text, value->len, words[i])) {
			cp_field_set_number(config, value->setting, i);
			return;
		}
	cp_mistake_refuse(to, config, value, is_not);
}

static int is_stderr(const struct cp_value *value)
{
	return value->setting->at == offsetof(struct cp_config, log_file) &&
	       cp_text_is(value->text, value->len, "stderr");
}

static void set_string(struct cp_config *config, const struct cp_value *value,
		       struct cp_mistakes *to)
{
	static const char *const timers[4] = {"auto", "thread", "itimer"};
	static const char *const demanglings[4] = {"short", "full", "none"};
	static const char *const unwinders[4] = {"auto", "libunwind", "fp", "own"};

	switch (value->setting->kind) {
	case CP_SET_SECRET:
		config->secrets |= value->setting->secret;
		return;
	case CP_SET_URLS:
		cp_secret_urls(config, value, to);
		return;
	case CP_SET_ADDRESS:
		cp_value_address(config, value, to);
		return;
	case CP_SET_TENANT:
		cp_value_tenant(config, value, to);
		return;
	case CP_SET_TYPES:
		cp_value_types(config, value, to);
		return;
	case CP_SET_LABELS:
		cp_value_labels(config, value, to);
		return;
	case CP_SET_SAMPLE_LABELS:
		cp_value_sample_labels(config, value, to);
		return;
	case CP_SET_TIMER:
		set_word(config, value, timers, "is none of auto, thread, itimer", to);
		return;
	case CP_SET_UNWINDER:
		set_word(config, value, unwinders, "is none of auto, own, libunwind, fp", to);
		return;
	case CP_SET_FRACTION:
		set_fraction(config, value, to);
		return;
	case CP_SET_DEMANGLE:
		set_word(config, value, demanglings, "is none of short, full, none", to);
		return;
	default:
		set_text(config, value, to);
	}
}

void cp_value_set(struct cp_config *config, const struct cp_value *value, struct cp_mistakes *to)
{
	enum cp_setting_kind kind = value->setting->kind;
	int number = kind == CP_SET_NUMBER || kind == CP_SET_LEVEL;
	int word = kind == CP_SET_TYPES || kind == CP_SET_SAMPLE_LABELS || kind == CP_SET_TIMER ||
		   kind == CP_SET_UNWINDER || kind == CP_SET_DEMANGLE || kind == CP_SET_FRACTION;

	if (kind == CP_SET_ELSEWHERE || is_stderr(value))
		return;
	if (number)
		set_number(config, value, to);
	else if (!printable(value))
		cp_mistake_refuse(to, config, value, "has unprintable characters");
	else if (!word && value->len >= value->setting->size)
		cp_mistake_refuse(to, config, value, "is too long");
	else
		set_string(config, value, to);
}
