/* flags.c - what is said of each mapping: whether all of its addresses have names, files, lines.
 *
 * By these flags a reader decides to look for names itself, and then for all addresses of the
 * mapping: pprof writes over ours what it finds, which in a stripped file is the nearest symbol.
 * So addresses without a name get a mapping of their own, which is not symbolised and says so: the
 * pages of the same file that they lie in. */
/* SPDX-License-Identifier: MIT */
#include "encoder/making.h"

#define CP_PAGE UINT64_C(4096)

/* The locations of one mapping, which follow each other by address. */
struct group {
	size_t from, to;
	uint32_t named, nameless;
	bool files, lines;    /* all have them */
	uint64_t first, last; /* of those without a name */
};

static void look_at(const struct cp_making *making, const Cp__Location *location,
		    struct group *group)
{
	if (!location->n_line) {
		if (!group->nameless++)
			group->first = location->address;
		group->last = location->address;
		return;
	}
	group->named++;
	for (size_t i = 0; i < location->n_line; i++) {
		size_t len;
		const struct cp_function_key *function = cp_intern_key(
		    &making->functions, (uint32_t)(location->line[i]->function_id - 1), &len);
		group->files = group->files && function->file;
		group->lines = group->lines && location->line[i]->line;
	}
}

static void set_apart(struct cp_making *making, const Cp__Mapping *whole, const struct group *group)
{
	Cp__Profile *profile = &making->profile;
	Cp__Mapping *rest = cp_making_take(making, 1, sizeof(*rest));
	if (!rest)
		return;
	*rest = *whole;
	profile->mapping[profile->n_mapping++] = rest;
	rest->id = profile->n_mapping;
	uint64_t skipped = (group->first - whole->memory_start) & -CP_PAGE;
	uint64_t end =
	    whole->memory_start + (((group->last - whole->memory_start) & -CP_PAGE) + CP_PAGE);
	rest->memory_start += skipped;
	rest->file_offset += skipped;
	rest->memory_limit = end < whole->memory_limit ? end : whole->memory_limit;
	for (size_t i = group->from; i < group->to; i++)
		if (!profile->location[i]->n_line)
			profile->location[i]->mapping_id = rest->id;
}

static void close_group(struct cp_making *making, const struct group *group)
{
	const uint64_t id = making->profile.location[group->from]->mapping_id;
	Cp__Mapping *mapping = id ? making->profile.mapping[id - 1] : NULL;
	if (!mapping || !group->named)
		return;
	if (group->nameless)
		set_apart(making, mapping, group);
	mapping->has_functions = true;
	mapping->has_filenames = group->files;
	mapping->has_line_numbers = mapping->has_inline_frames = group->files && group->lines;
}

void cp_making_flags(struct cp_making *making)
{
	const Cp__Profile *profile = &making->profile;
	for (size_t from = 0, to; from < profile->n_location && !making->error; from = to) {
		const uint64_t id = profile->location[from]->mapping_id;
		struct group group = {.from = from, .files = true, .lines = true};
		for (to = from; to < profile->n_location; to++) {
			if (profile->location[to]->mapping_id != id)
				break;
			look_at(making, profile->location[to], &group);
		}
		group.to = to;
		close_group(making, &group);
	}
}
