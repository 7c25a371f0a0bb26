/* query.h - what a request's line asks for: its path, its parameters. Pure. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

/* %XX undone, in place; '+' is a blank where plus says so. -1 for what is no escape or a NUL. */
int cp_query_unescape(char *text, int plus);
/* The first value of a parameter in "a=1&b=2", unescaped, into out: 1; 0: there is none, or it is
 * no text, or does not fit. */
int cp_query_value(const char *query, const char *key, char *out, size_t out_len);
/* A whole number as Go's strconv reads it, with a sign, of at most 18 digits; otherwise what is
 * otherwise. */
long long cp_query_number(const char *query, const char *key, long long otherwise);
