/* modules.c - the loader's list, read as a debugger reads it. */
/* SPDX-License-Identifier: MIT */
#include "signal/modules.h"

#include <string.h>

#include "base/attrs.h"
#include "signal/ledger.h"
#include "signal/loaded.h"
#include "signal/object.h"
#include "signal/probe.h"
#include "signal/state.h"
#include "signal/tables.h"

#include "signal/law.h"

#define OBJECTS_MAX 2048 /* more are not unwound by their tables, nor named */
#define PATH_ROOM   768
#define SECOND	    UINT64_C(1000000000)

static struct {
	const struct r_debug *loader; /* by the constructor */
	_Atomic uint32_t busy;
	uint32_t look; /* who holds busy */
	int changed;   /* likewise */
	_Atomic uint32_t used;
	_Atomic uint64_t unloads;
	_Atomic uint32_t pc_is_first;	     /* see cp_modules_iterate */
	const struct link_map *_Atomic last; /* of the list when it was last met whole */
	_Atomic uint64_t next_look_ns;
	_Atomic uint64_t left_from, left_to; /* where unloaded code lay, in the present epoch */
	/* OBJECTS_MAX, mapped by the constructor: two megabytes of static room would count against
	 * RLIMIT_DATA and RLIMIT_AS when the loader maps us, and it has no way to do without. */
	struct cp_object *object;
} list;

/* Who holds list.busy. */
static CP_LATE struct {
	char path[PATH_ROOM];
	struct cp_object fresh; /* what was just met */
	ElfW(Phdr) raw[CP_LOADED_HEADERS];
} work;

/* ---- for the unwinder ---- */

static int show(const struct cp_object *o, int (*cb)(struct dl_phdr_info *, size_t, void *),
		void *arg)
{
	struct dl_phdr_info info = o->info;

	info.dlpi_adds = atomic_load_explicit(&list.used, memory_order_relaxed);
	info.dlpi_subs = atomic_load_explicit(&list.unloads, memory_order_relaxed);
	return cp_object_is_readable(o) ? cb(&info, sizeof info, arg) : 0;
}

/* libunwind looks for the object of one address, which stands first in what it hands on (since 0.98
 * and in 1.8). If it did so once, for an address that we know, it is taken at its word: one object
 * is shown, or none. Else all are, and each is tested: right, and slower. */
int cp_modules_iterate(int (*cb)(struct dl_phdr_info *, size_t, void *), void *arg)
{
	uint32_t used = atomic_load_explicit(&list.used, memory_order_acquire);
	uint64_t pc = *(const uint64_t *)arg;
	int stop = 0;

	for (uint32_t i = 0; i < used; i++) {
		const struct cp_object *o = &list.object[i];

		if (!atomic_load_explicit(&o->loaded, memory_order_acquire) ||
		    !cp_object_covers(o, pc))
			continue;
		atomic_store_explicit(&list.pc_is_first, 1, memory_order_relaxed);
		return show(o, cb, arg);
	}
	if (atomic_load_explicit(&list.pc_is_first, memory_order_relaxed))
		return 0;
	for (uint32_t i = 0; i < used && !stop; i++)
		if (atomic_load_explicit(&list.object[i].loaded, memory_order_acquire))
			stop = show(&list.object[i], cb, arg);
	return stop;
}

int cp_modules_changing(void)
{
	const volatile struct r_debug *loader = list.loader;

	return loader && loader->r_state != RT_CONSISTENT;
}

/* ---- the loader's list ---- */

/* The entry of this object, its old one if it was here before, else a new one. When all are taken,
 * that of an unloaded object is written over. */
static struct cp_object *entry_for(const struct cp_object *fresh)
{
	uint32_t used = atomic_load_explicit(&list.used, memory_order_relaxed);
	struct cp_object *o = NULL;

