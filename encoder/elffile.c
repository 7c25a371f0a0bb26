/* elffile.c - finds the ELF files that tell names and lines of a mapped module. */
/* SPDX-License-Identifier: MIT */
#include "encoder/elffile.h"

#include <elf.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* libelf maps a whole file; larger ones are damage or not worth the address space. */
#define CP_ELF_SIZE_MAX (INT64_C(2) << 30)
/* The kernel's own image is two or three pages. */
#define CP_VDSO_SIZE_MAX (UINT64_C(1) << 20)

void cp_elf_close(struct cp_elf *file)
{
	if (file->elf) {
		elf_end(file->elf);
		if (file->fd >= 0)
			close(file->fd);
	}
	file->elf = NULL;
	file->fd = -1;
}

static bool is_usable(Elf *elf)
{
	GElf_Ehdr header;
	return elf && elf_kind(elf) == ELF_K_ELF && gelf_getclass(elf) == ELFCLASS64 &&
	       gelf_getehdr(elf, &header);
}

int cp_elf_open(const char *path, struct cp_elf *file)
{
	struct stat st;
	file->elf = NULL;
	/* O_NONBLOCK: a pipe that lies under a library's name must not hold us. */
	file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (file->fd < 0)
		return -1;
	elf_version(EV_CURRENT);
	if (!fstat(file->fd, &st) && S_ISREG(st.st_mode) && st.st_size <= CP_ELF_SIZE_MAX)
		file->elf = elf_begin(file->fd, ELF_C_READ_MMAP, NULL);
	if (!is_usable(file->elf)) {
		elf_end(file->elf);
		close(file->fd);
		file->elf = NULL;
		file->fd = -1;
		return -1;
	}
	snprintf(file->path, sizeof(file->path), "%s", path);
	return 0;
}

static bool fits(Elf *elf, const struct cp_module_id *id)
{
	const void *found = NULL;
	ssize_t len = dwelf_elf_gnu_build_id(elf, &found);
	if (!id->build_id_len)
		return len <= 0;
	return len == (ssize_t)id->build_id_len && !memcmp(found, id->build_id, id->build_id_len);
}

static int open_fitting(const char *path, const struct cp_module_id *id, struct cp_elf *file)
{
	if (cp_elf_open(path, file))
		return -1;
	if (fits(file->elf, id))
		return 0;
	cp_elf_close(file);
	return -1;
}

/* The vdso is in no file, but the kernel gave us the same one. */
static int open_vdso(const struct cp_module_id *id, struct cp_elf *file)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
	file->elf = NULL;
	file->fd = -1;
	if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return -1;
	uint64_t size = header->e_shoff + (uint64_t)header->e_shnum * header->e_shentsize;
	if (size > CP_VDSO_SIZE_MAX)
		return -1;
	elf_version(EV_CURRENT);
	file->elf = elf_memory((char *)(uintptr_t)header, size);
	if (is_usable(file->elf) && fits(file->elf, id))
		return 0;
	cp_elf_close(file);
	return -1;
}

int cp_elf_module(const struct cp_module_id *id, struct cp_elf *file)
{
	char path[sizeof(file->path)];
	if (!strcmp(id->path, "[vdso]"))
		return open_vdso(id, file);
	file->elf = NULL;
	file->fd = -1;
	if (id->path[0] != '/')
		return -1;
	/* Without a build-id the process's own root is the better guess. */
	if (id->build_id_len && !open_fitting(id->path, id, file))
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/root%s", (int)id->pid, id->path);
	if (id->pid > 0 && !open_fitting(path, id, file))
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)id->pid);
	if (id->pid > 0 && id->is_main && !open_fitting(path, id, file))
		return 0;
	return id->build_id_len ? -1 : open_fitting(id->path, id, file);
}

static int by_build_id(const struct cp_module_id *id, struct cp_elf *file)
{
	char name[128] = "", path[sizeof(file->path)];
	if (id->build_id_len < 2)
		return -1;
	for (size_t i = 0, at = 0; i < id->build_id_len && i < 36; i++)
		at += (size_t)snprintf(name + at, sizeof(name) - at, i ? "%02x" : "%02x/",
				       id->build_id[i]);
	snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%s.debug", name);
	if (!open_fitting(path, id, file))
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/root/usr/lib/debug/.build-id/%s.debug", (int)id->pid,
		 name);
	return id->pid > 0 ? open_fitting(path, id, file) : -1;
}

/* The older way to tie a debug file to its program: a checksum over the whole of it. */
static bool has_checksum(const struct cp_elf *file, uint32_t wanted)
{
	size_t size = 0;
	const char *image = elf_rawfile(file->elf, &size);
	uLong sum = crc32_z(0, (const Bytef *)image, image ? size : 0);
	return image && (uint32_t)sum == wanted;
}

static int open_linked(const char *path, const struct cp_module_id *id, uint32_t sum,
		       struct cp_elf *file)
{
	if (cp_elf_open(path, file))
		return -1;
	if (id->build_id_len ? fits(file->elf, id) : has_checksum(file, sum))
		return 0;
	cp_elf_close(file);
	return -1;
}

static int by_debuglink(const struct cp_module_id *id, const struct cp_elf *own,
			struct cp_elf *file)
{
	static const char *const places[] = {"%.*s/%s", "%.*s/.debug/%s", "/usr/lib/debug%.*s/%s"};
	GElf_Word sum = 0;
	const char *name = own->elf ? dwelf_elf_gnu_debuglink(own->elf, &sum) : NULL;
	const char *slash = strrchr(own->path, '/');
	if (!name || !*name || strchr(name, '/') || !slash || strlen(name) > 255)
		return -1;
	int dir = (int)(slash - own->path);
	char path[sizeof(file->path)];
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* three literals above */
		int len = snprintf(path, sizeof(path), places[i], dir, own->path, name);
#pragma GCC diagnostic pop
		if (len < (int)sizeof(path) && strcmp(path, own->path) != 0 &&
		    !open_linked(path, id, sum, file))
			return 0;
	}
	return -1;
}

int cp_elf_debug(const struct cp_module_id *id, const struct cp_elf *own, struct cp_elf *file)
{
	file->elf = NULL;
	file->fd = -1;
	if (!strcmp(id->path, "[vdso]"))
		return -1;
	return by_build_id(id, file) && by_debuglink(id, own, file) ? -1 : 0;
}
