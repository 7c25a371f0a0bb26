/* spool_dir.c - which directory is the spool. */
/* SPDX-License-Identifier: MIT */
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
#include "uploader/spool.h"

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

static int find(struct cp_spool *spool, const struct cp_config *config)
{
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

/* By their texts: to look at a destination may take for ever (a file server that is away), and who
 * opens the spool has others to serve. */
static int is_same_path(const char *a, const char *b)
{
	for (;;) {
		while (*a == '/' || (*a == '.' && (a[1] == '/' || !a[1])))
			a++;
		while (*b == '/' || (*b == '.' && (b[1] == '/' || !b[1])))
			b++;
		if (!*a || !*b)
			return *a == *b;
		size_t len = strcspn(a, "/");
		if (strcspn(b, "/") != len || memcmp(a, b, len) != 0)
			return 0;
		a += len;
		b += len;
	}
}

/* Profiles arrive in this very directory. */
static int is_destination(const char *dir, const struct cp_config *config)
{
	const char *list = config->agent_socket;
	char to[CP_ADDRESS_LEN];
	struct cp_address address;
	while (cp_address_next(&list, to))
		if (!cp_address_parse(to, &address) && address.kind == CP_ADDRESS_FOLDER &&
		    is_same_path(address.path, dir))
			return 1;
	return 0;
}

int cp_spool_is(const struct cp_config *config, const char *path)
{
	struct cp_spool spool;
	struct stat mine, its;
	return config->spool_max_bytes && !cp_spool_open(&spool, config) &&
	       !stat(spool.dir, &mine) && !stat(path, &its) && its.st_dev == mine.st_dev &&
	       its.st_ino == mine.st_ino;
}

int cp_spool_open(struct cp_spool *spool, const struct cp_config *config)
{
	char dir[sizeof spool->dir];
	*spool = (struct cp_spool){.max_bytes = config->spool_max_bytes,
				   .max_age_s = config->spool_max_age_s};
	int error = find(spool, config);
	/* that folder may be a destination again; a path has an end */
	while (!error && is_destination(spool->dir, config)) {
		snprintf(dir, sizeof dir, "%s", spool->dir);
		error = try_dir(spool, dir, "/spool", 0);
	}
	return error;
}
