/* perfmap.h - names of code that a process makes as it runs, from its /tmp/perf-PID.map. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

#include "encoder/codemap.h"
#include "encoder/encoder.h"
#include "encoder/procmaps.h"

/* A longer name is cut. */
#define CP_CODE_NAME_MAX 1024u

struct cp_perfmap {
	pid_t pid;	/* as we see it */
	pid_t own_pid;	/* as it sees itself: the number in the file's name */
	uint64_t since; /* realtime in ns: an older file was left by another process */
	int fd;		/* -1: there was none yet */
	bool replaced;	/* by exec */
	bool read;	/* since cp_perfmap_begin */
	bool skipping;	/* inside a line that is too long */
	unsigned looks;
	struct cp_procmaps mapped; /* from files, as the kernel knows it */
	uint64_t offset;	   /* of the first byte not yet read */
	char tail[256]; /* the bytes before it: a file that was written anew differs here */
	size_t tail_len;
	struct cp_codemap codes;
	size_t *room; /* ranges that this and the family's other maps may still take */
	struct cp_perfmap_counts counts;
	struct cp_perfmap *parent; /* whose code this forked process has, too; NULL */
	uint64_t parent_end;	   /* what the parent wrote from here on is not this one's */
	unsigned refs;
};

/* A look at the files is taken at the first question after this. */
void cp_perfmap_begin(struct cp_perfmap *map);
/* The file that the process has mapped there by itself, or NULL. */
const struct cp_procmap *cp_perfmap_file(struct cp_perfmap *map, uint64_t address);
/* The name of the code at the address, as it was written, and where that code begins. */
bool cp_perfmap_find(struct cp_perfmap *map, uint64_t address, char name[CP_CODE_NAME_MAX],
		     uint64_t *start);
