/* libunwind.c - libunwind, brought in without its manners.
 *
 * Left alone it tests addresses by writing them into a pipe whose numbers it remembers (a daemon
 * that closes all descriptors then finds foreign bytes in its own), waits for the loader's lock,
 * opens files, calls malloc. So its own slots for these functions are filled with ours. They answer
 * while this thread unwinds for us; for anyone else who shares the library they are libc's. */
/* SPDX-License-Identifier: MIT */
#include "life/libunwind.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "libc/find.h"
#include "life/instead.h"
#include "signal/unwind.h"

#if defined(__x86_64__)

static struct cp_libunwind functions; /* written once, before cp_unwind_use */

/* The page of a slot may be read-only by now (RELRO); it becomes so again. */
static int fill(void **at, void *ours, void **before, const ElfW(Phdr) * relro, ElfW(Addr) base)
{
	uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE), page = (uintptr_t)at & ~(size - 1);
	int sealed = relro && (uintptr_t)at >= base + relro->p_vaddr &&
		     (uintptr_t)at < base + relro->p_vaddr + relro->p_memsz;

	if (sealed && mprotect((void *)page, size, PROT_READ | PROT_WRITE) != 0)
		return -1;
	if (*at != ours)
		*before = *at;
	*at = ours;
	return sealed ? mprotect((void *)page, size, PROT_READ) : 0;
}

struct dynamic {
	const ElfW(Sym) * symbols;
	const char *strings;
	const ElfW(Rela) * rela[2]; /* of data, of calls */
	size_t size[2];
};

static struct dynamic read_dynamic(const ElfW(Dyn) * d)
{
	struct dynamic it = {0};

	for (; d->d_tag != DT_NULL; d++) {
		const void *at = (const void *)d->d_un.d_ptr; /* glibc has relocated it */

		if (d->d_tag == DT_SYMTAB)
			it.symbols = at;
		else if (d->d_tag == DT_STRTAB)
			it.strings = at;
		else if (d->d_tag == DT_RELA)
			it.rela[0] = at;
		else if (d->d_tag == DT_RELASZ)
			it.size[0] = d->d_un.d_val;
		else if (d->d_tag == DT_JMPREL)
			it.rela[1] = at;
		else if (d->d_tag == DT_PLTRELSZ)
			it.size[1] = d->d_un.d_val;
	}
	return it;
}

static const ElfW(Phdr) * relro_of(const struct link_map *map)
{
	const ElfW(Ehdr) *elf = (const void *)map->l_addr;
	const ElfW(Phdr) *ph = (const void *)(map->l_addr + elf->e_phoff);

	for (int i = 0; i < elf->e_phnum; i++)
		if (ph[i].p_type == PT_GNU_RELRO)
			return &ph[i];
	return NULL;
}

/* Whatever the program has of the same name, what libunwind calls besides is to be its own and
 * libc's. NULL: it is, or it is none of these. */
static void *replacement(const struct link_map *map, const ElfW(Sym) * symbol, const char *name,
			 uintptr_t now)
{
	static const struct {
		const char *name;
		void *function;
	} ours[] = {{"memcpy", (void *)memcpy},	 {"memmove", (void *)memmove},
		    {"memset", (void *)memset},	 {"memchr", (void *)memchr},
		    {"strlen", (void *)strlen},	 {"strcmp", (void *)strcmp},
		    {"strrchr", (void *)strrchr}};

	if (symbol->st_shndx != SHN_UNDEF)
		return ELF64_ST_TYPE(symbol->st_info) == STT_FUNC
			   ? (void *)(map->l_addr + symbol->st_value)
			   : NULL;
	if (cp_libc_holds(now))
		return NULL;
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (strcmp(name, ours[i].name) == 0)
			return ours[i].function;
	return cp_libc_find(name);
}

/* Fills every slot of this name. 0, or -1 when one could not be filled. */
static int patch_one(const struct link_map *map, const struct dynamic *it, const ElfW(Rela) * r,
		     unsigned *found)
{
	const ElfW(Sym) *symbol = &it->symbols[ELF64_R_SYM(r->r_info)];
	const char *name = it->strings + symbol->st_name;
	void **at = (void **)(map->l_addr + r->r_offset), *wanted, *before;

	const struct cp_instead *slot = cp_instead_of(name, found);

	if (slot)
		return fill(at, slot->ours, slot->before, relro_of(map), map->l_addr);
	if (ELF64_R_TYPE(r->r_info) != R_X86_64_JUMP_SLOT &&
	    ELF64_R_TYPE(r->r_info) != R_X86_64_GLOB_DAT)
		return 0;
	wanted = replacement(map, symbol, name, (uintptr_t)*at);
	return wanted && wanted != *at ? fill(at, wanted, &before, relro_of(map), map->l_addr) : 0;
}

static int patch(const struct link_map *map)
{
	struct dynamic it = read_dynamic(map->l_ld);
	unsigned found = 0;

	if (!it.symbols || !it.strings)
		return -1;
	for (int kind = 0; kind < 2; kind++)
		for (size_t i = 0; it.rela[kind] && i < it.size[kind] / sizeof(ElfW(Rela)); i++)
			if (patch_one(map, &it, &it.rela[kind][i], &found) != 0)
				return -1;
	return cp_instead_is_complete(found) ? 0 : -1;
}

static int bind(void *lib)
{
	void **space = dlsym(lib, "_ULx86_64_local_addr_space");

	functions.context_here = dlsym(lib, "_Ux86_64_getcontext");
	functions.backtrace = dlsym(lib, "unw_backtrace");
	functions.init = dlsym(lib, "_ULx86_64_init_local2");
	functions.step = dlsym(lib, "_ULx86_64_step");
	functions.get_reg = dlsym(lib, "_ULx86_64_get_reg");
	functions.flush = dlsym(lib, "_Ux86_64_flush_cache");
	functions.accessors = dlsym(lib, "_Ux86_64_get_accessors");
	if (!space || !functions.accessors || !functions.context_here || !functions.backtrace ||
	    !functions.init || !functions.step || !functions.get_reg || !functions.flush)
		return -1;
	functions.space = *space;
	return 0;
}

int cp_libunwind_open(void)
{
	void *lib = dlopen("libunwind.so.8", RTLD_LOCAL | RTLD_NOW);
	struct link_map *map;

	if (!lib) {
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): glibc keeps one error for each thread */
		(void)dlerror(); /* the program shall not find it */
		return -1;
	}
	/* Half patched it is still right for others; it is never closed, then. */
	if (dlinfo(lib, RTLD_DI_LINKMAP, &map) != 0 || patch(map) != 0 || bind(lib) != 0)
		return -1;
	cp_unwind_use(&functions);
	return 0;
}

#else

/* By frame pointers there, which its ABI keeps. */
int cp_libunwind_open(void)
{
	return -1;
}

#endif
