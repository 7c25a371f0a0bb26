/* envfile.c - reads a file of KEY=value lines as systemd reads an EnvironmentFile, in place. */
/* SPDX-License-Identifier: MIT */
#include "base/envfile.h"

#include <string.h>

#include "base/fields.h"

static int blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static int is_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] < ' ' && !blank(text[i])) || text[i] == 0x7f)
			return 0;
	return 1;
}

static int is_name(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((text[i] >= 'A' && text[i] <= 'Z') || (text[i] >= 'a' && text[i] <= 'z') ||
		      text[i] == '_' || (i && text[i] >= '0' && text[i] <= '9')))
			return 0;
	return len > 0;
}

static void trim(const char **text, size_t *len)
{
	while (*len && blank(**text)) {
		(*text)++;
		(*len)--;
	}
	while (*len && blank((*text)[*len - 1]))
		(*len)--;
}

/* Takes the quotes off. What is wrong with them, or NULL. */
static const char *unquote(struct cp_envfile_line *line)
{
	const char *v = line->value;
	size_t n = line->value_len;
	char quote = '\0';

	if (n)
		quote = v[0];
	line->escapes = quote != '\'';
	if (quote == '"' || quote == '\'') {
		if (n < 2 || v[n - 1] != quote)
			return ": a quote is not closed; ignored";
		line->value++;
		line->value_len -= 2;
		return NULL;
	}
	if (n && v[n - 1] == '\\')
		return ": a line cannot be continued on the next; ignored";
	return NULL;
}

/* Takes one line, already trimmed and not empty, apart. */
static void take_apart(struct cp_envfile_line *line, const char *text, size_t len)
{
	const char *equals = memchr(text, '=', len);

	line->name = text;
	line->name_len = equals ? (size_t)(equals - text) : 0;
	while (line->name_len && blank(text[line->name_len - 1]))
		line->name_len--;
	if (!is_name(line->name, line->name_len)) {
		line->wrong = " is not NAME=value; ignored";
		return;
	}
	line->value = equals + 1;
	line->value_len = len - (size_t)(equals + 1 - text);
	trim(&line->value, &line->value_len);
	line->wrong = unquote(line);
}

int cp_envfile_next(const struct cp_envfile *file, struct cp_envfile_line *line)
{
	while (line->next < file->len) {
		const char *text = file->text + line->next;
		size_t left = file->len - line->next;
		const char *end = memchr(text, '\n', left);
		size_t len = end ? (size_t)(end - text) : left;

		line->next += len + 1;
		line->number++;
		if (!is_text(text, len)) {
			line->next = file->len;
			line->wrong = " is not text; it and the rest of the file are ignored";
			return 1;
		}
		trim(&text, &len);
		if (len == 0 || text[0] == '#' || text[0] == ';')
			continue;
		take_apart(line, text, len);
		return 1;
	}
	return 0;
}

/* Copies, without the backslashes; what is too long is cut, and then too long for any field. */
static size_t copy(const struct cp_envfile_line *line, char out[CP_ENVFILE_VALUE])
{
	size_t n = 0;

	for (size_t i = 0; i < line->value_len && n < CP_ENVFILE_VALUE; i++) {
		if (line->escapes && line->value[i] == '\\' && i + 1 < line->value_len)
			i++;
		out[n++] = line->value[i];
	}
	return n;
}

size_t cp_envfile_get(const struct cp_envfile *file, const char *name, char out[CP_ENVFILE_VALUE])
{
	struct cp_envfile_line line = {0};
	size_t len = 0;

	while (cp_envfile_next(file, &line))
		if (!line.wrong && cp_text_is(line.name, line.name_len, name))
			len = copy(&line, out);
	return len;
}
