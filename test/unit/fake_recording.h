/* fake_recording.h - recordings to order, in a memfd, as a target would have made them. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/attrs.h"
#include "base/recording.h"

struct fake {
	int fd;
	size_t size;
	struct cp_recording *rec; /* mapped; change what you like */
};

static CP_UNUSED void fake_die(const char *what)
{
	perror(what);
	_exit(1);
}

static CP_UNUSED uint64_t fake_table(uint64_t end, struct cp_table *table, uint64_t max,
				     size_t entry)
{
	table->at = (end + 63) & ~UINT64_C(63);
	table->max = max;
	return table->at + max * entry;
}

static CP_UNUSED uint64_t fake_lay_out(struct cp_recording *rec)
{
	uint64_t end = fake_table(sizeof(*rec), &rec->strings, 65536, 1);
	end = fake_table(end, &rec->modules, 256, sizeof(struct cp_module));
	end = fake_table(end, &rec->threads, 64, sizeof(struct cp_thread_slot));
	end = fake_table(end, &rec->rows, 4096, sizeof(struct cp_row));
	end = fake_table(end, &rec->index, 8192, sizeof(uint64_t));
	end = fake_table(end, &rec->rests, 1024, sizeof(uint32_t));
	end = fake_table(end, &rec->frames, 65536, sizeof(uint64_t));
	end = fake_table(end, &rec->marks, 4096, sizeof(struct cp_mark));
	end = fake_table(end, &rec->moves, 4096 + CP_MOVES_MORE, sizeof(struct cp_move));
	return fake_table(end, &rec->names, 64, sizeof(struct cp_name));
}

#define FAKE_PERIOD UINT64_C(10000000)

/* Room for 64 Ki frames, 4096 rows, 256 modules, 64 KiB of strings; all kinds switched on, 100 Hz,
 * heap interval 512 KiB, /bin/fake as the program. Sealed. */
static CP_UNUSED void fake_new(struct fake *fake)
{
	static const struct cp_recording start = {
	    .magic = CP_MAGIC,
	    .abi = CP_ABI,
	    .header_size = sizeof(start),
	    .pid = 1234,
	    .cpu_period_ns = FAKE_PERIOD,
	    .heap_interval = 524288,
	    .exe = "/bin/fake",
	    .config = {.types = CP_TYPE_ALL, .sample_labels = CP_LABEL_ALL},
	    .strings_used = 1};
	struct cp_recording layout;
	memcpy(&layout, &start, sizeof(layout));
	layout.size = fake->size = (size_t)fake_lay_out(&layout);
	fake->fd = memfd_create("fake", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fake->fd < 0 || ftruncate(fake->fd, (off_t)fake->size))
		fake_die("memfd");
	if (fcntl(fake->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW))
		fake_die("seal");
	fake->rec = mmap(NULL, fake->size, PROT_READ | PROT_WRITE, MAP_SHARED, fake->fd, 0);
	if (fake->rec == MAP_FAILED)
		fake_die("mmap");
	memcpy(fake->rec, &layout, sizeof(layout));
}

static CP_UNUSED void fake_free(struct fake *fake)
{
	munmap(fake->rec, fake->size);
	close(fake->fd);
}

static CP_UNUSED struct cp_module *fake_module_at(struct fake *fake, uint32_t number)
{
	return (struct cp_module *)((char *)fake->rec + fake->rec->modules.at) + number;
}

static CP_UNUSED struct cp_row *fake_row_at(struct fake *fake, uint32_t number)
{
	return (struct cp_row *)((char *)fake->rec + fake->rec->rows.at) + number;
}

