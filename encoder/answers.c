/* answers.c - what has been looked up of one file: addresses to functions and lines, compactly.
 *
 * Slips of paper that stay when the books go back. A function's texts are written once, and each
 * address says by number which functions it lies in: some 80 bytes for an address, however long the
 * names. */
/* SPDX-License-Identifier: MIT */
#include "encoder/answers.h"

#include <string.h>

struct answer {
	const struct cp_spot *spots;
	uint32_t count;
	uint32_t turn;
};

/* Stands before the texts in a function's key: name, system name (when it is another), file; each
 * with its NUL. */
struct head {
	uint32_t start_line;
	uint16_t name_len, system_len; /* system_len 0: the same as name */
};

static size_t add_text(char *key, size_t at, const char *text, size_t len)
{
	memcpy(key + at, text, len);
	key[at + len] = 0;
	return at + len + 1;
}

uint32_t cp_answers_function(struct cp_answers *answers, const struct cp_line *line)
{
	char key[sizeof(struct head) + 3 * (CP_NAME_MAX + 1)];
	size_t name_len = strnlen(line->name, CP_NAME_MAX);
	size_t system_len = strnlen(line->system_name, CP_NAME_MAX), at = sizeof(struct head);
	bool same = name_len == system_len && !memcmp(line->name, line->system_name, name_len);
	const struct head head = {line->start_line, (uint16_t)name_len,
				  same ? 0 : (uint16_t)(system_len + 1)};
	memcpy(key, &head, sizeof(head));
	at = add_text(key, at, line->name, name_len);
	if (!same)
		at = add_text(key, at, line->system_name, system_len);
	at = add_text(key, at, line->file, strnlen(line->file, CP_NAME_MAX));
	if (!answers->functions.max)
		cp_intern_init(&answers->functions, CP_NONE, 0);
	return cp_intern(&answers->functions, key, at);
}

void cp_answers_put(struct cp_answers *answers, uint64_t address, const struct cp_spot *spots,
		    uint32_t count, uint32_t turn)
{
	if (!answers->addresses.max)
		cp_intern_init(&answers->addresses, CP_NONE, sizeof(struct answer));
	uint32_t number = cp_intern(&answers->addresses, &address, sizeof(address));
	if (number == CP_NONE)
		return;
	struct answer *answer = cp_intern_value(&answers->addresses, number);
	size_t size = count * sizeof(*spots);
	struct cp_spot *kept = size ? cp_arena_take(&answers->addresses.memory, size) : NULL;
	if (kept)
		memcpy(kept, spots, size);
	*answer = (struct answer){kept, kept ? count : 0, turn};
}

static void read_line(const struct cp_answers *answers, const struct cp_spot *spot,
		      struct cp_line *line)
{
	size_t len;
	const char *key = cp_intern_key(&answers->functions, spot->function, &len);
	struct head head;
	memcpy(&head, key, sizeof(head));
	line->name = key + sizeof(head);
	line->file = line->name + head.name_len + 1;
	line->system_name = head.system_len ? line->file : line->name;
	line->file += head.system_len;
	line->start_line = head.start_line;
	line->line = spot->line;
}

int cp_answers_get(const struct cp_answers *answers, uint64_t address, struct cp_line *lines,
		   uint32_t room, uint32_t *turn)
{
	uint32_t number = cp_intern_find(&answers->addresses, &address, sizeof(address));
	if (number == CP_NONE)
		return -1;
	const struct answer *answer = cp_intern_value(&answers->addresses, number);
	uint32_t count = answer->count < room ? answer->count : room;
	for (uint32_t i = 0; i < count; i++)
		read_line(answers, &answer->spots[i], &lines[i]);
	*turn = answer->turn;
	return (int)count;
}

size_t cp_answers_bytes(const struct cp_answers *answers)
{
	return cp_intern_bytes(&answers->addresses) + cp_intern_bytes(&answers->functions);
}

void cp_answers_free(struct cp_answers *answers)
{
	cp_intern_free(&answers->addresses);
	cp_intern_free(&answers->functions);
}
