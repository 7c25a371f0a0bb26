/* log.c - the uploader's log: a file, because it must not hold the target's stderr. */
/* SPDX-License-Identifier: MIT */
#include "uploader/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define OWN_MAX	     (1 << 20)
#define LINE_MAX_LEN 1024

struct cp_log {
	pthread_mutex_t lock;
	int fd; /* -1: stderr */
	int own;
	uint32_t level;
	char file[512];
	char said[CP_TOPICS][LINE_MAX_LEN];
	char last[LINE_MAX_LEN];
};

struct cp_log *cp_log_new(void)
{
	struct cp_log *log = calloc(1, sizeof *log);
	if (!log)
		return NULL;
	pthread_mutex_init(&log->lock, NULL);
	log->fd = -1;
	log->level = CP_ERROR;
	return log;
}

void cp_log_free(struct cp_log *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		close(log->fd);
	pthread_mutex_destroy(&log->lock);
	free(log);
}

/* own: under a name that nobody has chosen, in a spool that may be for several users: what another
 * of them has put there, a link or a file of his, is not written to. */
static int open_append(const char *file, int own)
{
	struct stat st;
	int fd = open(file,
		      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
			  (own ? O_NOFOLLOW : 0),
		      0640);
	if (fd < 0)
		return -errno;
	int known = !fstat(fd, &st), ours = known && S_ISREG(st.st_mode) && st.st_uid == geteuid();
	int error = own && (!ours || st.st_nlink > 1) ? -EPERM : 0;
	/* Just made: the umask is 077, but the log's group may read it. */
	if (!error && ours && !st.st_size && fchmod(fd, 0640))
		error = -errno;
	if (!error)
		return fd;
	close(fd);
	return error;
}

int cp_log_open(struct cp_log *log, const char *file, uint32_t level, int own)
{
	pthread_mutex_lock(&log->lock);
	int result = 0;
	if (log->fd < 0) {
		int fd = open_append(file, own);
		result = fd < 0 ? fd : 0;
		log->fd = fd < 0 ? -1 : fd;
		log->own = own;
		snprintf(log->file, sizeof log->file, "%s", file);
	}
	log->level = level < CP_ERROR ? CP_ERROR : level > CP_DEBUG ? CP_DEBUG : level;
	pthread_mutex_unlock(&log->lock);
	return result;
}

/* Several uploaders of one user share the file: whoever finds it large and still under its name
 * renames it; the others notice the next time they look. */
static void rotate(struct cp_log *log)
{
	struct stat ours, named;
	if (!log->own || log->fd < 0 || fstat(log->fd, &ours) || ours.st_size < OWN_MAX)
		return;
	if (!stat(log->file, &named) && named.st_ino == ours.st_ino) {
		char old[520];
		snprintf(old, sizeof old, "%s.1", log->file);
		if (rename(log->file, old))
			return;
	}
	int fd = open_append(log->file, 1);
	if (fd < 0)
		return;
	close(log->fd);
	log->fd = fd;
}

static void write_line(struct cp_log *log, enum cp_level level, const char *text)
{
	static const char *const names[] = {"", "error", "warning", "info", "debug"};
	if (level <= CP_WARNING)
		snprintf(log->last, sizeof log->last, "%s: %s", names[level], text);
	if ((uint32_t)level > log->level)
		return;
	struct timespec now;
	struct tm tm;
	char stamp[32] = "", line[LINE_MAX_LEN + 96];
	clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &tm))
		strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
	int len = snprintf(line, sizeof line, "%s.%03ldZ conprof[%d] %s: %s\n", stamp,
			   now.tv_nsec / 1000000, (int)getpid(), names[level], text);
	rotate(log);
	/* A log that can not be written has nowhere to say so. */
	if (len > 0 && write(log->fd < 0 ? 2 : log->fd, line, (size_t)len) < 0)
		return;
}

/* One line stays one line, whatever a peer put into a name. */
static void flatten(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

void cp_log_line(struct cp_log *log, enum cp_level level, const char *format, ...)
{
	if (!log)
		return;
	char text[LINE_MAX_LEN];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	flatten(text);
	pthread_mutex_lock(&log->lock);
	write_line(log, level, text);
	pthread_mutex_unlock(&log->lock);
}

void cp_log_change(struct cp_log *log, enum cp_topic topic, enum cp_level level, const char *format,
		   ...)
{
	if (!log)
		return;
	char text[LINE_MAX_LEN];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	flatten(text);
	pthread_mutex_lock(&log->lock);
	if (strcmp(log->said[topic], text) != 0) {
		memcpy(log->said[topic], text, sizeof text);
		write_line(log, level, text);
	}
	pthread_mutex_unlock(&log->lock);
}

void cp_log_forget(struct cp_log *log, enum cp_topic topic)
{
	if (!log)
		return;
	pthread_mutex_lock(&log->lock);
	log->said[topic][0] = '\0';
	pthread_mutex_unlock(&log->lock);
}

void cp_log_last(struct cp_log *log, char *out, uint32_t out_len)
{
	pthread_mutex_lock(&log->lock);
	snprintf(out, out_len, "%s", log->last);
	pthread_mutex_unlock(&log->lock);
}