	for (uint32_t i = 0; i < used; i++)
		if (cp_object_is(&list.object[i], fresh))
			return &list.object[i];
	if (used < OBJECTS_MAX) {
		o = &list.object[used];
		atomic_store_explicit(&list.used, used + 1, memory_order_release);
	}
	for (uint32_t i = 0; !o && i < used; i++)
		if (!atomic_load_explicit(&list.object[i].loaded, memory_order_relaxed))
			o = &list.object[i];
	if (o) {
		memcpy(o->headers, fresh->headers, sizeof o->headers);
		o->info = fresh->info;
		o->info.dlpi_phdr = o->headers;
	}
	return o;
}

static void drop(struct cp_object *o)
{
	uint64_t end, start = cp_object_bounds(o, &end);
	uint64_t from = atomic_load_explicit(&list.left_from, memory_order_relaxed);
	uint64_t to = atomic_load_explicit(&list.left_to, memory_order_relaxed);

	atomic_store_explicit(&o->loaded, 0, memory_order_release);
	atomic_fetch_add_explicit(&list.unloads, 1, memory_order_relaxed);
	list.changed = 1;
	cp_tables_forget();
	cp_ledger_end(cp_state.rec, o->info.dlpi_addr);
	atomic_store_explicit(&list.left_from, to && from < start ? from : start,
			      memory_order_relaxed);
	atomic_store_explicit(&list.left_to, to > end ? to : end, memory_order_release);
}

/* What lay where this one lies is gone, even if nobody has seen it go. */
static void drop_beneath(const struct cp_object *fresh)
{
	uint64_t end, start = cp_object_bounds(fresh, &end), other_end;
	uint32_t used = atomic_load_explicit(&list.used, memory_order_relaxed);

	for (uint32_t i = 0; i < used; i++) {
		struct cp_object *o = &list.object[i];

		if (o != fresh && atomic_load_explicit(&o->loaded, memory_order_relaxed) &&
		    cp_object_bounds(o, &other_end) < end && start < other_end)
			drop(o);
	}
}

/* What ended before the present epoch misleads nobody. */
static void turned(uint32_t before)
{
	if (atomic_load_explicit(&cp_state.rec->epoch, memory_order_relaxed) != before)
		atomic_store_explicit(&list.left_to, 0, memory_order_release);
}

static void see(const struct link_map *map, int is_program)
{
	struct cp_object *fresh = &work.fresh, *o;
	uint32_t epoch = atomic_load_explicit(&cp_state.rec->epoch, memory_order_relaxed);

	memset(fresh, 0, sizeof *fresh);
	fresh->info.dlpi_name = "";
	fresh->info.dlpi_addr = map->l_addr;
	fresh->info.dlpi_phdr = fresh->headers;
	fresh->info.dlpi_phnum =
	    cp_loaded_headers(map, is_program, work.raw, fresh->headers, CP_OBJECT_HEADERS);
	if (!fresh->info.dlpi_phnum)
		return;
	o = entry_for(fresh);
	if (!o)
		return;
	o->seen = list.look;
	if (atomic_load_explicit(&o->loaded, memory_order_relaxed))
		return;
	if (list.look > 1) /* at first everything is new */
		drop_beneath(o);
	atomic_store_explicit(&o->loaded, 1, memory_order_release);
	list.changed = 1;
	cp_ledger_add(cp_state.rec, &o->info,
		      cp_loaded_path(map, is_program, work.path, sizeof work.path));
	turned(epoch);
}

/* 1: the whole list was met, and nobody changed it meanwhile. */
static int see_all(void)
{
	const struct link_map *next = list.loader->r_map, *last = next;
	struct link_map map;

	if (cp_modules_changing())
		return 0;
	for (int i = 0; next && i < OBJECTS_MAX; i++, next = map.l_next) {
		if (!cp_peek(&map, next, sizeof map))
			return 0;
		see(&map, i == 0);
		if (cp_modules_changing())
			return 0;
		last = next;
	}
	atomic_store_explicit(&list.last, last, memory_order_relaxed);
	return next == NULL;
}

