/* shelf.h - the entries of a spool directory, oldest first. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define CP_SHELF_EVENT	 ".event.json"
#define CP_SHELF_SEND_TO ".send-to"

struct cp_shelf_entry {
	char stem[224];
	char stamp[17];
	uint64_t seq;
	uint64_t bytes; /* of all its files */
};

struct cp_shelf {
	struct cp_shelf_entry *entries;
	size_t count, room;
	uint64_t bytes;
};

/* Reads the directory: our own regular files whose names are those of an entry. Temporary files
 * that a killed uploader left are removed after an hour. 0 or -errno. */
int cp_shelf_read(struct cp_shelf *shelf, int dir);
void cp_shelf_free(struct cp_shelf *shelf); /* fits CP_CLEANUP */
/* All files of an entry. The destination goes first: half an entry is not sent. */
void cp_shelf_remove(int dir, const char *stem);
uint64_t cp_shelf_size(int dir, const char *stem);
