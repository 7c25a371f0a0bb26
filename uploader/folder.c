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

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int cp_folder_file(int dir, const char *name, const void *data, size_t len)
{
	char temporary[288];
	int n = snprintf(temporary, sizeof temporary, ".%s.%d", name, (int)getpid());
	if (n < 0 || (size_t)n >= sizeof temporary)
		return -ENAMETOOLONG;
	unlinkat(dir, temporary, 0);
	int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return -errno;
	int error = write_all(fd, data, len);
	if (!error && (fchmod(fd, 0640) || fsync(fd)))
		error = -errno;
	if (close(fd) && !error)
		error = -errno;
	if (!error && renameat(dir, temporary, dir, name))
		error = -errno;
	if (error)
		unlinkat(dir, temporary, 0);
	return error;
}

static int write_profile(int dir, const struct cp_parcel *parcel, enum cp_profile profile)
{
	const struct cp_bytes *bytes = &parcel->profiles[profile];
	char name[256];
	snprintf(name, sizeof name, "%s%s", parcel->stem, cp_parcel_suffix(profile));
	if (bytes->len > 2 && bytes->data[0] == 0x1f && bytes->data[1] == 0x8b)
		return cp_folder_file(dir, name, bytes->data, bytes->len);
	struct cp_bytes packed = {0};
	int error = cp_gzip(bytes, &packed);
	if (!error)
		error = cp_folder_file(dir, name, packed.data, packed.len);
	free(packed.data);
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
	for (int i = 0; i < CP_PROFILES && !error; i++)
		if (parcel->profiles[i].len)
			error = write_profile(dir, parcel, (enum cp_profile)i);
	close(dir);
	return error;
}
