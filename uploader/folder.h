/* folder.h - profiles as gzip files that `go tool pprof` opens as they are (dir:///path). */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <sys/types.h>

#include "uploader/parcel.h"

/* Writes STEM.cpu.pprof, STEM.heap.pprof, STEM.threads.pprof into path, which is made when it is
 * missing (mode 0750, one level below what exists is enough for a folder; parents are made too).
 * Each file is complete under its name or not there. 0 or -errno. Any thread. */
int cp_folder_write(const char *path, mode_t dir_mode, const struct cp_parcel *parcel);
/* The same into an open directory; sync: on the disk, too, before it has its name. */
int cp_folder_profiles(int dir, const struct cp_parcel *parcel, int sync);
/* One file: a temporary name, sync: the disk, its name. 0 or -errno. */
int cp_folder_file(int dir, const char *name, const struct cp_bytes *bytes, int sync);
/* All of it, or -errno. */
int cp_folder_write_all(int fd, const void *data, size_t len);
/* Brings the names in a folder to the disk, if its file system can do that. 0 or -errno. */
int cp_folder_sync(int dir);
/* Makes path and its parents; 0 or -errno. */
int cp_folder_make(const char *path, mode_t mode);
