/* debugfile.c - finds the separate debug file of a module: by build-id, by .gnu_debuglink. */
/* SPDX-License-Identifier: MIT */
#include <elfutils/libdwelf.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "encoder/debuginfod.h"
#include "encoder/elffile.h"
#include "encoder/guard.h"
#include "encoder/origin.h"
#include "encoder/search.h"

#define CP_DEBUG_DIR "/usr/lib/debug"
/* A file without a build-id that is larger takes too long to be checked. */
#define CP_CHECKED_MAX ((off_t)2 << 30)

/* What is looked for, and in which of the two roots. */
struct quest {
	const struct cp_module_id *id;
	const struct cp_elf *own;
	const struct cp_search *search;
	struct cp_origin *root; /* NULL: ours */
	const char *link;	/* the name that the module gives */
	uint32_t checksum;
};

/* The older way to tie a debug file to its program: a checksum over the whole of it. Read, not
 * mapped: all of it would be ours until somebody needs the memory. */
static bool has_checksum(const struct cp_elf *file, uint32_t wanted)
{
	unsigned char piece[65536];
	uLong sum = crc32_z(0, NULL, 0);
	ssize_t len;
	off_t at = 0;
	while (at < CP_CHECKED_MAX && (len = pread(file->fd, piece, sizeof(piece), at)) > 0) {
		sum = crc32_z(sum, piece, (size_t)len);
		at += len;
	}
	return at < CP_CHECKED_MAX && (uint32_t)sum == wanted;
}

static int try_path(const struct quest *quest, const char *path, struct cp_elf *file)
{
	const struct cp_module_id *id = quest->id;
	if (!strcmp(path, quest->own->path) || cp_elf_open_in(quest->root, path, file))
		return -1;
	if (id->build_id_len ? cp_elf_fits(file, id) : has_checksum(file, quest->checksum))
		return 0;
	cp_elf_close(file);
	return -1;
}

/* The i-th folder of debug files; 0: there is none. */
static size_t debug_dir(const struct cp_search *search, int i, const char **dir)
{
	const char *at = search ? search->dirs : "";
	for (; *at; at += *at == ':') {
		size_t len = strcspn(at, ":");
		if (len && !i--) {
			*dir = at;
			return len;
		}
		at += len;
	}
	*dir = CP_DEBUG_DIR;
	return i ? 0 : strlen(CP_DEBUG_DIR);
}

static int by_build_id(const struct quest *quest, struct cp_elf *file)
{
	const struct cp_module_id *id = quest->id;
	char name[128] = "", path[PATH_MAX];
	const char *dir;
	size_t len;
	if (id->build_id_len < 2)
		return -1;
	for (size_t i = 0, at = 0; i < id->build_id_len && i < 36; i++)
		at += (size_t)snprintf(name + at, sizeof(name) - at, i ? "%02x" : "%02x/",
				       id->build_id[i]);
	for (int i = 0; (len = debug_dir(quest->search, i, &dir)); i++) {
		snprintf(path, sizeof(path), "%.*s/.build-id/%s.debug", (int)len, dir, name);
		if (!try_path(quest, path, file))
			return 0;
	}
	return -1;
}

/* Beside the module, in .debug beside it, and under its folder's name in each folder of debug
 * files: where gdb looks. */
static int near_folder(const struct quest *quest, const char *module, struct cp_elf *file)
{
	char path[PATH_MAX];
	const char *slash = strrchr(module, '/'), *dir;
	size_t len;
	if (!slash)
		return -1;
	int own = (int)(slash - module);
	if (snprintf(path, sizeof(path), "%.*s/%s", own, module, quest->link) < PATH_MAX &&
	    !try_path(quest, path, file))
		return 0;
	if (snprintf(path, sizeof(path), "%.*s/.debug/%s", own, module, quest->link) < PATH_MAX &&
	    !try_path(quest, path, file))
		return 0;
	for (int i = 0; (len = debug_dir(quest->search, i, &dir)); i++)
		if (snprintf(path, sizeof(path), "%.*s%.*s/%s", (int)len, dir, own, module,
			     quest->link) < PATH_MAX &&
		    !try_path(quest, path, file))
			return 0;
	return -1;
}

/* The folder by the name that the program used, then by that which no link leads to. */
static int by_debuglink(const struct quest *quest, struct cp_elf *file)
{
	char link[64], real[PATH_MAX];
	if (!quest->link || !*quest->link || strchr(quest->link, '/') ||
	    strlen(quest->link) > NAME_MAX)
		return -1;
	if (!near_folder(quest, quest->own->path, file))
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", quest->own->fd);
	ssize_t len = quest->root ? -1 : readlink(link, real, sizeof(real) - 1);
	if (len <= 0)
		return -1;
	real[len] = 0;
	return strcmp(real, quest->own->path) ? near_folder(quest, real, file) : -1;
}

static int in_root(struct quest *quest, struct cp_origin *root, struct cp_elf *file)
{
	quest->root = root;
	return by_build_id(quest, file) && by_debuglink(quest, file) ? -1 : 0;
}

int cp_elf_debug(const struct cp_module_id *id, const struct cp_elf *own,
		 const struct cp_search *search, struct cp_elf *file)
{
	struct cp_origin *mine = NULL, *origin = id->origin;
	GElf_Word sum = 0;
	*file = (struct cp_elf){.fd = -1, .guard = -1};
	if (!strcmp(id->path, "[vdso]"))
		return -1;
	cp_guard_enter();
	const char *link = own->elf ? dwelf_elf_gnu_debuglink(own->elf, &sum) : NULL;
	cp_guard_leave();
	struct quest quest = {id, own, search, NULL, link, sum};
	if (!origin && id->pid > 0)
		origin = mine = cp_origin_new(id->pid, false);
	int error = cp_origin_has_root(origin) ? in_root(&quest, origin, file) : -1;
	if (error)
		error = in_root(&quest, NULL, file);
	cp_origin_drop(mine);
	if (error && search && search->debuginfod)
		error = cp_debuginfod_open(search->debuginfod, id, file);
	return error;
}
