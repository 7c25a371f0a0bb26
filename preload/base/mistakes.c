/* mistakes.c - a setting's value that cannot be used: the one line that says so. */
/* SPDX-License-Identifier: MIT */
#include "base/mistakes.h"

#include <string.h>

#include "base/fields.h"

/* Enough of a value to recognise it by. */
#define SHOWN 48

void cp_mistake(struct cp_mistakes *to, const struct cp_line *line)
{
	static const char more[] = "conprof: more settings are wrong; only the first are named";

	to->count++;
	if (!to->complain || to->count > CP_MISTAKES_TOLD + 1)
		return;
	to->complain(to->ctx, to->count <= CP_MISTAKES_TOLD ? line->text : more);
}

/* Where the part of an address ends that may hold a password; 0 when there is none. */
static size_t userinfo(const struct cp_value *value)
{
	if (value->setting->kind != CP_SET_ADDRESS && value->setting->kind != CP_SET_URLS)
		return 0;
	for (size_t i = value->len; i > 0; i--)
		if (value->text[i - 1] == '@')
			return i;
	return 0;
}

void cp_mistake_begin(struct cp_line *line, const struct cp_value *value)
{
	size_t secret = userinfo(value);

	cp_line_add(line, "conprof: ");
	cp_line_add(line, value->name);
	cp_line_add(line, "=");
	if (value->setting->kind == CP_SET_SECRET) {
		cp_line_add(line, "(hidden)");
		return;
	}
	if (secret)
		cp_line_add(line, "(hidden)@");
	cp_line_quote(line, value->text + secret, value->len - secret, SHOWN);
}

static const char *type_words(uint32_t types)
{
	static const char *const words[] = {
	    "nothing",	 "cpu",		  "heap",	    "cpu,heap",
	    "goroutine", "cpu,goroutine", "heap,goroutine", "cpu,heap,goroutine"};

	return words[types & CP_TYPE_ALL];
}

static const char *label_words(uint32_t labels)
{
	static const char *const words[] = {"none",   "pid",	    "tid",	  "pid,tid",
					    "thread", "pid,thread", "tid,thread", "pid,tid,thread"};

	return words[labels & CP_LABEL_ALL];
}

/* What the field holds now, as a user would write it. */
static void add_present(struct cp_line *line, const struct cp_config *config,
			const struct cp_setting *setting)
{
	const char *text = (const char *)config + setting->at;

	switch (setting->kind) {
	case CP_SET_NUMBER:
	case CP_SET_LEVEL:
		cp_line_number(line, cp_field_number(config, setting));
		return;
	case CP_SET_TYPES:
		cp_line_add(line, type_words(config->types));
		return;
	case CP_SET_SAMPLE_LABELS:
		cp_line_add(line, label_words(config->sample_labels));
		return;
	case CP_SET_FRACTION:
		cp_line_add(line, "1");
		return;
	case CP_SET_TIMER:
	case CP_SET_UNWINDER:
		cp_line_add(line, "auto");
		return;
	case CP_SET_DEMANGLE:
		cp_line_add(line, "short");
		return;
	default:
		cp_line_add(line, *text ? text : "the default");
	}
}

void cp_mistake_using(struct cp_mistakes *to, const struct cp_config *config,
		      const struct cp_value *value, struct cp_line *line)
{
	cp_line_add(line, "; using ");
	if (value->setting->at == offsetof(struct cp_config, log_file) && !config->log_file[0])
		cp_line_add(line, "stderr");
	else if (value->setting->kind == CP_SET_SECRET)
		cp_line_add(line, "none");
	else
		add_present(line, config, value->setting);
	cp_mistake(to, line);
}

void cp_mistake_refuse(struct cp_mistakes *to, const struct cp_config *config,
		       const struct cp_value *value, const char *is)
{
	struct cp_line line = {0};

	cp_mistake_begin(&line, value);
	cp_line_add(&line, " ");
	cp_line_add(&line, is);
	cp_mistake_using(to, config, value, &line);
}
