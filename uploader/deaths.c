/* deaths.c - what of a process that ended goes out at once. */
/* SPDX-License-Identifier: MIT */
#include "uploader/deaths.h"

/* Who exits meant to: that can wait. Of a signal somebody wants to know now. */
static int is_urgent(const struct cp_family *family, const struct cp_member *member,
		     const struct cp_ending *ending, uint64_t now_ns)
{
	const struct cp_program *program = member->program;
	if (ending->how != CP_END_SIGNAL || member->farewell)
		return 0;
	if (program->at_once_ns && now_ns < program->at_once_ns + CP_DEATHS_EACH_NS)
		return 0;
	uint64_t oldest = family->urgent[family->urgent_next];
	return !oldest || oldest <= cp_encoding_made(family->encoding);
}

static uint64_t send(struct cp_family *family, struct cp_program *program, struct cp_film *film)
{
	uint64_t ticket = cp_encoding_push(family->encoding, film);
	family->urgent[family->urgent_next] = ticket;
	family->urgent_next = (family->urgent_next + 1) % CP_FAMILY_URGENT;
	program->at_once_ns = cp_text_monotonic();
	/* whoever asks what became of it finds the program until this is delivered */
	if (program->making < ticket)
		program->making = ticket;
	return ticket;
}

uint64_t cp_deaths_take(struct cp_family *family, struct cp_member *member,
			const struct cp_ending *ending)
{
	struct cp_program *program = member->program;
	struct cp_film *film = NULL;
	if (is_urgent(family, member, ending, cp_text_monotonic()))
		film = cp_program_close_member(program, member, ending, family->log,
					       cp_delivery_dropped(family->delivery));
	if (film)
		return send(family, program, film);
	cp_program_take(program, member, family->log, CP_TAKE_OVER);
	if (!member->farewell) /* else its end is in the tally */
		cp_endings_add(&program->endings, ending, member->pid);
	return 0;
}
