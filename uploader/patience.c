/* patience.c - how long to wait for a destination, for the next uploader: a file in the spool. */
/* SPDX-License-Identifier: MIT */
#include "uploader/patience.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attrs.h"
#include "uploader/address.h"
#include "uploader/folder.h"
#include "uploader/shelf.h"
#include "uploader/text.h"

#define HEAD	     "conprof-retry 1 "
#define FAILURES_MAX 1000u
#define MS	     1000000

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

size_t cp_patience_write(const struct cp_retry *retry, uint64_t now_ns, int64_t realtime_ns,
			 const char *shown, char out[CP_PATIENCE_MAX])
{
	uint64_t wait_ns = retry->next_ns > now_ns ? retry->next_ns - now_ns : 0;
	int64_t next_ms = realtime_ns / MS + (int64_t)(wait_ns / MS);
	uint32_t failures = retry->failures < FAILURES_MAX ? retry->failures : FAILURES_MAX;
	int n = snprintf(out, CP_PATIENCE_MAX, HEAD "%u %lld %s\n", failures, (long long)next_ms,
			 shown);
	return n > 0 && n < CP_PATIENCE_MAX ? (size_t)n : 0;
}

/* A number of at most 15 digits with a blank behind it; -1: none. */
static int64_t number(const char **text)
{
	int64_t value = 0;
	size_t digits = strspn(*text, "0123456789");
	if (!digits || digits > 15 || (*text)[digits] != ' ')
		return -1;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + ((*text)[i] - '0');
	*text += digits + 1;
	return value;
}

int cp_patience_read(const char *text, uint64_t now_ns, int64_t realtime_ns, struct cp_retry *retry)
{
	*retry = (struct cp_retry){0};
	size_t len = strlen(text);
	if (strncmp(text, HEAD, sizeof HEAD - 1) != 0 || text[len - 1] != '\n')
		return 0;
	text += sizeof HEAD - 1;
	int64_t failures = number(&text);
	int64_t next_ms = failures > 0 ? number(&text) : -1;
	if (next_ms < 0 || failures > FAILURES_MAX)
		return 0;
	int64_t wait_ms = next_ms - realtime_ns / MS;
	if (wait_ms > CP_RETRY_CAP_MS) /* the clock was set back, or somebody wrote this */
		wait_ms = CP_RETRY_CAP_MS;
	retry->failures = (uint32_t)failures;
	retry->next_ns = now_ns + (wait_ms > 0 ? (uint64_t)wait_ms * MS : 0);
	return 1;
}

static void name_of(const char *to, char name[64])
{
	snprintf(name, 64, CP_SHELF_NOTE "%016llx", (unsigned long long)cp_address_number(to));
}

void cp_patience_load(const struct cp_spool *spool, const char *to, struct cp_retry *retry)
{
	char name[64], text[CP_PATIENCE_MAX + 1];
	struct stat st;
	*retry = (struct cp_retry){0};
	name_of(to, name);
	int dir CP_CLEANUP(close_fd) = open(spool->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return;
	int fd CP_CLEANUP(close_fd) =
	    openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return;
	ssize_t n = read(fd, text, sizeof text - 1);
	text[n > 0 ? n : 0] = '\0';
	cp_patience_read(text, cp_text_monotonic(), cp_text_now(), retry);
}

int cp_patience_save(const struct cp_spool *spool, const char *to, const struct cp_retry *retry)
{
	char name[64], shown[CP_ADDRESS_SHOWN], text[CP_PATIENCE_MAX];
	name_of(to, name);
	cp_address_show(to, shown);
	int dir CP_CLEANUP(close_fd) = open(spool->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	if (!retry->failures)
		return unlinkat(dir, name, 0) ? -errno : 0;
	size_t len = cp_patience_write(retry, cp_text_monotonic(), cp_text_now(), shown, text);
	return len ? cp_folder_file(dir, name, &(struct cp_bytes){(uint8_t *)text, len}, 0)
		   : -EINVAL;
}
