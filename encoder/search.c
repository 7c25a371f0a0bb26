/* search.c - where debug files are looked for beyond a module's own folder. */
/* SPDX-License-Identifier: MIT */
#include "encoder/search.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include "encoder/debuginfod.h"

void cp_search_say(const struct cp_search *search, const char *format, ...)
{
	char line[500];
	va_list words;
	if (!search->say)
		return;
	va_start(words, format);
	vsnprintf(line, sizeof(line), format, words);
	va_end(words);
	search->say(search->ctx, line);
}

void cp_search_set(struct cp_search *search, const char *dirs, const char *urls, const char *cache,
		   const char *program)
{
	snprintf(search->dirs, sizeof(search->dirs), "%s", dirs);
	cp_search_close(search);
	search->debuginfod = urls ? cp_debuginfod_new(urls, cache, program) : NULL;
}

void cp_search_close(struct cp_search *search)
{
	cp_debuginfod_free(search->debuginfod);
	search->debuginfod = NULL;
}

uint32_t cp_search_look(struct cp_search *search, int start)
{
	struct timespec now;
	if (!search->debuginfod)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &now);
	const char *line = cp_debuginfod_look(
	    search->debuginfod, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, start);
	if (line)
		cp_search_say(search, "%s", line);
	return cp_debuginfod_arrivals(search->debuginfod);
}
