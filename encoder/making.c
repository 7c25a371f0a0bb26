/* making.c - a profile in the making: its memory and its texts. */
/* SPDX-License-Identifier: MIT */
#include "encoder/making.h"

#include <errno.h>
#include <string.h>

#include "encoder/text.h"

/* Texts and functions: far more than a program's places can need. */
#define CP_STRINGS_MAX (1u << 22)

void cp_making_init(struct cp_making *making, struct cp_batch *batch, enum cp_profile which)
{
	*making = (struct cp_making){.batch = batch, .which = which};
	cp_intern_init(&making->strings, CP_STRINGS_MAX, 0);
	cp_intern_init(&making->functions, CP_STRINGS_MAX, 0);
	cp__profile__init(&making->profile);
}

void cp_making_free(struct cp_making *making)
{
	cp_intern_free(&making->strings);
	cp_intern_free(&making->functions);
	cp_arena_free(&making->memory);
}

void *cp_making_take(struct cp_making *making, size_t count, size_t size)
{
	void *taken = count <= SIZE_MAX / 4 / size
			  ? cp_arena_take(&making->memory, (count ? count : 1) * size)
			  : NULL;
	if (!taken)
		making->error = -ENOMEM;
	return taken;
}

void *cp_making_pointers(struct cp_making *making, size_t count)
{
	return cp_making_take(making, count, sizeof(void *));
}

int64_t cp_making_text(struct cp_making *making, const char *text)
{
	size_t len = strlen(text);
	char *clean = cp_arena_text(&making->memory, text, len);
	if (!clean) {
		making->error = -ENOMEM;
		return 0;
	}
	cp_text_clean(clean, len);
	/* with its NUL, so that the table's key can be handed out as a string */
	uint32_t number = cp_intern(&making->strings, clean, len + 1);
	if (number == CP_NONE)
		making->error = -ENOMEM;
	return number == CP_NONE ? 0 : number;
}
