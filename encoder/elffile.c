/* elffile.c - an ELF file that is open, read as memory. */
/* SPDX-License-Identifier: MIT */
#include "encoder/elffile.h"

#include <elf.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "encoder/guard.h"
#include "encoder/origin.h"

/* A mapping takes address space alone; what is read of it is the kernel's to take back. */
#define CP_ELF_SIZE_MAX (INT64_C(1) << 38)

static void forget(struct cp_elf *file)
{
	file->elf = NULL;
	file->fd = -1;
	file->guard = -1;
	file->memory = NULL;
	file->root = NULL;
	file->path[0] = 0;
}

void cp_elf_close(struct cp_elf *file)
{
	if (file->elf) {
		cp_guard_remove(file->guard);
		elf_end(file->elf);
		if (file->fd >= 0)
			close(file->fd);
		free(file->memory);
		cp_origin_drop(file->root);
	}
	forget(file);
}

static bool is_usable(Elf *elf)
{
	GElf_Ehdr header;
	return elf && elf_kind(elf) == ELF_K_ELF && gelf_getclass(elf) == ELFCLASS64 &&
	       gelf_getehdr(elf, &header);
}

/* Where a file can not be mapped, libelf would read all of it into memory. */
static bool can_be_mapped(int fd, off_t size)
{
	void *map = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	return map != MAP_FAILED && !munmap(map, (size_t)size);
}

/* From here on libelf reads through the mapping, so it is watched from the first byte on. */
static Elf *begin(int fd, int *guard)
{
	struct stat st;
	size_t size = 0;
	elf_version(EV_CURRENT);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(Elf64_Ehdr) ||
	    st.st_size > CP_ELF_SIZE_MAX || !can_be_mapped(fd, st.st_size))
		return NULL;
	cp_guard_enter();
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (is_usable(elf)) {
		const char *map = elf_rawfile(elf, &size);
		*guard = cp_guard_add(map, map ? size : 0);
		if (map && size && *guard < 0) { /* too many at once to look after */
			elf_end(elf);
			elf = NULL;
		}
	} else {
		elf_end(elf);
		elf = NULL;
	}
	cp_guard_leave();
	return elf;
}

int cp_elf_open_fd(int fd, const char *path, struct cp_elf *file)
{
	forget(file);
	if (fd < 0)
		return -1;
	file->elf = begin(fd, &file->guard);
	if (!file->elf) {
		close(fd);
		return -1;
	}
	file->fd = fd;
	snprintf(file->path, sizeof(file->path), "%s", path);
	return 0;
}

int cp_elf_open(const char *path, struct cp_elf *file)
{
	return cp_elf_open_fd(cp_origin_open_ours(path), path, file);
}

void cp_elf_set_root(struct cp_elf *file, struct cp_origin *origin)
{
	file->root = cp_origin_has_root(origin) ? cp_origin_use(origin) : NULL;
}

int cp_elf_open_in(struct cp_origin *origin, const char *path, struct cp_elf *file)
{
	if (cp_elf_open_fd(cp_origin_open(origin, path, true), path, file))
		return -1;
	cp_elf_set_root(file, origin);
	return 0;
}

int cp_elf_open_memory(void *memory, size_t size, struct cp_elf *file)
{
	forget(file);
	elf_version(EV_CURRENT);
	file->elf = elf_memory(memory, size);
	file->memory = memory;
	if (is_usable(file->elf))
		return 0;
	elf_end(file->elf);
	free(memory);
	forget(file);
	return -1;
}

bool cp_elf_fits(const struct cp_elf *file, const struct cp_module_id *id)
{
	const void *found = NULL;
	cp_guard_enter();
	ssize_t len = dwelf_elf_gnu_build_id(file->elf, &found);
	bool same = id->build_id_len ? len == (ssize_t)id->build_id_len &&
					   !memcmp(found, id->build_id, id->build_id_len)
				     : len <= 0;
	cp_guard_leave();
	return same;
}

bool cp_elf_is_damaged(const struct cp_elf *file)
{
	return file->elf && cp_guard_is_damaged(file->guard);
}

bool cp_elf_has_symbols(const struct cp_elf *file)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	bool found = false;
	cp_guard_enter();
	while (file->elf && !found && (section = elf_nextscn(file->elf, section)))
		found = gelf_getshdr(section, &header) && header.sh_type == SHT_SYMTAB;
	cp_guard_leave();
	return found;
}
