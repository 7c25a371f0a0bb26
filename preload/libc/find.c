/* find.c - looks a name up as the loader does, but in libc alone. */
/* SPDX-License-Identifier: MIT */
#include "libc/find.h"

#include <elf.h>
#include <link.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HIDDEN_VERSION 0x8000 /* kept for programs that were linked long ago */

/* The loader's list. What is read of it here, who was loaded at the start, never changes; so a copy
 * that a program may hold of this variable will do. Weak: another loader has none. */
extern struct r_debug _r_debug __attribute__((weak));

struct object {
	uintptr_t base;
	const char *strings, *name;
	const ElfW(Sym) * symbols;
	const uint32_t *hash;
	const uint16_t *versions;
};

static struct object read_object(const struct link_map *map)
{
	struct object o = {.base = map->l_addr};
	const ElfW(Dyn) *d = map->l_ld;
	size_t name = 0;

	for (; d && d->d_tag != DT_NULL; d++) {
		const void *at = (const void *)d->d_un.d_ptr; /* glibc has relocated it */

		if (d->d_tag == DT_STRTAB)
			o.strings = at;
		else if (d->d_tag == DT_SYMTAB)
			o.symbols = at;
		else if (d->d_tag == DT_GNU_HASH)
			o.hash = at;
		else if (d->d_tag == DT_VERSYM)
			o.versions = at;
		else if (d->d_tag == DT_SONAME)
			name = d->d_un.d_val;
	}
	if (name && (uintptr_t)o.strings > o.base) /* the kernel's vdso has not been relocated */
		o.name = o.strings + name;
	return o;
}

static uint32_t hash_of(const char *name)
{
	uint32_t h = 5381;

	for (; *name; name++)
		h = h * 33 + (unsigned char)*name;
	return h;
}

/* Defined there, in the version that is linked with today. */
static int is_it(const struct object *o, uint32_t i, const char *name)
{
	const ElfW(Sym) *symbol = &o->symbols[i];

	return !(o->versions && o->versions[i] & HIDDEN_VERSION) && symbol->st_shndx != SHN_UNDEF &&
	       strcmp(o->strings + symbol->st_name, name) == 0;
}

/* The filter of the table: mostly it knows that a name is not there. */
static int may_have(const struct object *o, uint32_t h)
{
	const ElfW(Addr) *blooms = (const void *)(o->hash + 4);
	ElfW(Addr) bits = blooms[h / 64 % o->hash[2]];

	return (bits >> h % 64 & bits >> (h >> o->hash[3]) % 64 & 1) != 0;
}

static const ElfW(Sym) * symbol_of(const struct object *o, const char *name, uint32_t h)
{
	uint32_t buckets = o->hash[0], first = o->hash[1], blooms = o->hash[2];
	const uint32_t *bucket = o->hash + 4 + blooms * (sizeof(ElfW(Addr)) / sizeof *bucket);
	const uint32_t *chain = bucket + buckets;
	uint32_t i = buckets && blooms && may_have(o, h) ? bucket[h % buckets] : 0;

	if (i < first || !i)
		return NULL;
	for (;; i++) {
		uint32_t other = chain[i - first];

		if ((other | 1) == (h | 1) && is_it(o, i, name))
			return &o->symbols[i];
		if (other & 1)
			return NULL;
	}
}

/* What is no plain function (STT_GNU_IFUNC) is left alone. */
static void *function(const struct object *o, const ElfW(Sym) * symbol)
{
	if (!symbol || ELF64_ST_TYPE(symbol->st_info) != STT_FUNC)
		return NULL;
	return (void *)(o->base + symbol->st_value);
}

static void *look(const struct object *o, const char *name)
{
	return function(o, symbol_of(o, name, hash_of(name)));
}

/* In parts before glibc 2.34. */
static int is_libc(const struct object *o)
{
	return o->name && o->symbols && o->hash && o->versions &&
	       (strcmp(o->name, "libc.so.6") == 0 || strcmp(o->name, "libdl.so.2") == 0 ||
		strcmp(o->name, "libpthread.so.0") == 0);
}

