/* elffile.h - ELF files: one that is open, and those that tell names and lines of a module. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/config.h"

struct cp_origin;
struct cp_search;

/* Which file is meant. A file that has another build-id than was recorded is never used; one that
 * has none, as the recording says, only when it is the one that was mapped. */
struct cp_module_id {
	const char *path; /* absolute, or "[vdso]" */
	const uint8_t *build_id;
	uint32_t build_id_len;
	bool is_main;
	pid_t pid;		  /* whose root and executable are tried too; 0: nobody's */
	struct cp_origin *origin; /* the same, held; NULL: not held */
	uint64_t start;		  /* an address of its code in that process; 0: not known */
	enum cp_demangling how;	  /* its names are wanted */
};

/* elf NULL: nothing there. */
struct cp_elf {
	Elf *elf;
	int fd;
	int guard;
	void *memory;		/* what was unpacked for it, and is freed with it */
	struct cp_origin *root; /* in whose root its path leads to it; NULL: in ours */
	char path[4400];
};

/* 0, or -1. Only regular files of sane size that are ELF for a machine of 64 bits. */
int cp_elf_open(const char *path, struct cp_elf *file);
/* Takes the descriptor over, whatever comes of it; the path is only remembered. */
int cp_elf_open_fd(int fd, const char *path, struct cp_elf *file);
/* The path in the root of that process; the caller will know whether it is the right file. */
int cp_elf_open_in(struct cp_origin *origin, const char *path, struct cp_elf *file);
/* Remembers that its path is meant so. */
void cp_elf_set_root(struct cp_elf *file, struct cp_origin *origin);
/* Of malloc'ed memory, which it takes over, whatever comes of it. */
int cp_elf_open_memory(void *memory, size_t size, struct cp_elf *file);
void cp_elf_close(struct cp_elf *file);
/* Whether it is that of the module, by build-id: none in both is the same, too. */
bool cp_elf_fits(const struct cp_elf *file, const struct cp_module_id *id);
/* Whether it has the symbols of everything, not only those that it shows to others. */
bool cp_elf_has_symbols(const struct cp_elf *file);
/* Whether a part of it was gone when it was read: what it said is not to be believed. */
bool cp_elf_is_damaged(const struct cp_elf *file);

/* modulefile.c: the module's own file. */
int cp_elf_module(const struct cp_module_id *id, struct cp_elf *file);
/* What two modules must have in common to be the same: the build-id; else the path, and the file
 * that this process has there. Its length, at most room. */
size_t cp_elf_key(const struct cp_module_id *id, char *key, size_t room);

/* debugfile.c: the separate debug file of a module whose own file (elf may be NULL) does not say
 * all by itself. search NULL: only the usual places. */
int cp_elf_debug(const struct cp_module_id *id, const struct cp_elf *own,
		 const struct cp_search *search, struct cp_elf *file);

/* minidebug.c: the symbols that Fedora keeps in its stripped files, packed (.gnu_debugdata). */
int cp_elf_mini(const struct cp_elf *own, struct cp_elf *file);
