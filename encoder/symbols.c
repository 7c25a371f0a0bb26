/* symbols.c - what a module's addresses are called; kept between periods, within bounds.
 *
 * A library of open books: an image is a module's files laid open, with slips of paper for the
 * addresses already looked up. There are only so many desks; the longest unused book goes back. */
/* SPDX-License-Identifier: MIT */
#include "encoder/symbols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "encoder/demangle.h"
#include "encoder/dwarf.h"
#include "encoder/intern.h"
#include "encoder/symtab.h"

/* Most programs map fewer than 64 files; each costs descriptors, mappings and tables. */
#define CP_IMAGES_MAX 64
/* Distinct addresses remembered of one image; then its slips are thrown away and begun anew. */
#define CP_ADDRESSES_MAX   65536u
#define CP_SLIPS_BYTES_MAX ((size_t)32 << 20)
/* Longer names are cut: no reader sees more, and templates can be made to explode. */
#define CP_NAME_MAX 4096u
/* A book that nobody asked for in this time goes back: libc's alone takes 12 MB once it is open. */
#define CP_UNUSED_NS (UINT64_C(100) * 1000000000)

struct cp_image {
	char *key; /* NULL: this desk is free */
	size_t key_len;
	uint64_t used;	    /* when: a count of questions */
	uint64_t rested_ns; /* the last rest before which it was asked for */
	pid_t pid;	    /* with whose help it was looked for */
	struct cp_elf own, debug;
	struct cp_symtab names;
	struct cp_dwarf *dwarf;
	struct cp_intern slips; /* address; value: struct cp_lines */
};

struct cp_symbols {
	struct cp_image images[CP_IMAGES_MAX];
	uint64_t questions;
	uint64_t rested; /* how many there had been at the last rest */
};

struct cp_symbols *cp_symbols_new(void)
{
	return calloc(1, sizeof(struct cp_symbols));
}

static void put_back(struct cp_image *image)
{
	if (!image->key)
		return;
	cp_dwarf_close(image->dwarf);
	cp_symtab_free(&image->names);
	cp_elf_close(&image->debug);
	cp_elf_close(&image->own);
	cp_intern_free(&image->slips);
	free(image->key);
	*image = (struct cp_image){0};
}

void cp_symbols_free(struct cp_symbols *symbols)
{
	if (!symbols)
		return;
	for (int i = 0; i < CP_IMAGES_MAX; i++)
		put_back(&symbols->images[i]);
	free(symbols);
}

void cp_symbols_rest(struct cp_symbols *symbols, uint64_t now_ns)
{
	for (int i = 0; i < CP_IMAGES_MAX; i++) {
		struct cp_image *image = &symbols->images[i];
		if (image->used > symbols->rested)
			image->rested_ns = now_ns;
		else if (now_ns - image->rested_ns > CP_UNUSED_NS)
			put_back(image);
	}
	symbols->rested = symbols->questions;
}

/* Opens what there is. The debug file is only asked when the module's own has no lines. */
static void load(struct cp_image *image, const struct cp_module_id *id)
{
	cp_intern_init(&image->slips, CP_ADDRESSES_MAX, sizeof(struct cp_lines));
	image->pid = id->pid;
	if (!cp_elf_module(id, &image->own)) {
		cp_symtab_add(&image->names, image->own.elf);
		image->dwarf = cp_dwarf_open(image->own.elf);
	}
	if (!image->dwarf && !cp_elf_debug(id, &image->own, &image->debug)) {
		cp_symtab_add(&image->names, image->debug.elf);
		image->dwarf = cp_dwarf_open(image->debug.elf);
	}
	cp_symtab_sort(&image->names);
}

/* What two modules must have in common to be the same: the build-id; else path, device, inode, size
 * and time of the file, so that a program built again is read again. */
static size_t make_key(const struct cp_module_id *id, char *key, size_t room)
{
	char path[4400];
	struct stat st;
	if (id->build_id_len && id->build_id_len <= room) {
		memcpy(key, id->build_id, id->build_id_len);
		return id->build_id_len;
	}
	snprintf(path, sizeof(path), "/proc/%d/root%s", (int)id->pid, id->path);
	if ((id->pid <= 0 || stat(path, &st)) && stat(id->path, &st))
		memset(&st, 0, sizeof(st));
	int len = snprintf(key, room, "%s %lld %lld %lld %lld.%09ld", id->path,
			   (long long)st.st_dev, (long long)st.st_ino, (long long)st.st_size,
			   (long long)st.st_mtim.tv_sec, (long)st.st_mtim.tv_nsec);
	return len < (int)room ? (size_t)len : room - 1;
}

