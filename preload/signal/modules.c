/* modules.c - the loader's list, read as a debugger reads it. */
/* SPDX-License-Identifier: MIT */
#include "signal/modules.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>

#include "signal/ledger.h"
#include "signal/probe.h"

#include "signal/law.h"

#define OBJECTS_MAX 2048 /* more are not unwound by their tables, nor named */
#define PATH_ROOM   768
#define SECOND	    UINT64_C(1000000000)

/* For the unwinder. An entry is taken in use by setting `loaded`, and again after an unload. */
struct object {
	struct dl_phdr_info info;
	_Atomic uint32_t loaded;
	uint32_t seen; /* the number of the last look that met it */
};

static struct {
	const struct r_debug *loader; /* by the constructor */
	_Atomic uint32_t busy;
	uint32_t look; /* who holds busy */
	_Atomic uint32_t used;
	_Atomic uint64_t unloads;
	_Atomic uint64_t next_look_ns;
	char path[PATH_ROOM]; /* who holds busy */
	struct object object[OBJECTS_MAX];
} list;

/* ---- for the unwinder ---- */

/* What the unwinder will read of it first: the program headers, the table of unwind tables. */
static int readable(const struct dl_phdr_info *info)
{
	if (!cp_readable((uintptr_t)info->dlpi_phdr))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
			return cp_readable(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	return 1;
}

int cp_modules_iterate(int (*cb)(struct dl_phdr_info *, size_t, void *), void *arg)
{
	uint32_t used = atomic_load_explicit(&list.used, memory_order_acquire);

	for (uint32_t i = 0; i < used; i++) {
		struct object *o = &list.object[i];
		struct dl_phdr_info info;
		int stop;

		if (!atomic_load_explicit(&o->loaded, memory_order_acquire))
			continue;
		info = o->info;
		if (!readable(&info))
			continue;
		info.dlpi_adds = used;
		info.dlpi_subs = atomic_load_explicit(&list.unloads, memory_order_relaxed);
		stop = cb(&info, sizeof info, arg);
		if (stop)
			return stop;
	}
	return 0;
}

int cp_modules_changing(void)
{
	const volatile struct r_debug *loader = list.loader;

	return loader && loader->r_state != RT_CONSISTENT;
}

/* ---- the loader's list ---- */

static struct object *object_of(const struct dl_phdr_info *info)
{
	uint32_t used = atomic_load_explicit(&list.used, memory_order_relaxed);
	struct object *empty = NULL;

	for (uint32_t i = 0; i < used; i++) {
		struct object *o = &list.object[i];

		if (!atomic_load_explicit(&o->loaded, memory_order_relaxed))
			empty = o;
		else if (o->info.dlpi_phdr == info->dlpi_phdr &&
			 o->info.dlpi_addr == info->dlpi_addr)
			return o;
	}
	if (!empty && used < OBJECTS_MAX) {
		empty = &list.object[used];
		atomic_store_explicit(&list.used, used + 1, memory_order_release);
	}
	return empty;
}

/* The program headers: of the program by the kernel's word, of all others behind their ELF header.
 */
static int headers_of(const struct link_map *map, int is_program, struct dl_phdr_info *info)
{
	const ElfW(Ehdr) *elf = (const void *)map->l_addr;

	memset(info, 0, sizeof *info);
	info->dlpi_name = "";
	info->dlpi_addr = map->l_addr;
	if (is_program) {
		info->dlpi_phdr = (const void *)getauxval(AT_PHDR);
		info->dlpi_phnum = (ElfW(Half))getauxval(AT_PHNUM);
	} else {
		if (!map->l_addr || !cp_readable(map->l_addr) ||
		    memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0)
			return 0;
		info->dlpi_phdr = (const void *)(map->l_addr + elf->e_phoff);
		info->dlpi_phnum = elf->e_phnum;
	}
	return info->dlpi_phnum && cp_readable((uintptr_t)info->dlpi_phdr);
}

static void append(const char *text, size_t *len)
{
	for (; *text && *len < sizeof list.path - 1; text++)
		list.path[(*len)++] = *text;
	list.path[*len] = 0;
}

/* Absolute, since the uploader works elsewhere. Held for the caller by busy. */
static const char *path_of(const struct link_map *map, int is_program)
{
	const struct cp_recording *rec = cp_state.rec;
	size_t len = 0;

	if (is_program)
		return rec->exe;
	if (!cp_readable((uintptr_t)map->l_name) || !map->l_name[0])
		return "";
	if (map->l_addr == getauxval(AT_SYSINFO_EHDR))
		return "[vdso]";
	if (map->l_name[0] != '/') {
		append(rec->cwd, &len);
		append("/", &len);
	}
	append(map->l_name, &len);
	return list.path;
}

static void see(const struct link_map *map, int is_program)
{
	struct dl_phdr_info info;
	struct object *o;

	if (!headers_of(map, is_program, &info))
		return;
	o = object_of(&info);
	if (!o)
		return;
	o->seen = list.look;
	if (atomic_load_explicit(&o->loaded, memory_order_relaxed))
		return;
	o->info = info;
	atomic_store_explicit(&o->loaded, 1, memory_order_release);
	cp_ledger_add(cp_state.rec, &info, path_of(map, is_program));
}

/* 1: the whole list was met, and nobody changed it meanwhile. */
static int see_all(void)
{
	const struct link_map *map = list.loader->r_map;

	if (cp_modules_changing())
		return 0;
	for (int i = 0; map && i < OBJECTS_MAX; i++, map = map->l_next) {
		if (!cp_readable((uintptr_t)map))
			return 0;
		see(map, i == 0);
		if (cp_modules_changing())
			return 0;
	}
	return map == NULL;
}

static void drop_unseen(void)
{
	uint32_t used = atomic_load_explicit(&list.used, memory_order_relaxed);

	for (uint32_t i = 0; i < used; i++) {
		struct object *o = &list.object[i];

		if (o->seen == list.look || !atomic_load_explicit(&o->loaded, memory_order_relaxed))
			continue;
		atomic_store_explicit(&o->loaded, 0, memory_order_release);
		atomic_fetch_add_explicit(&list.unloads, 1, memory_order_relaxed);
		cp_ledger_end(cp_state.rec, o->info.dlpi_addr);
	}
}

void cp_modules_look(void)
{
	if (!list.loader || !cp_state.rec ||
	    atomic_exchange_explicit(&list.busy, 1, memory_order_acquire))
		return;
	list.look++;
	if (see_all())
		drop_unseen();
	atomic_store_explicit(&list.busy, 0, memory_order_release);
}

void cp_modules_look_for(uint64_t pc)
{
	uint64_t next = atomic_load_explicit(&list.next_look_ns, memory_order_relaxed), now;

	if (cp_ledger_knows(cp_state.rec, pc))
		return;
	now = cp_now_ns();
	if (now < next)
		return;
	atomic_store_explicit(&list.next_look_ns, now + SECOND, memory_order_relaxed);
	cp_modules_look();
}

void cp_modules_forked(void)
{
	atomic_store_explicit(&list.busy, 0, memory_order_relaxed);
}

/* The program's own dynamic section holds the address of the loader's list (DT_DEBUG). */
int cp_modules_open(void)
{
	const ElfW(Phdr) *phdr = (const void *)getauxval(AT_PHDR);
	unsigned long n = getauxval(AT_PHNUM);
	uintptr_t bias = 0;
	const ElfW(Dyn) *dyn = NULL;

	for (unsigned long i = 0; phdr && i < n; i++)
		if (phdr[i].p_type == PT_PHDR)
			bias = (uintptr_t)phdr - phdr[i].p_vaddr;
	for (unsigned long i = 0; phdr && i < n; i++)
		if (phdr[i].p_type == PT_DYNAMIC)
			dyn = (const void *)(bias + phdr[i].p_vaddr);
	for (; dyn && dyn->d_tag != DT_NULL; dyn++)
		if (dyn->d_tag == DT_DEBUG)
			list.loader = (const void *)dyn->d_un.d_ptr;
	return list.loader ? 0 : -1;
}
