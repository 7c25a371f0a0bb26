/* settings.c - reads the settings; keeps the lines about bad ones until they are told, once. */
/* SPDX-License-Identifier: MIT */
#include "life/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attrs.h"
#include "base/note.h"
#include "base/settings.h"
#include "signal/log.h"

#define DEFAULT_FILE "/etc/conprof.conf"
#define FILE_MAX     (256 * 1024)
#define LINES_MAX    24

/* Each process of a tree would say the same: only the first tells (cp_life_tell). */
static CP_LATE struct cp_line kept[LINES_MAX];
static unsigned kept_count;

static void keep(void *unused, const char *text)
{
	(void)unused;
	if (kept_count < LINES_MAX)
		cp_line_add(&kept[kept_count++], text);
}

static void keep_two(const char *what, const char *detail)
{
	struct cp_line line = {0};

	cp_line_add(&line, "conprof: ");
	cp_line_add(&line, what);
	cp_line_add(&line, detail);
	keep(NULL, line.text);
}

/* Where the text may have secrets, no core dump has it. */
static char *make_room(size_t size)
{
	void *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (room == MAP_FAILED)
		return NULL;
	madvise(room, size, MADV_DONTDUMP);
	return room;
}

/* As much of the file as there is, up to so much. */
static size_t read_whole(int fd, char *to, size_t most)
{
	size_t len = 0;
	ssize_t got = 1;

	while (len < most && got > 0) {
		got = read(fd, to + len, most - len);
		len += got > 0 ? (size_t)got : 0;
	}
	return len;
}

/* A file's text, in a mapping of room bytes. */
struct text {
	char *at;
	size_t len, room;
};

/* Without its text, there is none to be had. It is read, and not mapped: who writes it anew cuts it
 * to nothing first, and what is read of a mapping then ends the process by SIGBUS. */
static struct text read_file(const char *path, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct text text = {NULL, 0, 0};
	struct stat st;

	*why = NULL;
	if (fd < 0) {
		*why = errno == ENOENT ? "is not there" : "can't be opened";
		return text;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		*why = "is not a file";
	} else if (st.st_size > FILE_MAX) {
		*why = "is larger than 256 KiB";
	} else if (st.st_size > 0) {
		text.room = (size_t)st.st_size;
		text.at = make_room(text.room);
		if (text.at)
			text.len = read_whole(fd, text.at, (size_t)st.st_size);
		else
			*why = "can't be read";
	}
	close(fd);
	return text;
}

/* Where the uploader finds what is not handed to it. */
static void note_file(struct cp_config *config, const char *path)
{
	char *to = config->config_file;
	size_t at = 0, len = strlen(path);

	if (path[0] != '/') {
		if (!getcwd(to, sizeof config->config_file))
			to[0] = 0;
		at = strlen(to);
		at = to[0] == '/' ? at : sizeof config->config_file;
	}
	if (at + 1 + len < sizeof config->config_file) {
		if (at)
			to[at++] = '/';
		memcpy(to + at, path, len);
		return;
	}
	memset(to, 0, sizeof config->config_file);
	keep_two("the path of the configuration file is too long to find the secrets in it again",
		 "");
}

void cp_life_settings(struct cp_config *config)
{
	const char *const *env = (const char *const *)__environ;
	const char *named = cp_settings_env(env, "CONPROF_CONFIG"), *why;
	const char *path = named ? named : DEFAULT_FILE;
	struct text text = read_file(path, &why);

	cp_settings_apply(config, env, text.at, text.len, keep, NULL);
	if (config->secrets >> CP_SECRET_IN_FILE)
		note_file(config, path);
	if (text.at)
		munmap(text.at, text.room);
	if (why && (named || strcmp(why, "is not there") != 0)) {
		struct cp_line line = {0};

		cp_line_add(&line, "conprof: CONPROF_CONFIG=");
		cp_line_quote(&line, path, strlen(path), 100);
		cp_line_add(&line, " ");
		cp_line_add(&line, why);
		cp_line_add(&line, "; using the environment and the defaults");
		keep(NULL, line.text);
	}
}

void cp_life_complain(const struct cp_config *config, unsigned level, const char *what,
		      const char *detail)
{
	if (level <= config->log_level)
		keep_two(what, detail);
}

/* Read in pieces that overlap. */
int cp_life_file_has(const char *path, const char *text)
{
	char piece[4096];
	size_t keep_len = strlen(text) - 1, have = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC), found = 0;
	ssize_t got = 0;

	while (fd >= 0 && !found && (got = read(fd, piece + have, sizeof piece - have)) > 0) {
		have += (size_t)got;
		found = memmem(piece, have, text, strlen(text)) != NULL;
		if (have > keep_len) {
			memmove(piece, piece + have - keep_len, keep_len);
			have = keep_len;
		}
	}
	if (fd >= 0)
		close(fd);
	return found;
}

static int parent_told(void)
{
	struct cp_line path = {0};

	cp_line_add(&path, "/proc/");
	cp_line_number(&path, (uint64_t)getppid());
	cp_line_add(&path, "/maps");
	return cp_life_file_has(path.text, "/libconprof.so\n");
}

void cp_life_tell(const struct cp_config *config)
{
	int fd;

	if (!kept_count || parent_told())
		return;
	fd = cp_log_open(config);
	for (unsigned i = 0; i < kept_count; i++)
		cp_log_write(fd, &kept[i]);
	cp_log_close(fd);
	kept_count = 0;
}
