/* mark.c - who has not got an entry of the spool yet: a file for each destination. */
/* SPDX-License-Identifier: MIT */
#include "uploader/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "uploader/address.h"

void cp_mark_name(const char *stem, uint64_t number, char out[CP_MARK_NAME])
{
	if (number == CP_MARK_OLD)
		snprintf(out, CP_MARK_NAME, "%.223s" CP_MARK_SUFFIX, stem);
	else
		snprintf(out, CP_MARK_NAME, "%.223s" CP_MARK_SUFFIX ".%016llx", stem,
			 (unsigned long long)number);
}

size_t cp_mark_parse(const char *name, uint64_t *number)
{
	const size_t suffix = sizeof CP_MARK_SUFFIX - 1;
	size_t len = strlen(name);
	*number = CP_MARK_OLD;
	if (len > suffix + 17 && name[len - 17] == '.' &&
	    strspn(name + len - 16, "0123456789abcdef") == 16) {
		*number = strtoull(name + len - 16, NULL, 16);
		len = *number == CP_MARK_OLD ? 0 : len - 17;
	}
	if (len <= suffix || strncmp(name + len - suffix, CP_MARK_SUFFIX, suffix) != 0)
		return 0;
	return len - suffix;
}

/* Held, and still under its name; fd, else -errno and closed. Where locks are not to be had (some
 * network file systems) the mark is taken without. */
static int hold(int fd)
{
	struct stat st;
	int error = 0;
	if (flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK)
		error = -EAGAIN;
	else if (fstat(fd, &st))
		error = -errno;
	else if (!st.st_nlink)
		error = -EAGAIN; /* another has sent it between our open and our lock */
	else if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		error = -EBADMSG;
	if (!error)
		return fd;
	close(fd);
	return error;
}

int cp_mark_make(int dir, const char *stem, const char *to)
{
	char name[CP_MARK_NAME], text[CP_ADDRESS_LEN + 1];
	cp_mark_name(stem, cp_address_number(to), name);
	cp_address_show(to, text);
	size_t len = strlen(text);
	text[len++] = '\n';
	int fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
	if (fd < 0)
		return -errno;
	fd = hold(fd);
	if (fd < 0)
		return fd;
	errno = EIO;
	if (pwrite(fd, text, len, 0) == (ssize_t)len && !ftruncate(fd, (off_t)len))
		return fd;
	int error = -errno;
	unlinkat(dir, name, 0);
	close(fd);
	return error;
}

/* Both hold what may be shown of the address, a new one with a newline. */
static int says(int fd, uint64_t number, const char *to)
{
	char found[CP_ADDRESS_LEN + 8], text[CP_ADDRESS_LEN];
	ssize_t n = pread(fd, found, sizeof found - 1, 0);
	found[n > 0 ? n : 0] = '\0';
	cp_address_show(to, text);
	if (number == CP_MARK_OLD)
		return strcmp(found, text) == 0 ? 0 : *found ? -ENOENT : -EBADMSG;
	size_t len = strlen(text);
	return strncmp(found, text, len) == 0 && strcmp(found + len, "\n") == 0 ? 0 : -EBADMSG;
}

int cp_mark_hold(int dir, const char *stem, uint64_t number)
{
	char name[CP_MARK_NAME];
	cp_mark_name(stem, number, name);
	int fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ELOOP || errno == EISDIR || errno == ENXIO ? -EBADMSG : -errno;
	return hold(fd);
}

int cp_mark_take(int dir, const char *stem, uint64_t number, const char *to)
{
	int fd = cp_mark_hold(dir, stem, number);
	int error = fd < 0 ? fd : says(fd, number, to);
	if (!error || fd < 0)
		return fd;
	close(fd);
	return error;
}
