/* spool.c - profiles that could not be delivered yet: kept, capped, claimed for sending. */
/* SPDX-License-Identifier: MIT */
#include "uploader/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attrs.h"
#include "uploader/address.h"
#include "uploader/folder.h"
#include "uploader/shelf.h"

#define FILE_MAX (64u << 20) /* of one profile read back; more is no profile of ours */

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* strict: a place anybody may write to (/tmp), where only a directory that is wholly ours will do.
 */
static int usable(const char *dir, int strict)
{
	struct stat st;
	int fd CP_CLEANUP(close_fd) = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		return -errno;
	if (st.st_uid != geteuid() && (strict || st.st_uid != 0))
		return -EPERM;
	if (strict && (st.st_mode & 077))
		return -EPERM;
	return faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) ? -errno : 0;
}

static int try_dir(struct cp_spool *spool, const char *base, const char *rest, int strict)
{
	int n = snprintf(spool->dir, sizeof spool->dir, "%s%s", base, rest);
	if (base[0] != '/' || n < 0 || (size_t)n >= sizeof spool->dir)
		return -EINVAL;
	int error = usable(spool->dir, strict);
	if (error != -ENOENT)
		return error;
	error = strict ? (mkdir(spool->dir, 0700) ? -errno : 0) : cp_folder_make(spool->dir, 0700);
	return error && error != -EEXIST ? error : usable(spool->dir, strict);
}

int cp_spool_open(struct cp_spool *spool, const struct cp_config *config)
{
	spool->max_bytes = config->spool_max_bytes;
	if (config->spool_dir[0])
		return try_dir(spool, config->spool_dir, "", 0);
	const char *state = secure_getenv("XDG_STATE_HOME");
	const char *home = secure_getenv("HOME");
	char tmp[64];
	snprintf(tmp, sizeof tmp, "/tmp/conprof-%u", (unsigned)geteuid());
	if (!try_dir(spool, "/var/spool/conprof", "", 0))
		return 0;
	if (state && *state && !try_dir(spool, state, "/conprof", 0))
		return 0;
	if (home && *home && !try_dir(spool, home, "/.local/state/conprof", 0))
		return 0;
	return try_dir(spool, tmp, "", 1);
}

static void destination(const struct cp_config *config, char to[CP_ADDRESS_SHOWN])
{
	cp_address_show(config->agent_socket[0] ? config->agent_socket : CP_ADDRESS_DEFAULT, to);
}

static int put_event(int dir, const struct cp_parcel *parcel)
{
	char name[256], to[CP_ADDRESS_SHOWN];
	destination(&parcel->config, to);
	snprintf(name, sizeof name, "%s" CP_SHELF_EVENT, parcel->stem);
	int error = cp_folder_file(dir, name, parcel->event.data, parcel->event.len);
	if (error)
		return error;
	snprintf(name, sizeof name, "%s" CP_SHELF_SEND_TO, parcel->stem);
	return cp_folder_file(dir, name, to, strlen(to));
}

/* Drops the oldest until the cap holds; returns how many. The newest entry stays. */
static uint64_t make_room(const struct cp_spool *spool, int dir)
{
	struct cp_shelf shelf CP_CLEANUP(cp_shelf_free) = {0};
	uint64_t dropped = 0;
	if (cp_shelf_read(&shelf, dir))
		return 0;
	for (size_t i = 0; i + 1 < shelf.count && shelf.bytes > spool->max_bytes; i++) {
		cp_shelf_remove(dir, shelf.entries[i].stem);
		shelf.bytes -= shelf.entries[i].bytes;
		dropped++;
	}
	return dropped;
}

