/* elffile.h - finds the ELF files that tell names and lines of a mapped module. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/config.h"

/* Which file is meant. A file that has another build-id than was recorded is never used. */
struct cp_module_id {
	const char *path; /* absolute, or "[vdso]" */
	const uint8_t *build_id;
	uint32_t build_id_len;
	bool is_main;
	pid_t pid;		/* whose root and executable are tried too; 0: nobody's */
	enum cp_demangling how; /* its names are wanted */
};

/* elf NULL: nothing there. */
struct cp_elf {
	Elf *elf;
	int fd;
	char path[4400];
};

/* 0, or -1. Only regular files of sane size that are ELF for a machine of 64 bits. */
int cp_elf_open(const char *path, struct cp_elf *file);
int cp_elf_module(const struct cp_module_id *id, struct cp_elf *file);
/* The separate debug file of a module whose own file (elf may be NULL) has none inside. */
int cp_elf_debug(const struct cp_module_id *id, const struct cp_elf *own, struct cp_elf *file);
void cp_elf_close(struct cp_elf *file);
