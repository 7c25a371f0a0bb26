/* log.h - the uploader's log: a file, because it must not hold the target's stderr. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

enum cp_level { CP_ERROR = 1, CP_WARNING, CP_INFO, CP_DEBUG };

/* What a repeated line is about. One line per state: the same text again is not said again until
 * another one came between. */
enum cp_topic {
	CP_TOPIC_SPOOL,
	CP_TOPIC_KEEPING, /* that the spool can not be written to */
	CP_TOPIC_LOSS,
	CP_TOPIC_JOIN,
	CP_TOPIC_ENCODE,
	CP_TOPIC_LISTEN,
	CP_TOPIC_SECRETS,
	CP_TOPICS
};

struct cp_log;

/* Lines go to stderr until cp_log_open. Any thread may write. NULL when out of memory. */
struct cp_log *cp_log_new(void);
void cp_log_free(struct cp_log *log);
/* Appends to file from now on; the first successful call counts. own: the file is ours alone, so it
 * is kept below 1 MiB with one predecessor (.1). 0 or -errno. */
int cp_log_open(struct cp_log *log, const char *file, uint32_t level, int own);
/* A NULL log is allowed everywhere and says nothing. */
void cp_log_line(struct cp_log *log, enum cp_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void cp_log_change(struct cp_log *log, enum cp_topic topic, enum cp_level level, const char *format,
		   ...) __attribute__((format(printf, 4, 5)));
/* That state is over: the same text is said again. */
void cp_log_forget(struct cp_log *log, enum cp_topic topic);
/* The last line of level error or warning, for `conprof status`; out is emptied when there is none.
 */
void cp_log_last(struct cp_log *log, char *out, uint32_t out_len);
