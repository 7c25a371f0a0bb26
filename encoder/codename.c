/* codename.c - what compilers at run time call their functions, taken apart for a reader. */
/* SPDX-License-Identifier: MIT */
#include "encoder/codename.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void copy(char out[CP_CODE_NAME_MAX], const char *text, size_t len)
{
	if (len >= CP_CODE_NAME_MAX)
		len = CP_CODE_NAME_MAX - 1;
	memcpy(out, text, len);
	out[len] = 0;
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* Cuts ":123" off the end, with this mark; -1: there is none. */
static long cut_number(char *text, char mark)
{
	char *colon = strrchr(text, mark);
	long number = 0;
	if (!colon || !colon[1] || strlen(colon + 1) > 9)
		return -1;
	for (const char *at = colon + 1; *at; at++) {
		if (*at < '0' || *at > '9')
			return -1;
		number = number * 10 + (*at - '0');
	}
	*colon = 0;
	return number;
}

/* Where a script's name begins: functions' names and paths may both have blanks in them. */
static const char *script_of(const char *text)
{
	static const char *const starts[] = {" /", " file:", " node:", " internal/", " wasm:"};
	const char *first = NULL;
	for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
		const char *at = strstr(text, starts[i]);
		if (at && (!first || at < first))
			first = at;
	}
	return first ? first : strrchr(text, ' ');
}

/* V8: "JS:*name file:///app/a.js:10:20"; the mark tells how it was compiled. A function without a
 * name is called by its place: all of them under one name would be one. */
static bool is_script(const char *text, struct cp_code_name *out)
{
	static const char *const tags[] = {"JS:", "LazyCompile:", "Function:", "Script:", "Eval:"};
	size_t tag = 0;
	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags) && !tag; i++)
		tag = begins(text, tags[i]) ? strlen(tags[i]) : 0;
	if (!tag)
		return false;
	text += tag;
	text += *text && strchr("~^+*", *text) ? 1 : 0;
	const char *script = script_of(text);
	if (!script) {
		copy(out->name, text, strlen(text));
		return text[0] != 0;
	}
	copy(out->name, text, (size_t)(script - text));
	script += begins(script + 1, "file:///") ? 8 : 1;
	copy(out->file, script, strlen(script));
	long column = cut_number(out->file, ':'), line = cut_number(out->file, ':');
	line = line < 0 ? column : line;
	out->line = line > 0 ? (uint32_t)line : 0;
	if (!out->name[0]) {
		const char *slash = strrchr(script, '/');
		char place[CP_CODE_NAME_MAX - 16];
		snprintf(place, sizeof(place), "%s", slash ? slash + 1 : script);
		snprintf(out->name, sizeof(out->name), "(anonymous %s)", place);
	}
	return true;
}

/* CPython: "py::Class.method:/app/a.py" */
static bool is_python(const char *text, struct cp_code_name *out)
{
	const char *colon = begins(text, "py::") ? strchr(text + 4, ':') : NULL;
	if (!colon || colon == text + 4)
		return false;
	copy(out->name, text + 4, (size_t)(colon - text - 4));
	copy(out->file, colon + 1, strlen(colon + 1));
	return true;
}

/* perf-map-agent: "Lapp/Shop;::total" */
static bool is_java_agent(const char *text, struct cp_code_name *out)
{
	const char *end = text[0] == 'L' ? strstr(text, ";::") : NULL;
	if (!end || end == text + 1)
		return false;
	snprintf(out->name, sizeof(out->name), "%.*s.%s", (int)(end - text - 1), text + 1, end + 3);
	for (char *at = out->name; at < out->name + (end - text - 1); at++)
		*at = *at == '/' ? '.' : *at;
	return true;
}

/* HotSpot: "long app.Shop.total(long[])"; pprof shortens what begins with the class. */
static bool is_java(const char *text, struct cp_code_name *out)
{
	size_t len = strlen(text);
	const char *blank = strchr(text, ' '), *bracket = strchr(text, '(');
	if (!blank || !bracket || blank > bracket || blank[1] == '(' || text[len - 1] != ')' ||
	    !memchr(blank, '.', (size_t)(bracket - blank)))
		return false;
	copy(out->name, blank + 1, strlen(blank + 1));
	return true;
}

/* PHP: "JIT$Shop::total", or "TRACE-12$Shop::total$34", traced from line 34 on; scripts go by their
 * path. Helpers of its own are "JIT$$name". */
static bool is_php(const char *text, struct cp_code_name *out)
{
	bool traced = begins(text, "TRACE-");
	const char *name = traced || begins(text, "JIT$") ? strchr(text, '$') : NULL;
	if (!name || !name[1] || name[1] == '$')
		return false;
	copy(out->name, name + 1, strlen(name + 1));
	long line = traced ? cut_number(out->name, '$') : 0;
	out->line = line > 0 ? (uint32_t)line : 0;
	if (out->name[0] == '/')
		copy(out->file, out->name, strlen(out->name));
	return true;
}

void cp_code_name(const char *text, struct cp_code_name *out)
{
	out->name[0] = out->file[0] = 0;
	out->line = 0;
	if (is_script(text, out) || is_python(text, out) || is_java_agent(text, out) ||
	    is_java(text, out) || is_php(text, out))
		return;
	copy(out->name, text, strlen(text));
	out->file[0] = 0;
	out->line = 0;
}
