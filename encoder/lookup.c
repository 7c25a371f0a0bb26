/* lookup.c - a module's files, laid open: what is at an address. */
/* SPDX-License-Identifier: MIT */
#include "encoder/lookup.h"

#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encoder/demangle.h"
#include "encoder/encoder.h"
#include "encoder/guard.h"
#include "encoder/pages.h"

/* What libdw knows of units cannot be given back but all at once. */
#define CP_UNITS_BYTES_MAX ((size_t)64 << 20)
/* After so much of it the file's pages go: reading them brought in some times as much. */
#define CP_PAGES_BYTES_MAX ((size_t)8 << 20)

/* Where its own addresses begin. */
static uint64_t first_address(Elf *elf)
{
	GElf_Phdr segment;
	size_t count = 0;
	elf_getphdrnum(elf, &count);
	for (size_t i = 0; i < count && i < INT32_MAX; i++)
		if (gelf_getphdr(elf, (int)i, &segment) && segment.p_type == PT_LOAD)
			return segment.p_vaddr;
	return 0;
}

/* The module's own symbols, those of its debug file, and of neither has all, those packed inside.
 */
static void read_names(struct cp_lookup *lookup)
{
	size_t own;
	bool all = cp_elf_has_symbols(&lookup->own) || cp_elf_has_symbols(&lookup->debug);
	if (lookup->own.elf)
		cp_symtab_add(&lookup->names, lookup->own.elf);
	own = lookup->names.count;
	if (lookup->debug.elf)
		cp_symtab_add(&lookup->names, lookup->debug.elf);
	for (size_t i = own; i < lookup->names.count; i++) {
		lookup->names.symbols[i].start -= lookup->moved;
		lookup->names.symbols[i].end -= lookup->moved;
	}
	if (!all && !cp_elf_mini(&lookup->own, &lookup->mini))
		cp_symtab_add(&lookup->names, lookup->mini.elf);
	cp_symtab_sort(&lookup->names);
	if (!lookup->own.elf)
		return;
	cp_symtab_bound_labels(&lookup->names, lookup->own.elf);
	cp_plt_add(&lookup->plt, lookup->own.elf, &lookup->names);
}

/* The file from which its DWARF is to be read: itself, or what it is unpacked to on disk. libdw
 * unpacks all compressed sections at once, into memory, whatever is asked of it. NULL: none. */
static const struct cp_elf *unpacked(struct cp_lookup *lookup, const struct cp_elf *file,
				     struct cp_scratches *scratches, struct cp_dwarf_look *look)
{
	const uint64_t above = scratches ? scratches->above : CP_UNPACK_ABOVE;
	const uint64_t size = look->unpacked;
	if (look->unreadable || size <= above)
		return look->unreadable ? NULL : file;
	lookup->how_inflated = CP_INFLATE_OFF;
	if (scratches && !lookup->scratch)
		lookup->scratch =
		    cp_scratch_open(scratches, file, &lookup->inflated, &lookup->how_inflated);
	if (!lookup->scratch)
		return NULL;
	/* what is compressed in the old way still is */
	*look = cp_dwarf_look(lookup->inflated.elf);
	if (!look->unreadable && look->unpacked <= above)
		return &lookup->inflated;
	look->unpacked = size;
	return NULL;
}

static void read_lines(struct cp_lookup *lookup, const struct cp_elf *file,
		       struct cp_scratches *scratches)
{
	struct cp_dwarf_look look = cp_dwarf_look(file->elf);
	const struct cp_elf *from = unpacked(lookup, file, scratches, &look);
	if (from)
		lookup->dwarf = cp_dwarf_open(from);
	if (lookup->dwarf) {
		lookup->lines = from;
		lookup->of_debug = file == &lookup->debug;
		lookup->unpacked = look.unpacked;
		return;
	}
	cp_scratch_close(lookup->scratch, &lookup->inflated);
	lookup->scratch = NULL;
	if (!look.has)
		return;
	lookup->unread = file->path;
	lookup->unreadable = true;
	lookup->too_large = from || look.unreadable || lookup->how_inflated == CP_INFLATE_DAMAGED
				? 0
				: look.unpacked;
}

/* A debug file is asked for what the module's own does not say: lines, or the symbols of
 * everything. */
