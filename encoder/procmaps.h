/* procmaps.h - code that a process has mapped from files without telling the loader. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CP_PROCMAPS_MAX 256

struct cp_procmap {
	uint64_t start, end, offset; /* of start, in the file */
	char *path;
};

/* All zero is empty. */
struct cp_procmaps {
	struct cp_procmap *maps; /* executable parts of files that are mapped more than once */
	size_t count;
};

/* Reads /proc/PID/maps; what was mapped at an earlier time, and is no more, stays. */
void cp_procmaps_read(struct cp_procmaps *maps, pid_t pid);
/* The same from that file, which is open. */
void cp_procmaps_take(struct cp_procmaps *maps, int fd);
/* The one that holds the address, or NULL. */
const struct cp_procmap *cp_procmaps_find(const struct cp_procmaps *maps, uint64_t address);
void cp_procmaps_free(struct cp_procmaps *maps);
