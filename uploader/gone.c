/* gone.c - notes about entries of a spool that went: .NUMBER.gone, empty. */
/* SPDX-License-Identifier: MIT */
#include "uploader/gone.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX ".gone"
#define NAME   32
/* Who lives joins the next uploader within seconds of its first event. */
#define KEPT_S	  3600
#define NOTES_MAX 100000

/* A number instead of the name: a note is no part of an entry, and goes when it is old. */
static void name_of(const char *stem, char name[NAME])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	while (*stem)
		hash = (hash ^ (uint8_t)*stem++) * UINT64_C(0x100000001b3);
	snprintf(name, NAME, ".%016llx" SUFFIX, (unsigned long long)hash);
}

static int is_old(int dir, const char *name, time_t now)
{
	struct stat st;
	size_t len = strlen(name), tail = strlen(SUFFIX);
	return name[0] == '.' && len > tail + 1 && !strcmp(name + len - tail, SUFFIX) &&
	       !fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode) &&
	       !st.st_size && st.st_uid == geteuid() && now - st.st_mtime > KEPT_S;
}

static void sweep(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	time_t now = time(NULL);
	if (!stream) {
		if (fd >= 0)
			close(fd);
		return;
	}
	/* readdir is safe here: the stream is this call's own */
	const struct dirent *d = readdir(stream); // NOLINT(concurrency-mt-unsafe)
	for (int i = 0; d && i < NOTES_MAX; i++) {
		if (is_old(dir, d->d_name, now))
			unlinkat(dir, d->d_name, 0);
		d = readdir(stream); // NOLINT(concurrency-mt-unsafe)
	}
	closedir(stream);
}

void cp_gone_note(int dir, const char *stem)
{
	char name[NAME];
	name_of(stem, name);
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
	if (fd >= 0) {
		futimens(fd, NULL);
		close(fd);
	}
	sweep(dir);
}

int cp_gone_is_noted(int dir, const char *stem)
{
	char name[NAME];
	name_of(stem, name);
	return !faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW);
}
