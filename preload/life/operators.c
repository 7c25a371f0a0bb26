/* operators.c - finds an allocator with operators of its own, and writes the skins into the slots.
 *
 * Such an allocator's operator new doesn't go through malloc, so our front door doesn't see it. A
 * second house with a door of its own: we can't move it, so we change the signposts. */
/* SPDX-License-Identifier: MIT */
#include "life/operators.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hook/operators.h"
#include "hook/real.h"
#include "life/object.h"
#include "signal/state.h"

#if defined(__x86_64__)
#define CALL_SLOT R_X86_64_JUMP_SLOT
#define DATA_SLOT R_X86_64_GLOB_DAT
#else
#define CALL_SLOT R_AARCH64_JUMP_SLOT
#define DATA_SLOT R_AARCH64_GLOB_DAT
#endif

/* All that a process without such an allocator pays for: one name that the loader looks up. */
extern char _Znwm[] __attribute__((weak));

struct object {
	const struct dl_phdr_info *info;
	const ElfW(Phdr) * relro;
	const ElfW(Sym) * symbols;
	const char *strings;
	const ElfW(Rela) * rela[2]; /* of data, of calls */
	size_t size[2];
	int symbolic; /* looks for names in itself first */
};

/* What stands in a slot now, and what shall. */
struct change {
	uintptr_t from, to;
};

/* ---- what an object says of itself ---- */

static void read_entry(struct object *o, const ElfW(Dyn) * d)
{
	const void *at = (const void *)d->d_un.d_ptr; /* glibc has relocated it */

	switch (d->d_tag) {
	case DT_SYMTAB:
		o->symbols = at;
		break;
	case DT_STRTAB:
		o->strings = at;
		break;
	case DT_RELA:
		o->rela[0] = at;
		break;
	case DT_RELASZ:
		o->size[0] = d->d_un.d_val;
		break;
	case DT_JMPREL:
		o->rela[1] = at;
		break;
	case DT_PLTRELSZ:
		o->size[1] = d->d_un.d_val;
		break;
	case DT_SYMBOLIC:
		o->symbolic = 1;
		break;
	case DT_FLAGS:
		o->symbolic |= (d->d_un.d_val & DF_SYMBOLIC) != 0;
		break;
	default:
		break;
	}
}

static struct object read_object(const struct dl_phdr_info *info)
{
	struct object o = {.info = info};
	const ElfW(Dyn) *d = NULL;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_GNU_RELRO)
			o.relro = ph;
		if (ph->p_type == PT_DYNAMIC)
			d = (const void *)(info->dlpi_addr + ph->p_vaddr);
	}
	for (; d && d->d_tag != DT_NULL; d++)
		read_entry(&o, d);
	return o;
}

/* ---- one slot ---- */

/* What was sealed (RELRO) is sealed again. What can't be opened stays as it is: then these calls
 * aren't seen, and nothing else is lost. */
static void fill(const struct object *o, _Atomic uintptr_t *slot, uintptr_t to)
{
	uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE), page = (uintptr_t)slot & ~(size - 1);
	int sealed = o->relro && (uintptr_t)slot - (o->info->dlpi_addr + o->relro->p_vaddr) <
				     (uintptr_t)o->relro->p_memsz;

	if (sealed && mprotect((void *)page, size, PROT_READ | PROT_WRITE) != 0)
		return;
	atomic_store_explicit(slot, to, memory_order_release);
	if (sealed)
		mprotect((void *)page, size, PROT_READ);
}

/* A slot that was not called yet points into its own object's call table, unless the object has
 * bound it to a definition of its own. Resolved, it would find what all others find. */
static int is_lazy(const struct object *o, const ElfW(Rela) * r, uintptr_t now)
{
	const ElfW(Sym) *symbol = &o->symbols[ELF64_R_SYM(r->r_info)];

	if (ELF64_R_TYPE(r->r_info) != CALL_SLOT || !cp_object_holds(o->info, now))
		return 0;
	return symbol->st_shndx == SHN_UNDEF ||
	       (!o->symbolic && now != o->info->dlpi_addr + symbol->st_value);
}

static void turn(const struct object *o, const ElfW(Rela) * r,
		 struct change (*wanted)(const char *name))
{
	unsigned type = (unsigned)ELF64_R_TYPE(r->r_info);
	_Atomic uintptr_t *slot = (void *)(o->info->dlpi_addr + r->r_offset);
	struct change change;
	uintptr_t now;