/* The module lies in the file where it lies in memory, beginning at offset 0 when bias is start. */
static CP_UNUSED uint32_t fake_module(struct fake *fake, const char *path, uint64_t start,
				      uint64_t end, uint64_t file_offset, uint64_t bias)
{
	struct cp_recording *rec = fake->rec;
	uint32_t number = rec->modules_used++;
	struct cp_module *module = fake_module_at(fake, number);
	module->start = start;
	module->end = end;
	module->file_offset = file_offset;
	module->bias = bias;
	module->path_at = rec->strings_used;
	snprintf((char *)rec + rec->strings.at + rec->strings_used, 4096, "%s", path);
	rec->strings_used += (uint32_t)strlen(path) + 1;
	module->epoch_to = UINT32_MAX;
	module->ready = 1;
	return number;
}

static CP_UNUSED void fake_build_id(struct fake *fake, uint32_t module, const void *id,
				    uint32_t len)
{
	fake_module_at(fake, module)->build_id_len = len;
	if (len)
		memcpy(fake_module_at(fake, module)->build_id, id, len);
}

static CP_UNUSED uint32_t fake_row(struct fake *fake, enum cp_kind kind, unsigned flags,
				   const uint64_t *frames, unsigned depth)
{
	struct cp_recording *rec = fake->rec;
	uint32_t number = rec->rows_used++;
	struct cp_row *row = fake_row_at(fake, number);
	uint64_t *pool = (uint64_t *)((char *)rec + rec->frames.at);
	pool[rec->frames_used++] = rec->epoch;
	row->frames_at = rec->frames_used;
	row->depth = (uint16_t)depth;
	row->flags = (uint8_t)flags;
	memcpy(pool + rec->frames_used, frames, depth * sizeof(*frames));
	rec->frames_used += depth;
	row->kind = (uint8_t)kind;
	return number;
}

static CP_UNUSED void fake_count(struct fake *fake, uint32_t row, unsigned counter, uint64_t by)
{
	fake_row_at(fake, row)->counts.n[counter] += by;
}

static CP_UNUSED uint32_t fake_note_id(const struct dl_phdr_info *info, const ElfW(Phdr) * header,
				       const void **id)
{
	const char *at = (const char *)(info->dlpi_addr + header->p_vaddr);
	const char *end = at + header->p_memsz;
	while (at + sizeof(ElfW(Nhdr)) <= end) {
		const ElfW(Nhdr) *note = (const void *)at;
		const char *name = at + sizeof(*note);
		*id = name + ((note->n_namesz + 3) & ~3u);
		if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
		    !memcmp(name, "GNU", 4))
			return note->n_descsz;
		at = (const char *)*id + ((note->n_descsz + 3) & ~3u);
	}
	return 0;
}

static CP_UNUSED int fake_object(struct dl_phdr_info *info, size_t size, void *opaque)
{
	const uint64_t page = 4095;
	const void *id = NULL;
	uint32_t len = 0;
	struct fake *fake = opaque;
	const char *path = info->dlpi_name[0] ? info->dlpi_name : fake->rec->exe;
	(void)size;
	for (int i = 0; i < info->dlpi_phnum && !len; i++)
		if (info->dlpi_phdr[i].p_type == PT_NOTE)
			len = fake_note_id(info, &info->dlpi_phdr[i], &id);
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *load = &info->dlpi_phdr[i];
		uint64_t start = info->dlpi_addr + load->p_vaddr;
		uint64_t end = (start + load->p_memsz + page) & ~page;
		if (load->p_type == PT_LOAD && (load->p_flags & PF_X))
			fake_build_id(fake,
				      fake_module(fake, strstr(path, "vdso") ? "[vdso]" : path,
						  start & ~page, end, load->p_offset & ~page,
						  info->dlpi_addr),
				      id, len);
	}
	return 0;
}

/* Adds the executable segments of this very process, with their build-ids, as a target would. */
static CP_UNUSED void fake_own_modules(struct fake *fake)
{
	ssize_t len = readlink("/proc/self/exe", fake->rec->exe, sizeof(fake->rec->exe) - 1);
	if (len < 0)
		fake_die("exe");
	fake->rec->exe[len] = 0;
	dl_iterate_phdr(fake_object, fake);
}
