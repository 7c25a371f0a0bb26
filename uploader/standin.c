/* standin.c - a recording for a process that sleeps: it has said hello, and had no event since. */
/* SPDX-License-Identifier: MIT */
#include "uploader/standin.h"

#include <elf.h>
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "encoder/elffile.h"

#define PAGE	UINT64_C(4096)
#define STRINGS UINT64_C(4096)

/* A file of a process under /proc, as text. Its length or -errno. */
static ssize_t read_of(pid_t pid, const char *name, void *to, size_t room)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, to, room);
	close(fd);
	return n < 0 ? -errno : n;
}

static void text_of(pid_t pid, const char *name, char *to, size_t room)
{
	ssize_t n = read_of(pid, name, to, room - 1);
	to[n > 0 ? n : 0] = '\0';
}

static int link_of(pid_t pid, const char *name, char *to, size_t room)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	ssize_t n = readlink(path, to, room - 1);
	to[n > 0 ? n : 0] = '\0';
	return n > 0 ? 0 : -ESRCH;
}

/* Where the program begins; 0 if that can't be known. */
static uint64_t entry_of(pid_t pid)
{
	Elf64_auxv_t all[64] = {{.a_type = AT_NULL}};
	ssize_t n = read_of(pid, "auxv", all, sizeof all);
	for (ssize_t i = 0; i < n / (ssize_t)sizeof *all; i++)
		if (all[i].a_type == AT_ENTRY)
			return all[i].a_un.a_val;
	return 0;
}

/* The bias and build-id of a program that begins there. */
static int identify(pid_t pid, uint64_t entry, struct cp_module *module)
{
	char path[64];
	struct cp_elf file;
	const void *id = NULL;
	GElf_Ehdr header;
	snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
	if (cp_elf_open(path, &file))
		return -ESRCH;
	ssize_t len = dwelf_elf_gnu_build_id(file.elf, &id);
	if (len > 0 && (size_t)len <= sizeof module->build_id) {
		memcpy(module->build_id, id, (size_t)len);
		module->build_id_len = (uint32_t)len;
	}
	int error = gelf_getehdr(file.elf, &header) ? 0 : -ESRCH;
	module->bias = error ? 0 : entry - header.e_entry;
	cp_elf_close(&file);
	return error;
}

/* The mapping that holds this address, as the library would note it. */
static int module_of(pid_t pid, uint64_t entry, struct cp_module *module)
{
	char path[64], line[1200];
	snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
	FILE *maps = fopen(path, "re");
	int found = 0;
	while (maps && !found && fgets(line, sizeof line, maps)) {
		unsigned long long start, end, offset;
		if (sscanf(line, "%llx-%llx %*s %llx", &start, &end, &offset) != 3)
			continue;
		module->start = start;
		module->end = end;
		module->file_offset = offset;
		found = entry >= start && entry < end;
	}
	if (maps)
		fclose(maps);
	if (!found || identify(pid, entry, module))
		return -ESRCH;
	module->path_at = 1;
	atomic_store_explicit(&module->epoch_to, UINT32_MAX, memory_order_relaxed);
	atomic_store_explicit(&module->ready, 1, memory_order_relaxed);
	return 0;
}

static struct cp_table place(uint64_t *end, uint64_t max, uint64_t entry)
{
	struct cp_table table = {.at = *end, .max = max};
	*end = (*end + max * entry + 63) & ~UINT64_C(63);
	return table;
}

static void lay_out(struct cp_recording *rec)
{
	uint64_t end = (sizeof *rec + 63) & ~UINT64_C(63);
	rec->strings = place(&end, STRINGS, 1);
	rec->modules = place(&end, 1, sizeof(struct cp_module));
	rec->threads = place(&end, 1, sizeof(struct cp_thread_slot));
	rec->rows = place(&end, 1, sizeof(struct cp_row));
	rec->index = place(&end, 1, sizeof(uint64_t));
	rec->frames = place(&end, 2, sizeof(uint64_t));
	rec->marks = place(&end, 1, sizeof(struct cp_mark));
	rec->moves = place(&end, 1 + CP_MOVES_MORE, sizeof(struct cp_move));
	rec->names = place(&end, 1, sizeof(struct cp_name));
	rec->size = (end + PAGE - 1) & ~(PAGE - 1);
}

static void *table_at(struct cp_recording *rec, const struct cp_table *table)
{
	return (char *)rec + table->at;
}

/* One module, and one row: the first thread, whose stack is the program's entry. */
static void fill(struct cp_recording *rec, const struct cp_module *module, uint64_t entry)
{
	struct cp_thread_slot *slot = table_at(rec, &rec->threads);
	struct cp_row *row = table_at(rec, &rec->rows);
	uint64_t *frames = table_at(rec, &rec->frames);
	*(struct cp_module *)table_at(rec, &rec->modules) = *module;
	memcpy((char *)table_at(rec, &rec->strings) + 1, rec->exe, sizeof rec->exe);
	frames[1] = entry;
	row->frames_at = 1;
	row->depth = 1;
	row->flags = CP_ROW_LEAF_IS_PC;
	row->kind = CP_KIND_THREAD;
	row->counts.n[CP_THREADS_MADE] = 1;
	slot->tid = rec->pid;
	slot->state = CP_THREAD_ALIVE;
	rec->strings_used = (uint32_t)strlen(rec->exe) + 2;
	rec->modules_used = rec->threads_used = 1;
	rec->rows_used = rec->config.types & CP_TYPE_THREAD ? 1 : 0;
	rec->frames_used = 2;
}

/* Sealed, as a process's own must be. -errno. */
static int write_out(struct cp_recording *head, const struct cp_module *module, uint64_t entry)
{
	int fd = memfd_create("conprof", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	lay_out(head);
	if (fd < 0)
		return -errno;
	struct cp_recording *rec = MAP_FAILED;
	if (!ftruncate(fd, (off_t)head->size) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		rec = mmap(NULL, head->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (rec == MAP_FAILED) {
		int error = -errno;
		close(fd);
		return error;
	}
	memcpy(rec, head, sizeof *head);
	fill(rec, module, entry);
	munmap(rec, head->size);
	return fd;
}

int cp_standin_make(pid_t pid, uint64_t start_ns, const struct cp_recording *like)
{
	struct cp_recording head = {.magic = CP_MAGIC,
				    .abi = CP_ABI,
				    .header_size = sizeof head,
				    .pid = pid,
				    .uid = like->uid,
				    .start_monotonic_ns = start_ns,
				    .cpu_period_ns = like->cpu_period_ns,
				    .heap_interval = like->heap_interval,
				    .config = like->config};
	struct cp_module module = {.start = 0};
	uint64_t entry = entry_of(pid);
	if (!entry || link_of(pid, "exe", head.exe, sizeof head.exe) ||
	    module_of(pid, entry, &module))
		return -ESRCH;
	link_of(pid, "cwd", head.cwd, sizeof head.cwd);
	text_of(pid, "cmdline", head.argv0, sizeof head.argv0);
	text_of(pid, "cgroup", head.cgroup, sizeof head.cgroup);
	return write_out(&head, &module, entry);
}
