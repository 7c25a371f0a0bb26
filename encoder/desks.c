/* desks.c - the files of images that lie open, and when they are closed. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "encoder/guard.h"
#include "encoder/image.h"

/* A book that nobody asked for in this time is closed: libc's alone takes 12 MB once it is open. */
#define CP_UNUSED_NS (UINT64_C(100) * 1000000000)
/* What all of them together may take; one alone takes less (lookup.c). */
#define CP_OPEN_BYTES_MAX ((size_t)192 << 20)

void cp_desk_close(struct cp_image *image)
{
	struct cp_symbols *symbols = image->symbols;
	for (int i = 0; i < CP_DESKS; i++)
		if (symbols->desks[i] == image)
			symbols->desks[i] = NULL;
	if (!image->files)
		return;
	cp_lookup_close(image->files);
	free(image->files);
	image->files = NULL;
	symbols->open_bytes -= image->open_bytes;
	image->open_bytes = 0;
	cp_tally(&symbols->is.open, -1);
}

static const char *why_not_inflated(enum cp_inflated how)
{
	static const char *const why[] = {[CP_INFLATE_LARGE] = ", more than there may be on disk",
					  [CP_INFLATE_SLOW] = ", and that takes too long",
					  [CP_INFLATE_NO_ROOM] =
					      ", and the spool's disk has no room for it"};
	return (size_t)how < sizeof(why) / sizeof(*why) && why[how] ? why[how] : "";
}

/* Once for each image. */
static void say_what_is_wrong(struct cp_image *image)
{
	const struct cp_search *search = &image->symbols->search;
	const struct cp_lookup *files = image->files;
	bool nameless = !cp_lookup_has_names(files) && image->id.path[0] == '/';
	if (image->told || (!files->too_large && !files->unreadable && !nameless))
		return;
	image->told = true;
	if (files->too_large)
		cp_search_say(search,
			      "symbols: %.300s: its debug information takes %u MB when it is "
			      "unpacked%s: no lines (objcopy --decompress-debug-sections helps)",
			      files->unread, (unsigned)(files->too_large >> 20),
			      why_not_inflated(files->how_inflated));
	else if (files->unreadable)
		cp_search_say(search,
			      "symbols: %.300s: its debug information is damaged or of an old "
			      "kind: no lines",
			      files->unread);
	else
		cp_search_say(search,
			      "symbols: %.300s: no names: the file that was mapped can not be had, "
			      "or it has none",
			      image->id.path);
}

void cp_desk_weigh(struct cp_image *image)
{
	struct cp_symbols *symbols = image->symbols;
	size_t bytes = cp_lookup_bytes(image->files);
	image->damaged = cp_lookup_is_damaged(image->files);
	if (image->damaged)
		cp_search_say(&symbols->search, "symbols: %.300s: cut short while it was read",
			      image->id.path);
	symbols->open_bytes += bytes - image->open_bytes;
	image->open_bytes = bytes;
	while (symbols->open_bytes > CP_OPEN_BYTES_MAX) {
		struct cp_image *other = NULL;
		for (int i = 0; i < CP_DESKS; i++) {
			struct cp_image *at = symbols->desks[i];
			if (at && at != image && (!other || at->opened < other->opened))
				other = at;
		}
		if (!other)
			return;
		cp_desk_close(other);
	}
}

void cp_desks_rest(struct cp_symbols *symbols, uint64_t now_ns)
{
	cp_guard_enter(); /* mapped files are touched */
	for (int i = 0; i < CP_DESKS; i++) {
		struct cp_image *image = symbols->desks[i];
		if (!image)
			continue;
		if (image->opened > symbols->rested)
			image->rested_ns = now_ns;
		if (now_ns - image->rested_ns > CP_UNUSED_NS)
			cp_desk_close(image);
		else
			cp_lookup_rest(image->files);
	}
	cp_guard_leave();
	cp_scratches_rest(&symbols->scratches, now_ns);
}

/* A free desk, or that of the book which was not asked for the longest. */
static struct cp_image **desk(struct cp_symbols *symbols)
{
	struct cp_image **found = &symbols->desks[0];
	for (int i = 0; i < CP_DESKS; i++) {
		struct cp_image **at = &symbols->desks[i];
		if (!*at)
			return at;
		if ((*at)->opened < (*found)->opened)
			found = at;
	}
	cp_desk_close(*found);
	return found;
}

/* What is unpacked on disk is unpacked in the time that there is for looking up. */
static void open_files(struct cp_image *image)
{
	struct cp_symbols *symbols = image->symbols;
	struct cp_scratches *all = &symbols->scratches;
	const struct cp_lookup *files = image->files;
	const uint64_t cpu_ns = all->cpu_ns, spent_ns = all->spent_ns;
	all->cpu_ns_max = cp_symbols_time(symbols);
	all->spent_ns_max = all->cpu_ns_max * CP_WAITING;
	cp_lookup_open(image->files, &image->id, &symbols->search);
	symbols->cpu_ns += all->cpu_ns - cpu_ns;
	symbols->spent_ns += all->spent_ns - spent_ns;
	if (files->scratch && all->spent_ns > spent_ns)
		cp_search_say(&symbols->search,
			      "symbols: %.300s: its debug information is unpacked on disk: %u MB, "
			      "%.1f s (%.1f of CPU)",
			      files->lines->path, (unsigned)(files->scratch->size >> 20),
			      (double)(all->spent_ns - spent_ns) / 1e9,
			      (double)(all->cpu_ns - cpu_ns) / 1e9);
}

bool cp_desk_open(struct cp_image *image)
{
	struct cp_symbols *symbols = image->symbols;
	image->opened = symbols->questions;
	if (image->files)
		return true;
	image->files = calloc(1, sizeof(*image->files));
	if (!image->files)
		return false;
	*desk(symbols) = image;
	image->arrivals = cp_search_look(&symbols->search, 0);
	open_files(image);
	image->lacking = image->files->lacking;
	image->pid = image->id.pid;
	image->tried = true;
	image->turn = symbols->turn;
	image->has_names = cp_lookup_has_names(image->files);
	image->has_lines = cp_lookup_has_lines(image->files);
	cp_tally(&symbols->is.open, 1);
	cp_tally(&symbols->is.opens, 1);
	say_what_is_wrong(image);
	cp_desk_weigh(image);
	return true;
}