#define PARTS 3
static struct object
    libc[PARTS]; /* before `found`; whoever does it at the same time writes the same */
static _Atomic uint32_t found;

static const struct object *parts(void)
{
	const struct link_map *map = &_r_debug ? _r_debug.r_map : NULL;
	int n = 0;

	if (atomic_load_explicit(&found, memory_order_acquire))
		return libc;
	for (; map && n < PARTS; map = map->l_next) {
		struct object o = read_object(map);

		if (is_libc(&o))
			libc[n++] = o;
	}
	atomic_store_explicit(&found, 1, memory_order_release);
	return libc;
}

void *cp_libc_find(const char *name)
{
	const struct object *part = parts();
	void *it = NULL;

	for (int i = 0; i < PARTS && part[i].name && !it; i++)
		it = look(&part[i], name);
	return it;
}

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

int cp_libc_anyone_has(const char *name)
{
	const struct link_map *map = &_r_debug ? _r_debug.r_map : NULL;

	for (; map; map = map->l_next) {
		struct object o = read_object(map);

		if (o.base != (uintptr_t)&__ehdr_start && o.symbols && o.hash &&
		    (uintptr_t)o.strings > o.base && look(&o, name))
			return 1;
	}
	return 0;
}

/* Fills in those that the object is the first to define; 0: it has no table that we can read. */
static int take(const struct object *o, struct cp_sought *sought, unsigned n)
{
	/* where the dynamic section is read-only, glibc leaves offsets in it */
	if (!o->symbols || !o->hash || (uintptr_t)o->strings <= o->base)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		const ElfW(Sym) *symbol =
		    sought[i].met ? NULL : symbol_of(o, sought[i].name, sought[i].hash);

		if (symbol) {
			sought[i].met = 1;
			sought[i].found = function(o, symbol);
		}
	}
	return 1;
}

int cp_libc_next(struct cp_sought *sought, unsigned n)
{
	const struct link_map *map = &_r_debug ? _r_debug.r_map : NULL;

	while (map && map->l_addr != (uintptr_t)&__ehdr_start)
		map = map->l_next;
	for (unsigned i = 0; i < n; i++)
		sought[i].hash = hash_of(sought[i].name);
	for (map = map ? map->l_next : NULL; map; map = map->l_next) {
		struct object o = read_object(map);

		if (!take(&o, sought, n))
			return 0;
	}
	return n > 0 && sought[0].met;
}

/* By its entry: dladdr() reads its table of symbols as well. */
const char *cp_libc_own_path(void)
{
	const struct link_map *map = &_r_debug ? _r_debug.r_map : NULL;

	while (map && map->l_addr != (uintptr_t)&__ehdr_start)
		map = map->l_next;
	return map ? map->l_name : NULL;
}

int cp_libc_defines(uintptr_t base, const char *name)
{
	const struct link_map *map = &_r_debug ? _r_debug.r_map : NULL;

	for (; map; map = map->l_next)
		if (map->l_addr == base) {
			struct object o = read_object(map);

			return o.symbols && o.hash && look(&o, name) != NULL;
		}
	return 0;
}

static int holds(const struct object *o, uintptr_t at)
{
	const ElfW(Ehdr) *elf = (const void *)o->base;
	const ElfW(Phdr) *p = (const void *)(o->base + elf->e_phoff);

	for (int i = 0; i < elf->e_phnum; i++)
		if (p[i].p_type == PT_LOAD && at - (o->base + p[i].p_vaddr) < p[i].p_memsz)
			return 1;
	return 0;
}

int cp_libc_holds(uintptr_t at)
{
	const struct object *part = parts();

	for (int i = 0; i < PARTS && part[i].name; i++)
		if (holds(&part[i], at))
			return 1;
	return 0;
}
