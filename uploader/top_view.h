/* top_view.h - what `conprof top` shows, as lines of text. No terminal is asked here. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <regex.h>

#include "encoder/reader.h"
#include "uploader/text.h"

#define CP_TOP_DIMENSIONS 6
/* The six, in the order of their keys. */
struct cp_top_dimension {
	const char *title, *type, *word;
	enum cp_profile profile;
	int rate; /* what is new in the time; else what is there at its end */
};
extern const struct cp_top_dimension cp_top_dimensions[CP_TOP_DIMENSIONS];

struct cp_top_view {
	int dimension;
	int by_total;
	int colours, utf8;	/* what the terminal can show */
	int batch;		/* no screen: everything, and no keys */
	unsigned columns, rows; /* of the screen */
	size_t first;		/* the row on top */
	char service[256];
	unsigned processes;
	int pid;
	char message[256]; /* in place of the keys */
	char filter[128];
	regex_t expression; /* when has_expression */
	int has_expression;

	/* the answer */
	int answered, recorded;
	int shown; /* the dimension it is of */
	struct cp_function_sum *sums;
	size_t count;
	int64_t whole;
	char unit[16];
	double seconds;
	struct cp_reader *reader;
};

/* The profile is the view's now; its bytes stay the caller's. 0 or -errno. */
int cp_top_take(struct cp_top_view *view, const struct cp_bytes *bytes);
/* In the order of the view. */
void cp_top_sort(struct cp_top_view *view);
/* Filters by view->filter; an expression that is none is said, and nothing is filtered. */
void cp_top_filter(struct cp_top_view *view);
void cp_top_draw(struct cp_top_view *view, struct cp_text *out);
void cp_top_forget(struct cp_top_view *view);
/* A name as text that no terminal takes for a command, cut to so many columns. */
void cp_top_name(const char *name, size_t columns, int utf8, struct cp_text *out);
