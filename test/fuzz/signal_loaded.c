/* signal_loaded.c - fuzz: an object in memory, whatever its headers, its notes and its name say. */
/* SPDX-License-Identifier: MIT */
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "signal/ledger.h"
#include "signal/loaded.h"
#include "signal/recording.h"
#include "signal/state.h"
#include "signal/tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PLACE	0x200000000000
#define PAGE	4096
#define PAGES	4
#define HEADERS 16
#define PATH	300

static uint8_t *place;
static struct cp_recording *rec;

static void must(int holds)
{
	if (!holds)
		abort();
}

/* The object ends where memory does: the page behind it is not there, nor is the one before. */
static void open_all(void)
{
	uint8_t *all = mmap((void *)(uintptr_t)(PLACE - PAGE), (PAGES + 2) * PAGE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	int fd;

	place = all + PAGE;
	must((uintptr_t)place == PLACE &&
	     mprotect(place, PAGES * PAGE, PROT_READ | PROT_WRITE) == 0);
	rec = cp_recording_make(&fd);
	must(rec != NULL);
	close(fd);
	strcpy(rec->cwd, "/home/of");
	cp_state.rec = rec;
}

static void check_modules(uint32_t before)
{
	const struct cp_module *m = (const void *)((const char *)rec + rec->modules.at);

	must(rec->modules_used <= rec->modules.max && rec->strings_used <= rec->strings.max);
	for (uint32_t i = before; i < rec->modules_used; i++) {
		const char *path = (const char *)rec + rec->strings.at + m[i].path_at;

		must(m[i].ready && m[i].build_id_len <= sizeof m[i].build_id);
		must(m[i].path_at < rec->strings.max && strlen(path) < PATH);
		must(m[i].epoch_from <= rec->epoch);
	}
}

/* Into the recording, out of it and in again, and once more under another epoch. */
static void enter(const struct dl_phdr_info *info, const char *path)
{
	uint64_t pc = info->dlpi_addr + info->dlpi_phdr[0].p_vaddr;
	struct cp_segment segment;
	uint32_t once;

	cp_ledger_add(rec, info, path);
	check_modules(0);
	once = rec->modules_used;
	cp_ledger_end(rec, info->dlpi_addr);
	must(!cp_ledger_knows(rec, pc));
	cp_ledger_add(rec, info, path);
	check_modules(once);
	cp_ledger_turn(rec);
	cp_ledger_misleads(rec, pc);
	cp_ledger_add(rec, info, "/another");
	check_modules(once);
	cp_tables_begin();
	cp_tables_add(info);
	cp_tables_add(info);
	cp_tables_end();
	cp_tables_find(pc, &segment);
}

/* Two bytes say where the name stands; what follows is the object. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ElfW(Phdr) raw[CP_LOADED_HEADERS], kept[HEADERS];
	struct dl_phdr_info info = {.dlpi_phdr = kept};
	struct link_map map = {0};
	char room[PATH];
	const char *path;

	if (size < 2 || size - 2 > PAGES * PAGE)
		return 0;
	if (!place)
		open_all();
	rec->modules_used = rec->strings_used = rec->epoch = 0;
	size -= 2;
	map.l_addr = info.dlpi_addr = PLACE + PAGES * PAGE - size;
	map.l_name = (char *)place + (data[0] | data[1] << 8) % (PAGES * PAGE + 64);
	memset(place, 'p', PAGES * PAGE - size);
	memcpy((void *)map.l_addr, data + 2, size);
	path = cp_loaded_path(&map, 0, room, sizeof room);
	must(strlen(path) < sizeof room && (!*path || *path == '/'));
	info.dlpi_phnum = cp_loaded_headers(&map, 0, raw, kept, HEADERS);
	must(info.dlpi_phnum <= HEADERS);
	if (info.dlpi_phnum)
		enter(&info, path);
	return 0;
}

#ifdef CP_FUZZ_MAIN
#include "test/fuzz/replay.h"
#endif