void cp_lookup_open(struct cp_lookup *lookup, const struct cp_module_id *id,
		    const struct cp_search *search)
{
	lookup->how = id->how;
	cp_guard_enter();
	if (!cp_elf_module(id, &lookup->own))
		read_lines(lookup, &lookup->own, search ? search->scratches : NULL);
	bool all = lookup->dwarf && cp_elf_has_symbols(&lookup->own);
	lookup->lacking = !all && cp_elf_debug(id, &lookup->own, search, &lookup->debug);
	if (lookup->debug.elf && !lookup->dwarf)
		read_lines(lookup, &lookup->debug, search ? search->scratches : NULL);
	if (lookup->own.elf && lookup->debug.elf)
		lookup->moved = first_address(lookup->debug.elf) - first_address(lookup->own.elf);
	read_names(lookup);
	lookup->fresh = cp_dwarf_bytes(lookup->dwarf);
	cp_lookup_rest(lookup);
	cp_guard_leave();
}

size_t cp_lookup_bytes(const struct cp_lookup *lookup)
{
	return cp_dwarf_bytes(lookup->dwarf) + lookup->unpacked + cp_symtab_bytes(&lookup->names) +
	       cp_symtab_bytes(&lookup->plt);
}

void cp_lookup_rest(struct cp_lookup *lookup)
{
	if (lookup->own.elf)
		cp_pages_let_go(lookup->own.elf);
	if (lookup->debug.elf)
		cp_pages_let_go(lookup->debug.elf);
	if (lookup->inflated.elf)
		cp_pages_let_go(lookup->inflated.elf);
	lookup->let_go = cp_dwarf_bytes(lookup->dwarf);
}

/* Before another unit is read, when those that were read take too much. */
static void make_room(struct cp_lookup *lookup, uint64_t address)
{
	size_t bytes = cp_dwarf_bytes(lookup->dwarf);
	if (bytes - lookup->let_go > CP_PAGES_BYTES_MAX)
		cp_lookup_rest(lookup);
	if (bytes - lookup->fresh < CP_UNITS_BYTES_MAX || cp_dwarf_is_ready(lookup->dwarf, address))
		return;
	cp_dwarf_close(lookup->dwarf);
	lookup->dwarf = cp_dwarf_open(lookup->lines);
	lookup->fresh = cp_dwarf_bytes(lookup->dwarf);
	cp_lookup_rest(lookup);
}

void cp_lookup_close(struct cp_lookup *lookup)
{
	cp_dwarf_close(lookup->dwarf);
	cp_symtab_free(&lookup->names);
	cp_symtab_free(&lookup->plt);
	cp_scratch_close(lookup->scratch, &lookup->inflated);
	lookup->scratch = NULL;
	cp_elf_close(&lookup->mini);
	cp_elf_close(&lookup->debug);
	cp_elf_close(&lookup->own);
	lookup->dwarf = NULL;
}

bool cp_lookup_has_names(const struct cp_lookup *lookup)
{
	return lookup->names.count || lookup->dwarf;
}

bool cp_lookup_has_lines(const struct cp_lookup *lookup)
{
	return lookup->dwarf;
}

bool cp_lookup_is_damaged(const struct cp_lookup *lookup)
{
	return cp_elf_is_damaged(&lookup->own) || cp_elf_is_damaged(&lookup->debug) ||
	       cp_elf_is_damaged(&lookup->inflated);
}

static int by_unit(const void *a, const void *b, void *dwarf)
{
	const uint64_t *x = a, *y = b;
	uint32_t first = cp_dwarf_unit(dwarf, *x), second = cp_dwarf_unit(dwarf, *y);
	if (first != second)
		return first > second ? 1 : -1;
	return (*x > *y) - (*x < *y);
}

void cp_lookup_order(const struct cp_lookup *lookup, uint64_t *addresses, size_t count)
{
	if (lookup->dwarf && count)
		qsort_r(addresses, count, sizeof(*addresses), by_unit, lookup->dwarf);
}

/* Whether the linker's name of an inlined C function is its own behind a prefix: __GI_puts. */
static bool is_prefixed(const char *linker, const char *name)
{
	size_t len = strlen(linker), end = name ? strlen(name) : 0;
	return end && end < len && strncmp(linker, "_Z", 2) != 0 && strncmp(linker, "_R", 2) != 0 &&
	       !strcmp(linker + len - end, name);
}

/* A name that DWARF alone knows is not mangled. */
static void write_name(enum cp_demangling how, const char *linker,
		       const struct cp_dwarf_frame *frame, char name[CP_NAME_MAX])
{
	if (linker && (linker != frame->linkage || !is_prefixed(linker, frame->name))) {
		cp_demangle(linker, how, name, CP_NAME_MAX);
		return;
	}
	snprintf(name, CP_NAME_MAX, "%s%s", frame->scope, frame->name ? frame->name : "");
	if (how == CP_DEMANGLE_SHORT)
		cp_demangle_shorten(name);
}

