/* ledger.c - modules in the recording: segments, paths, build-ids, and the epoch they are good for.
 */
/* SPDX-License-Identifier: MIT */
#include "signal/ledger.h"

#include <elf.h>
#include <stddef.h>
#include <string.h>

#include "signal/probe.h"

#include "signal/law.h"

#define PAGE_MASK (~(uint64_t)4095)

static uint64_t code_start(const struct dl_phdr_info *info)
{
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X))
			return info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
	return 0;
}

static struct cp_module *modules_of(struct cp_recording *rec)
{
	return (struct cp_module *)((char *)rec + rec->modules.at);
}

static uint32_t modules_count(struct cp_recording *rec)
{
	uint32_t n = atomic_load_explicit(&rec->modules_used, memory_order_acquire);

	return n < rec->modules.max ? n : (uint32_t)rec->modules.max;
}

/* Whether this address lies in a module that is good up to this epoch. */
static int lies_in(struct cp_recording *rec, uint64_t pc, uint32_t epoch_to)
{
	struct cp_module *m = modules_of(rec);

	for (uint32_t i = modules_count(rec); i-- > 0;)
		if (pc >= m[i].start && pc < m[i].end &&
		    atomic_load_explicit(&m[i].epoch_to, memory_order_relaxed) == epoch_to)
			return 1;
	return 0;
}

int cp_ledger_knows(struct cp_recording *rec, uint64_t pc)
{
	return lies_in(rec, pc, UINT32_MAX);
}

int cp_ledger_misleads(struct cp_recording *rec, uint64_t pc)
{
	uint32_t epoch = atomic_load_explicit(&rec->epoch, memory_order_relaxed);

	return lies_in(rec, pc, epoch) && !cp_ledger_knows(rec, pc);
}

void cp_ledger_turn(struct cp_recording *rec)
{
	atomic_fetch_add_explicit(&rec->epoch, 1, memory_order_relaxed);
}

/* Appends a string; its offset. A full pool gives offset 0, which is the empty string. */
static uint32_t keep_string(struct cp_recording *rec, const char *s)
{
	uint32_t len = (uint32_t)strlen(s) + 1;
	uint32_t at = atomic_load_explicit(&rec->strings_used, memory_order_relaxed);

	if (at == 0)
		at = 1;
	if (at + len > rec->strings.max)
		return 0;
	memcpy((char *)rec + rec->strings.at + at, s, len);
	atomic_store_explicit(&rec->strings_used, at + len, memory_order_release);
	return at;
}

/* More than any file has: a segment full of zeros is a note in every twelve bytes. */
#define NOTES_MAX 256

/* One note, taken in one piece; 0: the end of them. Sizes are the file's word: nothing is believed
 * beyond p_memsz, and where that ends may be anywhere. */
static int keep_if_id(struct cp_module *m, uint64_t *at, uint64_t end)
{
	struct {
		ElfW(Nhdr) n;
		char name[4];
		uint8_t id[sizeof m->build_id];
	} note;
	uint64_t there = end - *at, next;
	size_t head = offsetof(typeof(note), name);
	size_t taken = there < sizeof note ? there : sizeof note;

	if (end <= *at || there < head || !cp_peek(&note, (const void *)(uintptr_t)*at, taken))
		return 0;
	next = *at + head + ((note.n.n_namesz + UINT64_C(3)) & ~UINT64_C(3)) +
	       ((note.n.n_descsz + UINT64_C(3)) & ~UINT64_C(3));
	if (note.n.n_type == NT_GNU_BUILD_ID && note.n.n_namesz == 4 && next <= end &&
	    note.n.n_descsz <= sizeof m->build_id && memcmp(note.name, "GNU", 4) == 0) {
		memcpy(m->build_id, note.id, note.n.n_descsz);
		m->build_id_len = note.n.n_descsz;
		return 0;
	}
	*at = next;
	return next < end;
}

static void keep_build_id(struct cp_module *m, const struct dl_phdr_info *info)
{
	int left = NOTES_MAX;

	for (int i = 0; i < info->dlpi_phnum && !m->build_id_len; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uint64_t at = info->dlpi_addr + p->p_vaddr, end = at + p->p_memsz;

		while (p->p_type == PT_NOTE && left-- > 0 && keep_if_id(m, &at, end))
			;
	}
}

