/* modulefile.c - finds the file that a module was mapped from, and none that came in its place. */
/* SPDX-License-Identifier: MIT */
#include <elf.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "encoder/elffile.h"
#include "encoder/origin.h"

/* The kernel's own image is two or three pages. */
#define CP_VDSO_SIZE_MAX (UINT64_C(1) << 20)

/* The vdso is in no file, but the kernel gave us the same one. */
static int open_vdso(const struct cp_module_id *id, struct cp_elf *file)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
	if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return -1;
	uint64_t size = header->e_shoff + (uint64_t)header->e_shnum * header->e_shentsize;
	void *copy = size <= CP_VDSO_SIZE_MAX ? malloc(size) : NULL;
	if (!copy)
		return -1;
	memcpy(copy, header, size);
	if (cp_elf_open_memory(copy, size, file))
		return -1;
	if (cp_elf_fits(file, id))
		return 0;
	cp_elf_close(file);
	return -1;
}

/* What lies beside it is looked for where its process finds it. */
static int open_fitting(int fd, const struct cp_module_id *id, struct cp_origin *origin,
			struct cp_elf *file)
{
	if (cp_elf_open_fd(fd, id->path, file))
		return -1;
	cp_elf_set_root(file, origin);
	if (cp_elf_fits(file, id))
		return 0;
	cp_elf_close(file);
	return -1;
}

static int by_path(const struct cp_module_id *id, struct cp_origin *origin, const char *path,
		   struct cp_elf *file)
{
	return open_fitting(cp_origin_open(origin, path, id->build_id_len > 0), id, origin, file);
}

/* A file that has been renamed, or deleted, since it was mapped. */
static int as_mapped(const struct cp_module_id *id, struct cp_origin *origin,
		     const struct cp_mapped *mapped, struct cp_elf *file)
{
	if (!mapped->deleted && !by_path(id, origin, mapped->path, file))
		return 0;
	return open_fitting(cp_origin_open_mapped(origin, mapped), id, origin, file);
}

/* With a build-id the file itself says whether it is the right one: so look wherever it may be. */
static int with_build_id(const struct cp_module_id *id, struct cp_origin *origin,
			 struct cp_elf *file)
{
	struct cp_mapped mapped;
	if (id->is_main && !open_fitting(cp_origin_exe(origin, NULL), id, origin, file))
		return 0;
	if (!by_path(id, origin, id->path, file))
		return 0;
	if (cp_origin_has_root(origin) && !by_path(id, NULL, id->path, file))
		return 0;
	return cp_origin_mapped(origin, id->start, &mapped) ? -1
							    : as_mapped(id, origin, &mapped, file);
}

/* By more than clocks may differ. */
static bool is_older(const struct stat *st, const struct cp_origin *origin)
{
	const uint64_t second = 1000000000;
	return ((uint64_t)st->st_ctim.tv_sec + 1) * second + (uint64_t)st->st_ctim.tv_nsec <
	       origin->start_ns;
}

/* Whatever came to this name later than the process began, by rename or by writing, is another
 * file. (What it built for itself and then loaded is taken for such a one, too.) */
static int if_not_younger(const struct cp_module_id *id, struct cp_origin *origin,
			  struct cp_elf *file)
{
	struct stat st;
	if (by_path(id, origin, id->path, file))
		return -1;
	if (!origin || (!fstat(file->fd, &st) && is_older(&st, origin)))
		return 0;
	cp_elf_close(file);
	return -1;
}

/* Without one, only what is known to be the mapped file can be believed. */
static int without_build_id(const struct cp_module_id *id, struct cp_origin *origin,
			    struct cp_elf *file)
{
	struct cp_mapped mapped;
	if (id->is_main && !open_fitting(cp_origin_exe(origin, NULL), id, origin, file))
		return 0;
	if (cp_origin_mapped(origin, id->start, &mapped))
		return if_not_younger(id, origin, file);
	return as_mapped(id, origin, &mapped, file);
}

int cp_elf_module(const struct cp_module_id *id, struct cp_elf *file)
{
	static const struct cp_elf none = {.fd = -1, .guard = -1};
	memcpy(file, &none, offsetof(struct cp_elf, path) + 1);
	if (!strcmp(id->path, "[vdso]"))
		return open_vdso(id, file);
	if (id->path[0] != '/')
		return -1;
	struct cp_origin *own = NULL;
	struct cp_origin *origin = id->origin;
	if (!origin && id->pid > 0)
		origin = own = cp_origin_new(id->pid, false);
	int error =
	    id->build_id_len ? with_build_id(id, origin, file) : without_build_id(id, origin, file);
	cp_origin_drop(own);
	return error;
}

/* Which file this process has there, when no build-id says it. */
static void identify(const struct cp_module_id *id, const struct cp_origin *origin, char *text,
		     size_t room)
{
	struct cp_mapped mapped = {0};
	struct stat st = {0};
	int fd = id->is_main ? cp_origin_exe(origin, &mapped.id) : -1;
	bool known = fd >= 0 || !cp_origin_mapped(origin, id->start, &mapped);
	if (fd < 0)
		fd = cp_origin_open(origin, id->path, false);
	bool old = fd >= 0 && !fstat(fd, &st) && origin && is_older(&st, origin);
	if (fd >= 0)
		close(fd);
	snprintf(text, room, "%d%d%d %llx %llx %llx %llx %llx %llx.%09ld", known, mapped.deleted,
		 old, (unsigned long long)mapped.id.device, (unsigned long long)mapped.id.inode,
		 (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
		 (unsigned long long)st.st_size, (unsigned long long)st.st_mtim.tv_sec,
		 (long)st.st_mtim.tv_nsec);
}

size_t cp_elf_key(const struct cp_module_id *id, char *key, size_t room)
{
	char text[256];
	struct cp_origin *own = NULL;
	if (id->build_id_len && id->build_id_len <= room) {
		memcpy(key, id->build_id, id->build_id_len);
		return id->build_id_len;
	}
	if (!id->origin && id->pid > 0)
		own = cp_origin_new(id->pid, false);
	identify(id, own ? own : id->origin, text, sizeof(text));
	cp_origin_drop(own);
	int len = snprintf(key, room, "%s %s", text, id->path);
	return len < (int)room ? (size_t)len : room - 1;
}
