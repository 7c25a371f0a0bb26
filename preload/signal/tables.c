/* tables.c - the executable segments in order of address; two lists, one of them shown. */
/* SPDX-License-Identifier: MIT */
#include "signal/tables.h"

#include <elf.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "base/attrs.h"

#include "signal/law.h"

#define TABLES_MAX 1024 /* segments beyond these are walked by frame pointers */

/* A reader of a list that is being written over finds another version afterwards. The words are
 * read and written as atomics would be on both machines: 8 bytes, aligned. */
struct list {
	_Atomic uint64_t version; /* odd: being written */
	uint32_t used;
	struct cp_segment table[TABLES_MAX];
};

static CP_LATE struct {
	struct list list[2];
	_Atomic uint32_t shown;
} tables;

_Atomic uint64_t cp_tables_epoch;

void cp_tables_forget(void)
{
	atomic_fetch_add_explicit(&cp_tables_epoch, UINT64_C(0x9e3779b97f4a7c15),
				  memory_order_relaxed);
}

static struct list *hidden(void)
{
	return &tables.list[!atomic_load_explicit(&tables.shown, memory_order_relaxed)];
}

void cp_tables_begin(void)
{
	struct list *l = hidden();

	/* In a forked child, whoever was at it is not here: then it is odd already. */
	atomic_fetch_or_explicit(&l->version, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	l->used = 0;
}

/* In order of address: modules come nearly so, from high to low. */
static void insert(struct list *l, const struct cp_segment *t)
{
	uint32_t at = l->used;

	if (l->used == TABLES_MAX)
		return;
	while (at > 0 && l->table[at - 1].start > t->start)
		at--;
	memmove(&l->table[at + 1], &l->table[at], (l->used - at) * sizeof *t);
	l->table[at] = *t;
	l->used++;
}

static const ElfW(Phdr) * segment_of(const struct dl_phdr_info *info, uint64_t vaddr)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && vaddr >= p->p_vaddr && vaddr - p->p_vaddr < p->p_memsz)
			return p;
	}
	return NULL;
}

void cp_tables_add(const struct dl_phdr_info *info)
{
	struct cp_segment t = {0};

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i], *in;

		if (p->p_type != PT_GNU_EH_FRAME || !(in = segment_of(info, p->p_vaddr)))
			continue;
		t.header = info->dlpi_addr + p->p_vaddr;
		t.low = info->dlpi_addr + in->p_vaddr;
		t.high = t.low + in->p_memsz;
	}
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		t.start = info->dlpi_addr + p->p_vaddr;
		t.end = t.start + p->p_memsz;
		insert(hidden(), &t);
	}
}

void cp_tables_end(void)
{
	struct list *l = hidden();

	atomic_fetch_add_explicit(&l->version, 1, memory_order_release);
	atomic_store_explicit(&tables.shown, (uint32_t)(l - tables.list), memory_order_release);
}

/* The last segment that begins at or before the address. */
static int find_in(const struct list *l, uint64_t pc, struct cp_segment *found)
{
	uint32_t low = 0, high = l->used;

	if (high > TABLES_MAX)
		return 0;
	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (l->table[middle].start <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || pc >= l->table[low - 1].end)
		return 0;
	*found = l->table[low - 1];
	return 1;
}

int cp_tables_find(uint64_t pc, struct cp_segment *found)
{
	for (int attempt = 0; attempt < 3; attempt++) {
		const struct list *l =
		    &tables.list[atomic_load_explicit(&tables.shown, memory_order_acquire) & 1];
		uint64_t version = atomic_load_explicit(&l->version, memory_order_acquire);
		int there = find_in(l, pc, found);

		atomic_thread_fence(memory_order_acquire);
		if (!(version & 1) &&
		    atomic_load_explicit(&l->version, memory_order_relaxed) == version)
			return there;
	}
	return 0;
}
