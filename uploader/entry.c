/* entry.c - one entry of the spool, read back and brought to the disk. */
/* SPDX-License-Identifier: MIT */
#include "uploader/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attrs.h"
#include "uploader/folder.h"
#include "uploader/intact.h"
#include "uploader/shelf.h"

#define FILE_MAX (64u << 20) /* of one profile read back; more is no profile of ours */

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static int open_file(int dir, const char *stem, const char *suffix)
{
	char name[CP_MARK_NAME];
	snprintf(name, sizeof name, "%.223s%s", stem, suffix);
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ELOOP ? -EBADMSG : -errno;
	return fd;
}

/* A whole file of ours, NUL behind it. */
static int read_file(int dir, const char *stem, const char *suffix, uint8_t **data, size_t *len)
{
	struct stat st;
	int fd CP_CLEANUP(close_fd) = open_file(dir, stem, suffix);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size <= 0 ||
	    st.st_size > FILE_MAX)
		return -EBADMSG;
	*data = malloc((size_t)st.st_size + 1);
	*len = 0;
	while (*data && *len < (size_t)st.st_size) {
		ssize_t n = read(fd, *data + *len, (size_t)st.st_size - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int error = n ? -errno : -EBADMSG;
			free(*data);
			*data = NULL;
			return error;
		}
		*len += (size_t)n;
	}
	if (!*data)
		return -ENOMEM;
	(*data)[*len] = '\0';
	return 0;
}

static int load(int dir, struct cp_parcel *parcel)
{
	size_t len = 0;
	uint8_t *event = NULL;
	int error = read_file(dir, parcel->stem, CP_SHELF_EVENT, &event, &len);
	if (error)
		return error;
	parcel->event = (struct cp_text){.data = (char *)event, .len = len, .cap = len};
	unsigned there = 0;
	for (int i = 0; i < CP_PROFILES; i++) {
		struct cp_bytes *bytes = &parcel->profiles[i];
		const char *suffix = cp_parcel_suffix((enum cp_profile)i);
		size_t size = 0;
		error = read_file(dir, parcel->stem, suffix, &bytes->data, &size);
		bytes->len = size;
		if (error && error != -ENOENT)
			return error;
		if (!error && !cp_intact_gzip(bytes->data, bytes->len))
			return -EBADMSG;
		there |= error ? 0 : CP_BIT(i);
	}
	return cp_intact_event(parcel->event.data, len) && cp_intact_set(parcel->event.data, there)
		   ? 0
		   : -EBADMSG;
}

int cp_entry_load(int dir, const char *stem, const struct cp_config *config,
		  struct cp_parcel **parcel)
{
	*parcel = cp_parcel_new();
	if (!*parcel)
		return -ENOMEM;
	(*parcel)->config = *config;
	snprintf((*parcel)->stem, sizeof(*parcel)->stem, "%s", stem);
	int error = load(dir, *parcel);
	if (error) {
		cp_parcel_free(*parcel);
		*parcel = NULL;
	}
	return error;
}

int cp_entry_sync(int dir, const char *stem)
{
	int error = 0;
	for (int i = -1; i < CP_PROFILES && !error; i++) {
		const char *suffix = i < 0 ? CP_SHELF_EVENT : cp_parcel_suffix((enum cp_profile)i);
		int fd = open_file(dir, stem, suffix);
		if (fd == -ENOENT)
			continue;
		error = fd < 0 ? fd : fsync(fd) ? -errno : 0;
		if (fd >= 0)
			close(fd);
	}
	return error ? error : cp_folder_sync(dir);
}