static uint32_t add_function(const struct cp_lookup *lookup, struct cp_answers *answers,
			     const struct cp_dwarf_frame *frame, const char *symbol)
{
	char name[CP_NAME_MAX], path[CP_NAME_MAX];
	const char *linker = symbol ? symbol : frame->linkage;
	const char *plain = frame->name ? frame->name : "";
	write_name(lookup->how, linker, frame, name);
	snprintf(path, sizeof(path), "%s%s%s", frame->dir ? frame->dir : "", frame->dir ? "/" : "",
		 frame->file ? frame->file : "");
	/* pprof leaves a name alone that differs from its system name */
	const struct cp_line line = {.name = name,
				     .system_name = linker ? linker : plain,
				     .file = path,
				     .start_line = frame->start_line};
	return cp_answers_function(answers, &line);
}

/* Compilers split a function and put its other half back in as an inlined call of itself: glibc's
 * write is such a __libc_write. */
static bool is_same(const struct cp_dwarf_frame *a, const struct cp_dwarf_frame *b)
{
	const char *x = a->linkage ? a->linkage : a->name, *y = b->linkage ? b->linkage : b->name;
	return x && y && !strcmp(x, y) && !strcmp(a->scope, b->scope);
}

/* glibc's, for x86-64, and those of the kernel's vDSO. */
static bool is_way_out(const char *name)
{
	return !strcmp(name, "__restore_rt") || !strcmp(name, "__kernel_rt_sigreturn");
}

/* A call's address is one byte before where it returns to. But a handler returns to the first byte
 * of a function, before which there is nothing. */
static const struct cp_symbol *symbol_at(const struct cp_lookup *lookup, uint64_t address)
{
	const struct cp_symbol *symbol = cp_symtab_find(&lookup->names, address);
	if (!symbol)
		symbol = cp_symtab_find(&lookup->plt, address);
	if (symbol)
		return symbol;
	symbol = cp_symtab_find(&lookup->names, address + 1);
	return symbol && symbol->start == address + 1 && is_way_out(symbol->name) ? symbol : NULL;
}

/* The real function takes its name from the symbol table, where what a library exports is found
 * under the name that callers use; inlined ones have only DWARF. */
static void add(const struct cp_lookup *lookup, struct cp_answers *answers, uint64_t address,
		struct cp_dwarf_frame *frames, int count, uint32_t turn)
{
	const struct cp_symbol *symbol = symbol_at(lookup, address);
	struct cp_spot spots[CP_INLINES_MAX];
	if (!count && symbol) {
		frames[0] = (struct cp_dwarf_frame){0};
		count = 1;
	}
	if (!symbol && count && !frames[count - 1].linkage && !frames[count - 1].name)
		count = 0;
	for (int i = 0; i < count; i++) {
		bool real = i == count - 1 || is_same(&frames[i], &frames[count - 1]);
		const char *name = real && symbol ? symbol->name : NULL;
		spots[i] = (struct cp_spot){add_function(lookup, answers, &frames[i], name),
					    frames[i].line};
		if (spots[i].function == CP_NONE)
			return;
	}
	cp_answers_put(answers, address, spots, (uint32_t)count, turn);
}

static void find(struct cp_lookup *lookup, uint64_t address, struct cp_answers *answers, bool lines,
		 uint32_t turn)
{
	uint64_t moved = lookup->of_debug ? lookup->moved : 0;
	struct cp_dwarf_frame frames[CP_INLINES_MAX];
	cp_guard_enter();
	if (lines && lookup->dwarf)
		make_room(lookup, address + moved);
	int count =
	    lines && lookup->dwarf ? cp_dwarf_find(lookup->dwarf, address + moved, frames) : 0;
	if (!cp_lookup_is_damaged(lookup))
		add(lookup, answers, address, frames, count, turn);
	cp_guard_leave();
}

void cp_lookup_name(struct cp_lookup *lookup, uint64_t address, struct cp_answers *answers,
		    uint32_t turn)
{
	find(lookup, address, answers, false, turn);
}

void cp_lookup_find(struct cp_lookup *lookup, uint64_t address, struct cp_answers *answers)
{
	find(lookup, address, answers, true, 0);
}
