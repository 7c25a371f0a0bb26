/* search.h - where debug files are looked for beyond a module's own folder. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

struct cp_debuginfod;
struct cp_scratches;

struct cp_search {
	char dirs[256]; /* absolute paths, with ':' between, before /usr/lib/debug */
	struct cp_debuginfod *debuginfod; /* NULL: nobody is asked */
	struct cp_scratches *scratches;	  /* NULL: nothing is unpacked on disk */
	void (*say)(void *ctx, const char *line);
	void *ctx;
};

/* A line for whoever reads the log, if anybody listens. */
void cp_search_say(const struct cp_search *search, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* As cp_symbols_search. */
void cp_search_set(struct cp_search *search, const char *dirs, const char *urls, const char *cache,
		   const char *program);
void cp_search_close(struct cp_search *search);
/* Sees to what is on its way; start: asks for what is wanted. How often something came. */
uint32_t cp_search_look(struct cp_search *search, int start);