	if (type != CALL_SLOT && type != DATA_SLOT)
		return;
	change = wanted(o->strings + o->symbols[ELF64_R_SYM(r->r_info)].st_name);
	if (!change.to)
		return;
	now = atomic_load_explicit(slot, memory_order_relaxed);
	if (now == change.from || is_lazy(o, r, now))
		fill(o, slot, change.to);
}

static void turn_all(const struct dl_phdr_info *info, struct change (*wanted)(const char *name))
{
	struct object o = read_object(info);

	if (!o.symbols || !o.strings)
		return;
	for (int kind = 0; kind < 2; kind++)
		for (size_t i = 0; o.rela[kind] && i < o.size[kind] / sizeof *o.rela[kind]; i++)
			turn(&o, &o.rela[kind][i], wanted);
}

/* ---- which slots ---- */

static struct change to_skin(const char *name)
{
	if (name[0] != 's' &&
	    (name[0] != '_' || name[1] != 'Z' || (name[2] != 'n' && name[2] != 'd')))
		return (struct change){0};
	for (int i = 0; i < CP_OPERATORS; i++)
		if (*cp_operators[i].real && strcmp(name, cp_operators[i].name) == 0)
			return (struct change){(uintptr_t)*cp_operators[i].real,
					       (uintptr_t)cp_operators[i].skin};
	return (struct change){0};
}

/* The allocator's calls of itself come to our front door, too: jemalloc's aligned new calls
 * aligned_alloc. It would be counted twice; and a sized delete, which it does inside, would take
 * the block that we put on a page for one of its size. */
static struct change to_itself(const char *name)
{
#define OWN(entry)                                                                                 \
	{                                                                                          \
#entry, (uintptr_t)entry, (uintptr_t)cp_real.entry                                 \
	}
	const struct {
		const char *name;
		uintptr_t ours, real;
	} own[] = {OWN(malloc),	  OWN(free),	       OWN(calloc),	   OWN(realloc),
		   OWN(memalign), OWN(posix_memalign), OWN(aligned_alloc), OWN(malloc_usable_size)};

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (strcmp(name, own[i].name) == 0)
			return (struct change){own[i].ours, own[i].real};
	return (struct change){0};
}

static int visit(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size;
	(void)unused;
	if (cp_object_holds(info, (uintptr_t)_Znwm))
		turn_all(info, to_itself);
	else if (!cp_object_holds(info, (uintptr_t)cp_operators_open))
		turn_all(info, to_skin);
	return 0;
}

/* ---- is there such an allocator ---- */

/* Everybody's malloc is ours: else we aren't the front door, and see nothing anyway. */
static int is_us(const struct dl_phdr_info *info)
{
	return cp_object_holds(info, (uintptr_t)cp_operators_open) &&
	       cp_object_holds(info, (uintptr_t)malloc);
}

struct found {
	struct dl_phdr_info allocator;
	int us;
};

static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct found *found = arg;

	(void)size;
	if (is_us(info))
		found->us = 1;
	else if (cp_object_holds(info, (uintptr_t)_Znwm) &&
		 cp_object_holds(info, (uintptr_t)cp_real.malloc) &&
		 cp_object_holds(info, (uintptr_t)cp_real.free))
		found->allocator = *info;
	return 0;
}

/* Those that everybody finds in the allocator. Another's, the program's or libstdc++'s, is left to
 * itself: it may call these. */
static void note(const struct dl_phdr_info *allocator)
{
	for (int i = 0; i < CP_OPERATORS; i++) {
		void *it = dlsym(RTLD_DEFAULT, cp_operators[i].name);

		if (it && cp_object_holds(allocator, (uintptr_t)it))
			*cp_operators[i].real = it;
	}
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): glibc keeps one error for each thread */
	(void)dlerror(); /* what was not found is nobody's error */
}

void cp_operators_open(void)
{
	struct found found = {0};

	if (!_Znwm)
		return;
	cp_real.malloc_usable_size(NULL); /* the table of real ones is full of them now */
	dl_iterate_phdr(look, &found);
	if (!found.us || !found.allocator.dlpi_phdr)
		return;
	note(&found.allocator);
	dl_iterate_phdr(visit, NULL);
}
