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

/* Both hold what may be shown of the address, a new one with a newline. What comes behind that is a
 * note, and if it is none the entry is none the worse for it. */
static int says(int fd, uint64_t number, const char *to)
{
	char found[CP_ADDRESS_LEN + 8], text[CP_ADDRESS_LEN];
	ssize_t n = pread(fd, found, sizeof found - 1, 0);
	found[n > 0 ? n : 0] = '\0';
	cp_address_show(to, text);
	if (number == CP_MARK_OLD)
		return strcmp(found, text) == 0 ? 0 : *found ? -ENOENT : -EBADMSG;
	size_t len = strlen(text);
	return strncmp(found, text, len) == 0 && found[len] == '\n' ? 0 : -EBADMSG;
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

/* Always as long, so that one is written over another in one piece. It begins with a NUL: for
 * versions that know of no notes the mark ends there. The word is "part" where a server has taken
 * only a part of what it was sent. */
#define NOTE_LEN 35

static void write_note(const struct cp_mark_note *note, char out[NOTE_LEN + 1])
{
	snprintf(out, NOTE_LEN + 1, "%c%s %08x of %016llx\n", '\0', note->refused ? "part" : "sent",
		 note->done, (unsigned long long)note->print);
}

/* Where the note is, or would be; what is there, zeros behind it, is at most one byte longer than a
 * note. -1: nowhere. */
static off_t find_note(int fd, char found[NOTE_LEN + 2])
{
	char text[CP_ADDRESS_LEN + NOTE_LEN + 2] = {0};
	ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
	const char *end = n > 0 ? strchr(text, '\n') : NULL;
	if (!end)
		return -1;
	size_t rest = (size_t)(text + n - (end + 1));
	memset(found, 0, NOTE_LEN + 2);
	memcpy(found, end + 1, rest > NOTE_LEN + 1 ? NOTE_LEN + 1 : rest);
	return end + 1 - text;
}

void cp_mark_note(int fd, const struct cp_mark_note *note)
{
	char found[NOTE_LEN + 2], text[NOTE_LEN + 1];
	off_t at = find_note(fd, found);
	write_note(note, text);
	/* where it fails what has arrived comes twice, and nothing is lost */
	if (at >= 0 && pwrite(fd, text, NOTE_LEN, at) < 0)
		return;
}

int cp_mark_noted(int fd, struct cp_mark_note *note)
{
	char found[NOTE_LEN + 2], text[NOTE_LEN + 2] = {0};
	if (find_note(fd, found) < 0 || found[0] || strlen(found + 1) != NOTE_LEN - 1)
		return -ENOENT;
	note->done = (uint32_t)strtoul(found + 6, NULL, 16);
	note->refused = found[1] == 'p';
	note->print = strtoull(found + NOTE_LEN - 17, NULL, 16);
	write_note(note, text);
	return memcmp(found, text, sizeof text) == 0 ? 0 : -ENOENT; /* not in our hand */
}
