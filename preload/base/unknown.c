/* unknown.c - names that look like settings of ours, and are none: misspelt ones get a line. */
/* SPDX-License-Identifier: MIT */
#include "base/unknown.h"

#include <string.h>

#include "base/fields.h"

#define OURS "CONPROF_"

/* Next to a service that is called conprof, or conprof-anything, Kubernetes and links of containers
 * give every program CONPROF_SERVICE_HOST, CONPROF_X_PORT_80_TCP and the like: nobody's mistake. */
static int is_of_service(const char *name, size_t len)
{
	static const char service[] = "_SERVICE_", port[] = "_PORT";

	for (size_t at = sizeof OURS - 2; at < len; at++)
		if (cp_text_begins(name + at, len - at, service) ||
		    (cp_text_begins(name + at, len - at, port) &&
		     (at + sizeof port - 1 == len || name[at + sizeof port - 1] == '_')))
			return 1;
	return 0;
}

static void add_unknown(struct cp_line *line, const char *name, size_t len)
{
	cp_line_add(line, ": there is no setting ");
	cp_line_quote(line, name, len, 48);
	cp_line_add(line, "; ignored");
}

void cp_unknown_variables(const char *const *env, cp_is_known *is_known, struct cp_mistakes *to)
{
	for (; env && *env; env++) {
		const char *name = *env;
		struct cp_line line = {0};
		size_t len = 0;

		if (strncmp(name, OURS, sizeof OURS - 1) != 0)
			continue;
		while (name[len] && name[len] != '=')
			len++;
		if (!name[len] || !name[len + 1]) /* an empty value is the same as none */
			continue;
		if (is_known(name, len) || is_of_service(name, len))
			continue;
		cp_line_add(&line, "conprof: environment");
		add_unknown(&line, name, len);
		cp_mistake(to, &line);
	}
}

void cp_unknown_lines(const struct cp_envfile *file, cp_is_known *is_known, struct cp_mistakes *to)
{
	struct cp_envfile_line at = {0};

	while (cp_envfile_next(file, &at)) {
		struct cp_line line = {0};

		if (!at.wrong &&
		    (is_known(at.name, at.name_len) || !cp_text_begins(at.name, at.name_len, OURS)))
			continue;
		cp_line_add(&line, "conprof: configuration file, line ");
		cp_line_number(&line, at.number);
		if (at.wrong)
			cp_line_add(&line, at.wrong);
		else
			add_unknown(&line, at.name, at.name_len);
		cp_mistake(to, &line);
	}
}
