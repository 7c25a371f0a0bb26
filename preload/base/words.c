/* words.c - the settings that are small languages: the tenant, the types, the labels. */
/* SPDX-License-Identifier: MIT */
#include "base/words.h"

#include "base/fields.h"
#include "base/item.h"

/* Pyroscope's own rule. */
void cp_value_tenant(struct cp_config *config, const struct cp_value *value, struct cp_mistakes *to)
{
	static const char marks[] = {'!', '_', '.', '*', '\'', '(', ')', '-'};
	const char *wrong = value->len > 150 ? "is longer than 150 characters" : NULL;

	for (size_t i = 0; i < value->len; i++) {
		char c = value->text[i];
		int letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		if (!letter && !(c >= '0' && c <= '9') && !memchr(marks, c, sizeof marks))
			wrong = "has a character that is none of A-Z a-z 0-9 ! _ . * ' ( ) -";
	}
	if (wrong)
		cp_mistake_refuse(to, config, value, wrong);
	else
		cp_field_set_text(config, value->setting, value->text, value->len);
}

static uint32_t type_of(struct cp_item p)
{
	if (cp_text_is(p.text, p.len, "cpu"))
		return CP_TYPE_CPU;
	if (cp_text_is(p.text, p.len, "heap"))
		return CP_TYPE_HEAP;
	if (cp_text_is(p.text, p.len, "goroutine") || cp_text_is(p.text, p.len, "threads"))
		return CP_TYPE_THREAD;
	return 0;
}

void cp_value_types(struct cp_config *config, const struct cp_value *value, struct cp_mistakes *to)
{
	struct cp_item rest = {value->text, value->len}, p;
	uint32_t types = 0;
	int unknown = 0;

	while (cp_item_next(&rest, &p)) {
		types |= type_of(p);
		unknown |= !type_of(p);
	}
	if (types)
		config->types = types;
	if (unknown)
		cp_mistake_refuse(to, config, value,
				  "has a word that is none of cpu, heap, goroutine");
}

static uint32_t label_of(struct cp_item p)
{
	if (cp_text_is(p.text, p.len, "pid"))
		return CP_LABEL_PID;
	if (cp_text_is(p.text, p.len, "tid"))
		return CP_LABEL_TID;
	if (cp_text_is(p.text, p.len, "thread"))
		return CP_LABEL_THREAD;
	return 0;
}

/* "none" stands alone: an empty setting is one that is not set. */
void cp_value_sample_labels(struct cp_config *config, const struct cp_value *value,
			    struct cp_mistakes *to)
{
	struct cp_item rest = {value->text, value->len}, p;
	uint32_t labels = 0;
	int none = cp_text_is(value->text, value->len, "none"), unknown = 0;

	while (!none && cp_item_next(&rest, &p)) {
		labels |= label_of(p);
		unknown |= !label_of(p);
	}
	if (none || labels)
		config->sample_labels = labels;
	if (unknown)
		cp_mistake_refuse(to, config, value, "has a word that is none of pid, tid, thread");
}

/* Tags that every profile carries already: a label of the same name would be overridden by them. */
static int is_reserved(struct cp_item key)
{
	static const char *const reserved[] = {
	    "process_id",
	    "profiler_version",
	    "runtime_version",
	    "runtime_compiler",
	    "runtime_arch",
	    "runtime_os",
	    "runtime-id",
	    "language",
	    "runtime",
	    "probe_version",
	    "host",
	    "service",
	    "profile_seq",
	    "application_name",
	    "project_id",
	};

	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (cp_text_is(key.text, key.len, reserved[i]))
			return 1;
	return cp_text_begins(key.text, key.len, "pprof::");
}

/* What is wrong with a pair; NULL when nothing is. */
static const char *wrong_pair(struct cp_item p)
{
	struct cp_item key = {p.text, 0};

	while (key.len < p.len && p.text[key.len] != ':')
		key.len++;
	if (key.len == 0 || key.len + 1 >= p.len || p.text[p.len - 1] == ':')
		return ", which is not key:value; using the others";
	if (is_reserved(key))
		return ", whose key the profiler sets itself; using the others";
	return NULL;
}

static void refuse_pair(const struct cp_value *value, struct cp_item p, const char *wrong,
			struct cp_mistakes *to)
{
	struct cp_line line = {0};

	cp_mistake_begin(&line, value);
	cp_line_add(&line, " has the pair ");
	cp_line_quote(&line, p.text, p.len, 48);
	cp_line_add(&line, wrong);
	cp_mistake(to, &line);
}

void cp_value_labels(struct cp_config *config, const struct cp_value *value, struct cp_mistakes *to)
{
	struct cp_item rest = {value->text, value->len}, p;
	size_t len = 0;
	const char *wrong;

	memset(config->labels, 0, sizeof config->labels);
	while (cp_item_next(&rest, &p)) {
		wrong = wrong_pair(p);
		if (wrong) {
			refuse_pair(value, p, wrong, to);
			continue;
		}
		if (len)
			config->labels[len++] = ',';
		memcpy(config->labels + len, p.text, p.len);
		len += p.len;
	}
}
