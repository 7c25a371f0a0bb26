/* chosen.c - of which of a family's programs and processes a request speaks. */
/* SPDX-License-Identifier: MIT */
#include "uploader/chosen.h"

#include <errno.h>
#include <string.h>

#include "uploader/query.h"

static int is_called(const struct cp_program *program, const char *name)
{
	return strcmp(program->service, name) == 0 || strcmp(program->config.app_name, name) == 0;
}

/* Of those that live, the one whose process began first; they join in any order. */
static struct cp_program *find_program(const struct cp_family *family, const char *name)
{
	const struct cp_member *first = NULL;
	for (const struct cp_member *m = family->members; m; m = m->next)
		if ((!*name || is_called(m->program, name)) &&
		    (!first || m->start_ns < first->start_ns))
			first = m;
	return first ? first->program : NULL;
}

int cp_chosen_find(struct cp_family *family, struct cp_ask *ask, const char *name,
		   struct cp_chosen *chosen)
{
	char asked[256], number[32];
	*chosen = (struct cp_chosen){0};
	if (!*name && cp_query_value(ask->query, "program", asked, sizeof asked))
		name = asked;
	if (cp_query_value(ask->query, "pid", number, sizeof number)) {
		long long pid = cp_query_number(ask->query, "pid", 0);
		const struct cp_member *member =
		    pid > 0 && pid <= INT32_MAX ? cp_family_member(family, (pid_t)pid) : NULL;
		if (member && (!*name || is_called(member->program, name))) {
			chosen->program = member->program;
			chosen->pid = member->pid;
			return 0;
		}
		cp_ask_error(ask, 404, "no such process is being profiled");
		return -ENOENT;
	}
	chosen->program = find_program(family, name);
	if (chosen->program)
		return 0;
	cp_ask_error(ask, 404, "no such program is being profiled");
	return -ENOENT;
}

int cp_chosen_has(const struct cp_chosen *chosen, const struct cp_member *member)
{
	return member->program == chosen->program && (!chosen->pid || member->pid == chosen->pid);
}

struct cp_member *cp_chosen_first(const struct cp_family *family, const struct cp_chosen *chosen)
{
	struct cp_member *first = NULL;
	for (struct cp_member *m = family->members; m; m = m->next)
		if (cp_chosen_has(chosen, m) && (!first || m->start_ns < first->start_ns))
			first = m;
	return first;
}