static void drop_unseen(void)
{
	uint32_t used = atomic_load_explicit(&list.used, memory_order_relaxed);

	for (uint32_t i = 0; i < used; i++) {
		struct cp_object *o = &list.object[i];

		if (o->seen != list.look && atomic_load_explicit(&o->loaded, memory_order_relaxed))
			drop(o);
	}
}

/* Those that were met at the end of an unfinished look are there, too. */
static void make_tables(void)
{
	uint32_t used = atomic_load_explicit(&list.used, memory_order_relaxed);

	list.changed = 0;
	cp_tables_begin();
	for (uint32_t i = 0; i < used; i++)
		if (atomic_load_explicit(&list.object[i].loaded, memory_order_relaxed))
			cp_tables_add(&list.object[i].info);
	cp_tables_end();
}

static int take(void)
{
	return list.loader && list.object && cp_state.rec &&
	       !atomic_exchange_explicit(&list.busy, 1, memory_order_acquire);
}

static void give(void)
{
	atomic_store_explicit(&list.busy, 0, memory_order_release);
}

static void look(void)
{
	list.look++;
	if (see_all())
		drop_unseen();
	if (list.changed)
		make_tables();
}

void cp_modules_look(void)
{
	if (!take())
		return;
	look();
	give();
}

static int misleads(const uint64_t *pcs, size_t n)
{
	uint64_t from = atomic_load_explicit(&list.left_from, memory_order_relaxed);
	uint64_t to = atomic_load_explicit(&list.left_to, memory_order_relaxed);

	for (size_t i = 0; i < n; i++)
		if (pcs[i] >= from && pcs[i] < to && cp_ledger_misleads(cp_state.rec, pcs[i]))
			return 1;
	return 0;
}

int cp_modules_settled(const uint64_t *pcs, size_t n)
{
	return CP_LIKELY(!atomic_load_explicit(&list.left_to, memory_order_acquire)) ||
	       !misleads(pcs, n);
}

/* Code lies where unloaded code lay. If it is a library, a look finds it, and the epoch turns with
 * it; else (a JIT's) it has no name, and must not get the old one. */
int cp_modules_meet(const uint64_t *pcs, size_t n)
{
	if (cp_modules_settled(pcs, n))
		return 1;
	if (!take())
		return 0;
	look();
	if (misleads(pcs, n)) {
		cp_ledger_turn(cp_state.rec);
		atomic_store_explicit(&list.left_to, 0, memory_order_release);
	}
	give();
	return 1;
}

/* The loader appends what it loads. If the last one is gone, what lies there is anything: then it
 * is one look too many. */
static int has_grown(void)
{
	const struct link_map *last = atomic_load_explicit(&list.last, memory_order_relaxed);
	const struct link_map *next = NULL;

	return last && cp_peek(&next, &last->l_next, sizeof next) && next;
}

int cp_modules_look_for(uint64_t pc)
{
	uint64_t next = atomic_load_explicit(&list.next_look_ns, memory_order_relaxed), now;

	if (cp_ledger_knows(cp_state.rec, pc))
		return 0;
	now = cp_now_ns();
	if (now < next && !has_grown())
		return 0;
	atomic_store_explicit(&list.next_look_ns, now + SECOND, memory_order_relaxed);
	cp_modules_look();
	return cp_ledger_knows(cp_state.rec, pc);
}

void cp_modules_forked(void)
{
	atomic_store_explicit(&list.busy, 0, memory_order_relaxed);
}

void *cp_modules_room(size_t *size)
{
	*size = OBJECTS_MAX * sizeof *list.object;
	return list.object;
}

int cp_modules_open(void)
{
	list.loader = cp_loaded_list();
	list.object = cp_room_at_start(OBJECTS_MAX * sizeof *list.object);
	return list.loader && list.object ? 0 : -1;
}
