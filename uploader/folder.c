/* folder.c - profiles as gzip files that `go tool pprof` opens as they are (dir:///path). */
/* SPDX-License-Identifier: MIT */
#include "uploader/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The umask of the uploader is 077, so a new directory gets its mode by its own call. */
static int make_one(const char *path, mode_t mode)
{
	if (!mkdir(path, mode))
		return chmod(path, mode) ? -errno : 0;
	return errno == EEXIST ? 0 : -errno;
}

int cp_folder_make(const char *path, mode_t mode)
{
	char part[1024];
	size_t len = strlen(path);
	if (path[0] != '/' || len >= sizeof part)
		return -ENAMETOOLONG;
	memcpy(part, path, len + 1);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		int error = make_one(part, mode);
		/* EROFS and EACCES may be said of what exists; the next one down will tell. */
		if (error && error != -EROFS && error != -EACCES)
			return error;
		*slash = '/';
	}
	return make_one(part, mode);
}

int cp_folder_write_all(int fd, const void *data, size_t len)
{
	for (const char *at = data; len;) {
		ssize_t n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* SMB, 9p and their like have no such call for folders. */
int cp_folder_sync(int dir)
{
	int fails = fsync(dir) && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP;
	return fails ? -errno : 0;
}

static int write_as(int dir, const char *temporary, const char *name, const struct cp_bytes *bytes,
		    int sync)
{
	unlinkat(dir, temporary, 0);
	int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return -errno;
	int error = cp_folder_write_all(fd, bytes->data, bytes->len);
	if (!error && (fchmod(fd, 0640) || (sync && fsync(fd))))
		error = -errno;
	if (close(fd) && !error)
		error = -errno;
	if (!error && renameat(dir, temporary, dir, name))
		error = -errno;
	if (error)
		unlinkat(dir, temporary, 0);
	return error;
}

int cp_folder_file(int dir, const char *name, const struct cp_bytes *bytes, int sync)
{
	char temporary[288];
	int n = snprintf(temporary, sizeof temporary, ".%s.%d", name, (int)getpid());
	if (n < 0 || (size_t)n >= sizeof temporary)
		return -ENAMETOOLONG;
	return write_as(dir, temporary, name, bytes, sync);
}

/* One alone writes a profile of this name, the holder of its mark; after him perhaps another, who
 * then finds what he left. */
static int write_part(int dir, const char *name, const struct cp_bytes *bytes, int sync)
{
	char temporary[288];
	snprintf(temporary, sizeof temporary, ".%.255s.part", name);
	return write_as(dir, temporary, name, bytes, sync);
}

static int write_profile(int dir, const struct cp_parcel *parcel, enum cp_profile profile, int sync)
{
	const struct cp_bytes *bytes = &parcel->profiles[profile];
	char name[256];
	snprintf(name, sizeof name, "%s%s", parcel->stem, cp_parcel_suffix(profile));
	if (bytes->len > 2 && bytes->data[0] == 0x1f && bytes->data[1] == 0x8b)
		return write_part(dir, name, bytes, sync);
	struct cp_bytes packed = {0};
	int error = cp_gzip(bytes, &packed);
	if (!error)
		error = write_part(dir, name, &packed, sync);
	free(packed.data);
	return error;
}

int cp_folder_profiles(int dir, const struct cp_parcel *parcel, int sync)
{
	int error = 0;
	for (int i = 0; i < CP_PROFILES && !error; i++)
		if (parcel->profiles[i].len)
			error = write_profile(dir, parcel, (enum cp_profile)i, sync);
	return error;
}

int cp_folder_write(const char *path, mode_t dir_mode, const struct cp_parcel *parcel)
{
	int error = cp_folder_make(path, dir_mode);
	if (error)
		return error;
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	error = cp_folder_profiles(dir, parcel, 1);
	if (!error)
		error = cp_folder_sync(dir);
	close(dir);
	return error;
}