int cp_spool_put(const struct cp_spool *spool, const struct cp_parcel *parcel, uint64_t *dropped)
{
	int dir CP_CLEANUP(close_fd) = open(spool->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	int error = cp_folder_write(spool->dir, 0700, parcel);
	if (!error)
		error = put_event(dir, parcel);
	if (!error && cp_shelf_size(dir, parcel->stem) > spool->max_bytes)
		error = -EFBIG;
	if (error)
		cp_shelf_remove(dir, parcel->stem);
	*dropped += make_room(spool, dir);
	return error;
}

uint64_t cp_spool_bytes(const struct cp_spool *spool, uint64_t *entries)
{
	struct cp_shelf shelf CP_CLEANUP(cp_shelf_free) = {0};
	int dir CP_CLEANUP(close_fd) = open(spool->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*entries = 0;
	if (dir < 0 || cp_shelf_read(&shelf, dir))
		return 0;
	*entries = shelf.count;
	return shelf.bytes;
}

/* A whole file of ours, NUL behind it; NULL when it is not there or no such file. */
static uint8_t *read_file(int dir, const char *stem, const char *suffix, size_t *len)
{
	char name[256];
	struct stat st;
	snprintf(name, sizeof name, "%s%s", stem, suffix);
	int fd CP_CLEANUP(close_fd) =
	    openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    st.st_size <= 0 || st.st_size > FILE_MAX)
		return NULL;
	uint8_t *data = malloc((size_t)st.st_size + 1);
	*len = 0;
	while (data && *len < (size_t)st.st_size) {
		ssize_t n = read(fd, data + *len, (size_t)st.st_size - *len);
		if (n <= 0) {
			free(data);
			return NULL;
		}
		*len += (size_t)n;
	}
	if (data)
		data[*len] = '\0';
	return data;
}

static struct cp_parcel *load(int dir, const char *stem, const struct cp_config *config)
{
	struct cp_parcel *parcel = cp_parcel_new();
	if (!parcel)
		return NULL;
	parcel->config = *config;
	snprintf(parcel->stem, sizeof parcel->stem, "%s", stem);
	size_t len = 0;
	parcel->event.data = (char *)read_file(dir, stem, CP_SHELF_EVENT, &len);
	parcel->event.len = parcel->event.cap = parcel->event.data ? len : 0;
	for (int i = 0; i < CP_PROFILES; i++) {
		const char *suffix = cp_parcel_suffix((enum cp_profile)i);
		parcel->profiles[i].data = read_file(dir, stem, suffix, &len);
		parcel->profiles[i].len = parcel->profiles[i].data ? len : 0;
	}
	if (parcel->event.data)
		return parcel;
	cp_parcel_free(parcel);
	return NULL;
}

/* Opens and locks STEM.send-to when it says this destination; the descriptor, or -errno. */
static int lock(int dir, const char *stem, const struct cp_config *config)
{
	char name[256], to[520], wanted[CP_ADDRESS_SHOWN];
	struct stat st;
	snprintf(name, sizeof name, "%s" CP_SHELF_SEND_TO, stem);
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, to, sizeof to - 1);
	to[n > 0 ? n : 0] = '\0';
	destination(config, wanted);
	/* No link any more: another uploader has sent it between our open and our lock. */
	if (n > 0 && strcmp(to, wanted) == 0 && !flock(fd, LOCK_EX | LOCK_NB) && !fstat(fd, &st) &&
	    st.st_nlink && st.st_uid == geteuid())
		return fd;
	close(fd);
	return -EAGAIN;
}

int cp_spool_claim(const struct cp_spool *spool, const struct cp_config *config,
		   struct cp_claim *claim, struct cp_parcel **parcel)
{
	struct cp_shelf shelf CP_CLEANUP(cp_shelf_free) = {0};
	int dir CP_CLEANUP(close_fd) = open(spool->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || cp_shelf_read(&shelf, dir))
		return -ENOENT;
	for (size_t i = 0; i < shelf.count; i++) {
		const char *stem = shelf.entries[i].stem;
		int fd = lock(dir, stem, config);
		if (fd < 0)
			continue;
		*parcel = load(dir, stem, config);
		if (*parcel) {
			claim->fd = fd;
			snprintf(claim->stem, sizeof claim->stem, "%s", stem);
			return 0;
		}
		close(fd);
	}
	return -ENOENT;
}

void cp_spool_release(const struct cp_spool *spool, struct cp_claim *claim, int sent)
{
	int dir CP_CLEANUP(close_fd) = open(spool->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sent && dir >= 0)
		cp_shelf_remove(dir, claim->stem);
	close(claim->fd);
	claim->fd = -1;
}
