/* origin.h - where a process's files are to be looked for: its root, its executable, its memory. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A descriptor that several processes share: of one root, of one executable. */
struct cp_held;

/* Taken when a process joins, kept until the last profile with its addresses is made: a container's
 * root, and an executable that was deleted, are reached when the process is gone. */
struct cp_origin {
	uint32_t users;
	pid_t pid;	      /* 0: it is gone, and its number may be another's */
	uint64_t start_ns;    /* of the process, realtime; 0: what it has mapped may be older */
	struct cp_held *root; /* NULL: the same as ours, or not to be had */
	struct cp_held *exe;  /* NULL: not to be had */
};

/* NULL when memory is out. One user. forked: it has its parent's mappings. */
struct cp_origin *cp_origin_new(pid_t pid, bool forked);
/* One user more; NULL is allowed in all that follow. */
struct cp_origin *cp_origin_use(struct cp_origin *origin);
void cp_origin_drop(struct cp_origin *origin);
/* The process is over. */
void cp_origin_ended(struct cp_origin *origin);

/* The executable that runs: a descriptor of the caller's own, or -1. id receives, when it is not
 * NULL, what tells it from any other file: its device and inode. */
struct cp_file_id {
	uint64_t device, inode;
};
int cp_origin_exe(const struct cp_origin *origin, struct cp_file_id *id);
/* The id alone, when it is known. */
void cp_origin_exe_id(const struct cp_origin *origin, struct cp_file_id *id);
/* Whether files of the process lie elsewhere than ours of the same path. */
bool cp_origin_has_root(const struct cp_origin *origin);
/* Opens a file by its path in the process's root, out of which no link leads; -1: there is none.
 * checked: the caller will know whether it is the right one, whatever was opened. */
int cp_origin_open(const struct cp_origin *origin, const char *path, bool checked);
/* A path of ours; only what is a file is opened. The descriptor, or -1. */
int cp_origin_open_ours(const char *path);

/* What the kernel says of the mapping around an address: the file's present path, cut at its end,
 * or that it has none any more. */
struct cp_mapped {
	uint64_t start, end;
	struct cp_file_id id;
	bool deleted;
	char path[4096];
};
/* 0, or -1: the process is gone, or not to be looked at, or has nothing there. */
int cp_origin_mapped(const struct cp_origin *origin, uint64_t address, struct cp_mapped *mapped);
/* The mapped file itself; for those who may (root), else -1. */
int cp_origin_open_mapped(const struct cp_origin *origin, const struct cp_mapped *mapped);
