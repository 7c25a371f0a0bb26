/* scratch.c - files without a name, on disk, into which debug information is unpacked.
 *
 * Nobody else sees them, and when we end, however that is, they are gone. */
/* SPDX-License-Identifier: MIT */
#include "encoder/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#define CP_SECOND UINT64_C(1000000000)
#define CP_KEPT	  (3600 * CP_SECOND)
/* One must not fill all that there is. */
#define CP_SHARE 2
/* What others find free on the disk when we are done: a tenth of it, within these. */
#define CP_FREE_LEAST (UINT64_C(1) << 30)
#define CP_FREE_MOST  (UINT64_C(16) << 30)

static void let_go(struct cp_scratches *all, struct cp_scratch *scratch)
{
	if (scratch->fd >= 0 && scratch->how == CP_INFLATED)
		close(scratch->fd);
	all->size -= scratch->size;
	*scratch = (struct cp_scratch){.fd = -1};
}

/* Memory that calls itself a disk would be ours after all. */
static bool has_room(int fd, uint64_t size)
{
	struct statfs disk;
	if (fstatfs(fd, &disk) || disk.f_type == TMPFS_MAGIC || disk.f_type == RAMFS_MAGIC)
		return false;
	uint64_t block = (uint64_t)disk.f_bsize, spare = block * disk.f_blocks / 10;
	if (spare < CP_FREE_LEAST)
		spare = CP_FREE_LEAST;
	if (spare > CP_FREE_MOST)
		spare = CP_FREE_MOST;
	return block * disk.f_bavail > spare && block * disk.f_bavail - spare >= size;
}

static int make_file(const char *folder)
{
	char path[640];
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
		return fd;
	snprintf(path, sizeof(path), "%s/.unpacked-XXXXXX", folder);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

/* All blocks at once, where the disk can do that: what is not there is known before the work. */
static int make_room(const char *folder, uint64_t size)
{
	int fd = make_file(folder);
	if (fd < 0)
		return -1;
	if (has_room(fd, size) && (!fallocate(fd, 0, 0, (off_t)size) || errno == EOPNOTSUPP))
		return fd;
	close(fd);
	return -1;
}

/* Of those that nobody reads, and that are at least so large. */
static struct cp_scratch *oldest(struct cp_scratches *all, uint64_t size)
{
	struct cp_scratch *found = NULL;
	for (int i = 0; i < CP_SCRATCHES; i++) {
		struct cp_scratch *at = &all->files[i];
		if (at->inode && !at->readers && at->size >= size &&
		    (!found || at->used < found->used))
			found = at;
	}
	return found;
}

/* The oldest that nobody reads make room for one of this size. */
static bool fits(struct cp_scratches *all, uint64_t size)
{
	while (all->size + size > all->most) {
		struct cp_scratch *at = oldest(all, 1);
		if (!at)
			return false;
		let_go(all, at);
	}
	return true;
}

static enum cp_inflated make(struct cp_scratches *all, struct cp_scratch *scratch,
			     const struct cp_elf *of)
{
	struct cp_inflating it = {.cpu_ns_max = all->cpu_ns_max, .spent_ns_max = all->spent_ns_max};
	enum cp_inflated how = cp_inflate_plan(&it, of, all->most / CP_SHARE);
	if (how == CP_INFLATED && !fits(all, it.size))
		how = CP_INFLATE_NO_ROOM;
	int fd = how == CP_INFLATED ? make_room(all->folder, it.size) : -1;
	if (how == CP_INFLATED)
		how = fd < 0 ? CP_INFLATE_NO_ROOM : cp_inflate_write(&it, fd);
	if (how == CP_INFLATED) {
		scratch->fd = fd;
		scratch->size = it.size;
		all->size += it.size;
	} else if (fd >= 0) {
		close(fd);
	}
	all->cpu_ns += it.taken_cpu_ns;
	all->spent_ns += it.taken_ns;
	cp_inflate_end(&it);
	return how;
}

static struct cp_scratch *find(struct cp_scratches *all, const struct stat *st)
{
	for (int i = 0; i < CP_SCRATCHES; i++) {
		struct cp_scratch *at = &all->files[i];
		if (at->inode == st->st_ino && at->device == st->st_dev &&
		    at->length == st->st_size && at->changed.tv_sec == st->st_ctim.tv_sec &&
		    at->changed.tv_nsec == st->st_ctim.tv_nsec)
			return at;
	}
	return NULL;
}

static struct cp_scratch *add(struct cp_scratches *all, const struct stat *st)
{
	struct cp_scratch *at = NULL;
	for (int i = 0; i < CP_SCRATCHES && !at; i++)
		at = all->files[i].inode ? NULL : &all->files[i];
	if (!at)
		at = oldest(all, 0);
	if (!at)
		return NULL;
	if (at->inode)
		let_go(all, at);
	*at = (struct cp_scratch){.device = st->st_dev,
				  .inode = st->st_ino,
				  .length = st->st_size,
				  .changed = st->st_ctim,
				  .since_ns = all->now_ns,
				  .readers = 1, /* it must not make room for itself */
				  .fd = -1};
	return at;
}

struct cp_scratch *cp_scratch_open(struct cp_scratches *all, const struct cp_elf *of,
				   struct cp_elf *file, enum cp_inflated *how)
{
	struct stat st;
	*how = CP_INFLATE_OFF;
	if (!all->folder[0] || of->fd < 0 || fstat(of->fd, &st) || !st.st_ino)
		return NULL;
	struct cp_scratch *scratch = find(all, &st);
	*how = CP_INFLATE_NO_ROOM;
	if (!scratch) {
		scratch = add(all, &st);
		if (!scratch)
			return NULL;
		scratch->how = make(all, scratch, of);
		scratch->readers = 0;
	}
	*how = scratch->how;
	if (scratch->how != CP_INFLATED)
		return NULL;
	if (cp_elf_open_fd(fcntl(scratch->fd, F_DUPFD_CLOEXEC, 0), of->path, file)) {
		*how = CP_INFLATE_DAMAGED;
		return NULL;
	}
	cp_elf_set_root(file, of->root);
	scratch->readers++;
	scratch->used = ++all->turn;
	return scratch;
}

void cp_scratch_close(struct cp_scratch *scratch, struct cp_elf *file)
{
	cp_elf_close(file);
	if (scratch)
		scratch->readers--;
}

void cp_scratches_rest(struct cp_scratches *all, uint64_t now_ns)
{
	all->now_ns = now_ns;
	for (int i = 0; i < CP_SCRATCHES; i++) {
		struct cp_scratch *at = &all->files[i];
		if (!at->inode)
			continue;
		if (at->readers || !at->since_ns)
			at->since_ns = now_ns;
		else if (now_ns - at->since_ns > CP_KEPT)
			let_go(all, at);
	}
}

void cp_scratches_free(struct cp_scratches *all)
{
	for (int i = 0; i < CP_SCRATCHES; i++)
		if (all->files[i].inode)
			let_go(all, &all->files[i]);
}