bool cp_image_has_names(const struct cp_image *image)
{
	return image->names.count || image->dwarf;
}

bool cp_image_has_lines(const struct cp_image *image)
{
	return image->dwarf;
}

struct cp_image *cp_symbols_image(struct cp_symbols *symbols, const struct cp_module_id *id)
{
	char key[4700];
	size_t len = make_key(id, key, sizeof(key));
	struct cp_image *oldest = &symbols->images[0];
	symbols->questions++;
	for (int i = 0; i < CP_IMAGES_MAX; i++) {
		struct cp_image *image = &symbols->images[i];
		if (image->key && image->key_len == len && !memcmp(image->key, key, len)) {
			image->used = symbols->questions;
			/* Another process may see a file that the first did not. */
			if (cp_image_has_names(image) || image->pid == id->pid)
				return image;
			oldest = image;
			break;
		}
		if (image->used < oldest->used)
			oldest = image;
	}
	put_back(oldest);
	oldest->key = malloc(len ? len : 1);
	if (!oldest->key)
		return NULL;
	memcpy(oldest->key, key, len);
	oldest->key_len = len;
	oldest->used = symbols->questions;
	load(oldest, id);
	return oldest;
}

static const char *keep(struct cp_arena *memory, const char *text)
{
	const char *copy = text ? cp_arena_text(memory, text, strnlen(text, CP_NAME_MAX)) : NULL;
	return copy ? copy : "";
}

static void fill(struct cp_arena *memory, struct cp_line *line, const struct cp_dwarf_frame *frame,
		 const char *symbol)
{
	char name[CP_NAME_MAX];
	const char *linker = symbol ? symbol : frame->linkage;
	const char *plain = frame->name ? frame->name : "";
	if (linker)
		cp_demangle(linker, name, sizeof(name));
	else
		snprintf(name, sizeof(name), "%s%s", frame->scope, plain);
	line->name = keep(memory, name);
	/* pprof leaves a name alone that differs from its system name */
	line->system_name = keep(memory, linker ? linker : plain);
	line->file = keep(memory, frame->file);
	line->line = frame->line;
	line->start_line = frame->start_line;
}

/* The real function takes its name from the symbol table, where what a library exports is found
 * under the name that callers use; inlined ones have only DWARF. */
static void look_up(struct cp_image *image, uint64_t address, struct cp_lines *found)
{
	struct cp_dwarf_frame frames[CP_INLINES_MAX] = {0};
	int count = image->dwarf ? cp_dwarf_find(image->dwarf, address, frames) : 0;
	const struct cp_symbol *symbol = cp_symtab_find(&image->names, address);
	if (!count && symbol)
		count = 1;
	if (!count || (!symbol && !frames[count - 1].linkage && !frames[count - 1].name))
		return;
	struct cp_line *lines = cp_arena_take(&image->slips.memory, (size_t)count * sizeof(*lines));
	if (!lines)
		return;
	for (int i = 0; i < count; i++)
		fill(&image->slips.memory, &lines[i], &frames[i],
		     i == count - 1 && symbol ? symbol->name : NULL);
	*found = (struct cp_lines){lines, (uint32_t)count};
}

struct cp_lines cp_image_lines(struct cp_image *image, uint64_t address)
{
	if (image->slips.count >= CP_ADDRESSES_MAX ||
	    image->slips.memory.total > CP_SLIPS_BYTES_MAX) {
		cp_intern_free(&image->slips);
		cp_intern_init(&image->slips, CP_ADDRESSES_MAX, sizeof(struct cp_lines));
	}
	uint32_t before = image->slips.count;
	uint32_t number = cp_intern(&image->slips, &address, sizeof(address));
	if (number == CP_NONE)
		return (struct cp_lines){0};
	struct cp_lines *found = cp_intern_value(&image->slips, number);
	if (number == before)
		look_up(image, address, found);
	return *found;
}
