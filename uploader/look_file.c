/* look_file.c - a profile's file for `conprof flame` and `conprof diff`. */
/* SPDX-License-Identifier: MIT */
#include "uploader/look_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "uploader/text.h"

/* No profile of ours comes near; a page larger than its browser's memory helps nobody. */
#define FILE_MAX ((off_t)256 << 20)

static int complain(const char *command, const char *path, const char *why)
{
	fprintf(stderr, "conprof %s: %s: %s\n", command, path, why);
	return 1;
}

static int read_all(int fd, struct cp_bytes *bytes)
{
	struct stat st;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if (st.st_size > FILE_MAX)
		return -EFBIG;
	bytes->data = malloc((size_t)st.st_size + 1);
	if (!bytes->data)
		return -ENOMEM;
	while (bytes->len < (size_t)st.st_size) {
		ssize_t n = read(fd, bytes->data + bytes->len, (size_t)st.st_size - bytes->len);
		if (n <= 0)
			return n ? -errno : 0;
		bytes->len += (size_t)n;
	}
	return 0;
}

int cp_look_open(const char *command, const char *path, struct cp_bytes *bytes,
		 struct cp_reader **reader)
{
	*reader = NULL;
	*bytes = (struct cp_bytes){0};
	/* O_NONBLOCK: a pipe under that name must not hold us */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int error = fd < 0 ? -errno : read_all(fd, bytes);
	if (fd >= 0)
		close(fd);
	if (!error)
		error = cp_reader_open(bytes, reader);
	if (error) {
		free(bytes->data);
		*bytes = (struct cp_bytes){0};
	}
	if (error == -EBADMSG)
		return complain(command, path, "this is not a profile, or it is damaged");
	if (error == -EISDIR)
		return complain(command, path, "is a folder; name its files, as FOLDER/*.pprof");
	return error ? complain(command, path, cp_text_error(error)) : 0;
}

int cp_look_for_browser(struct cp_bytes *bytes)
{
	struct cp_bytes plain, packed;
	if (bytes->len > 1 && bytes->data[0] == 0x1f && bytes->data[1] == 0x8b)
		return 0;
	int error = cp_unpack(bytes, &plain, (size_t)2 * FILE_MAX);
	if (error)
		return error;
	error = cp_gzip(&plain, &packed);
	free(plain.data);
	if (error)
		return error;
	free(bytes->data);
	*bytes = packed;
	return 0;
}
