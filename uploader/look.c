/* look.c - `conprof flame` and `conprof diff`: profiles from files, as a page or as lines. */
/* SPDX-License-Identifier: MIT */
#include "uploader/look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "uploader/diff.h"
#include "uploader/look_file.h"
#include "uploader/page.h"

#define FILES_MAX 512

struct look {
	const char *command, *output;
	const char *files[FILES_MAX];
	int count;
};

static int complain(const struct look *look, const char *what, const char *why, int status)
{
	fprintf(stderr, "conprof %s: %s: %s\n", look->command, what, why);
	return status;
}

static int parse(char **args, struct look *look)
{
	int words = 0;
	for (; *args; args++) {
		if (!words && !strcmp(*args, "--")) {
			words = 1;
		} else if (!words && !strcmp(*args, "-o")) {
			look->output = *++args;
			if (!*args)
				return complain(look, "-o", "needs the name of a file", 2);
		} else if (!words && **args == '-') {
			return complain(look, *args, "no such option (conprof -h helps)", 2);
		} else if (look->count == FILES_MAX) {
			return complain(look, *args, "too many files", 2);
		} else {
			look->files[look->count++] = *args;
		}
	}
	return 0;
}

static int write_page(const struct look *look, const struct cp_text *page)
{
	FILE *file = look->output ? fopen(look->output, "we") : stdout;
	if (!file)
		return complain(look, look->output, cp_text_error(-errno), 1);
	size_t done = fwrite(page->data, 1, page->len, file);
	int bad = done != page->len || (file == stdout ? fflush(file) : fclose(file));
	return bad ? complain(look, look->output ? look->output : "stdout", cp_text_error(-errno),
			      1)
		   : 0;
}

/* "redis-1-20261121T120000Z-0.cpu.pprof" and "....heap.pprof" are of one moment. */
static size_t stem(const char *name)
{
	static const char *const kinds[] = {"cpu", "heap", "delta-heap", "threads", "goroutines"};
	const char *end = strstr(name, ".pprof");
	if (!end)
		return strlen(name);
	const char *dot = memrchr(name, '.', (size_t)(end - name));
	size_t len = dot ? (size_t)(end - dot) - 1 : 0;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds && dot; i++)
		if (strlen(kinds[i]) == len && !strncmp(dot + 1, kinds[i], len))
			return (size_t)(dot - name);
	return (size_t)(end - name);
}

struct pages {
	struct cp_page_profile profiles[FILES_MAX];
	struct cp_page_moment moments[FILES_MAX];
	char labels[FILES_MAX][256];
	size_t count;
};

/* Each file is a moment of its own, or joins the one before, whose stem it has. */
static void group(const struct look *look, struct pages *pages, int apart)
{
	for (int i = 0; i < look->count; i++) {
		const char *name = cp_text_base(look->files[i]);
		size_t len = stem(name);
		struct cp_page_moment *last =
		    pages->count ? &pages->moments[pages->count - 1] : NULL;
		pages->profiles[i].name = name;
		if (!apart && last && strlen(last->label) == len &&
		    !strncmp(last->label, name, len)) {
			last->count++;
			continue;
		}
		char *label = pages->labels[pages->count];
		snprintf(label, sizeof pages->labels[0], "%.*s", (int)(apart ? strlen(name) : len),
			 name);
		pages->moments[pages->count++] =
		    (struct cp_page_moment){label, &pages->profiles[i], 1};
	}
}

static int read_files(const struct look *look, struct pages *pages)
{
	for (int i = 0; i < look->count; i++) {
		struct cp_reader *reader;
		int error =
		    cp_look_open(look->command, look->files[i], &pages->profiles[i].bytes, &reader);
		if (error)
			return error;
		cp_reader_close(reader);
		if (cp_look_for_browser(&pages->profiles[i].bytes))
			return complain(look, look->files[i], cp_text_error(-ENOMEM), 1);
	}
	return 0;
}

static int make_page(const struct look *look, int base)
{
	struct pages *pages = calloc(1, sizeof *pages);
	struct cp_text page = {0};
	int error =
	    pages ? read_files(look, pages) : complain(look, "page", cp_text_error(-ENOMEM), 1);
	if (!error) {
		group(look, pages, base >= 0);
		cp_page_make(pages->moments, pages->count, base, &page);
		error = page.failed ? complain(look, "page", cp_text_error(-ENOMEM), 1)
				    : write_page(look, &page);
	}
	for (int i = 0; i < look->count && pages; i++)
		free(pages->profiles[i].bytes.data);
	cp_text_free(&page);
	free(pages);
	return error;
}

int cp_look_flame(char **args)
{
	struct look look = {.command = "flame"};
	int error = parse(args, &look);
	if (error)
		return error;
	if (!look.count)
		return complain(&look, "no profile", "conprof flame FILE... -o page.html", 2);
	if (!look.output && isatty(STDOUT_FILENO))
		return complain(&look, "-o", "say where the page goes", 2);
	return make_page(&look, -1);
}

int cp_look_diff(char **args)
{
	struct look look = {.command = "diff"};
	int error = parse(args, &look);
	if (error)
		return error;
	if (look.count != 2)
		return complain(&look, "two profiles", "conprof diff BEFORE AFTER [-o page.html]",
				2);
	return look.output ? make_page(&look, 0) : cp_diff_print(look.files[0], look.files[1]);
}