/* Other code where unloaded code lay: from now on stacks are told apart by a new epoch. */
static uint32_t epoch_for(struct cp_recording *rec, uint64_t start, uint64_t end)
{
	struct cp_module *m = modules_of(rec);
	uint32_t epoch = atomic_load_explicit(&rec->epoch, memory_order_relaxed);

	for (uint32_t i = 0; i < modules_count(rec); i++)
		if (m[i].start < end && start < m[i].end &&
		    atomic_load_explicit(&m[i].epoch_to, memory_order_relaxed) == epoch) {
			cp_ledger_turn(rec);
			return epoch + 1;
		}
	return epoch;
}

static void record_segment(struct cp_recording *rec, const struct dl_phdr_info *info,
			   const ElfW(Phdr) * p, uint32_t path_at, const struct cp_module *id)
{
	uint32_t n = atomic_load_explicit(&rec->modules_used, memory_order_relaxed);
	struct cp_module *m = modules_of(rec) + n;

	if (n >= rec->modules.max)
		return;
	m->start = (info->dlpi_addr + p->p_vaddr) & PAGE_MASK;
	m->end = (info->dlpi_addr + p->p_vaddr + p->p_memsz + 4095) & PAGE_MASK;
	m->file_offset = p->p_offset & PAGE_MASK;
	m->bias = info->dlpi_addr;
	m->path_at = path_at;
	memcpy(m->build_id, id->build_id, sizeof m->build_id);
	m->build_id_len = id->build_id_len;
	m->epoch_from = epoch_for(rec, m->start, m->end);
	atomic_store_explicit(&m->epoch_to, UINT32_MAX, memory_order_relaxed);
	atomic_store_explicit(&m->ready, 1, memory_order_release);
	atomic_store_explicit(&rec->modules_used, n + 1, memory_order_release);
}

/* The same object back at its old place (dlclose and dlopen again) is the old entry again. A file
 * that was built anew meanwhile has another build-id. */
static int record_again(struct cp_recording *rec, const struct dl_phdr_info *info, const char *path,
			const struct cp_module *now)
{
	struct cp_module *m = modules_of(rec);
	uint64_t start = code_start(info) & PAGE_MASK;
	uint32_t epoch = atomic_load_explicit(&rec->epoch, memory_order_relaxed);
	int found = 0;

	for (uint32_t i = 0; i < modules_count(rec); i++) {
		const char *old = (const char *)rec + rec->strings.at + m[i].path_at;

		if (m[i].bias != info->dlpi_addr || strcmp(old, path) != 0 ||
		    m[i].build_id_len != now->build_id_len ||
		    memcmp(m[i].build_id, now->build_id, now->build_id_len) != 0 ||
		    atomic_load_explicit(&m[i].epoch_to, memory_order_relaxed) < epoch)
			continue;
		atomic_store_explicit(&m[i].epoch_to, UINT32_MAX, memory_order_relaxed);
		found |= m[i].start == start;
	}
	return found;
}

void cp_ledger_add(struct cp_recording *rec, const struct dl_phdr_info *info, const char *path)
{
	struct cp_module now = {.build_id_len = 0};
	uint32_t path_at;

	keep_build_id(&now, info);
	if (record_again(rec, info, path, &now))
		return;
	path_at = keep_string(rec, path);
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && (p->p_flags & PF_X))
			record_segment(rec, info, p, path_at, &now);
	}
}

void cp_ledger_end(struct cp_recording *rec, uint64_t bias)
{
	struct cp_module *m = modules_of(rec);
	uint32_t epoch = atomic_load_explicit(&rec->epoch, memory_order_relaxed);

	for (uint32_t i = 0; i < modules_count(rec); i++)
		if (m[i].bias == bias &&
		    atomic_load_explicit(&m[i].epoch_to, memory_order_relaxed) == UINT32_MAX)
			atomic_store_explicit(&m[i].epoch_to, epoch, memory_order_relaxed);
}
