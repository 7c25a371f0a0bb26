/* pull.c - /debug/pprof/: which profile, of whom, and what needs no profile. */
/* SPDX-License-Identifier: MIT */
#include "uploader/pull.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "uploader/pull_index.h"
#include "uploader/pull_profile.h"
#include "uploader/pull_symbol.h"

#define ROOT	    "/debug/pprof"
#define CMDLINE_MAX ((size_t)1 << 20)

static const char plain[] = "text/plain; charset=utf-8";

/* The arguments with NUL between them, as the kernel has them. */
static int read_arguments(pid_t pid, struct cp_text *out)
{
	char path[32], piece[4096];
	ssize_t n = 0;
	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (out->len < CMDLINE_MAX && (n = read(fd, piece, sizeof piece)) > 0)
		cp_text_add_bytes(out, piece, (size_t)n);
	int error = n < 0 ? -errno : 0;
	close(fd);
	if (out->len && !out->data[out->len - 1])
		out->len--;
	return error;
}

static void serve_cmdline(struct cp_family *family, struct cp_ask *ask,
			  const struct cp_chosen *chosen)
{
	struct cp_text text = {0};
	const struct cp_member *first = cp_chosen_first(family, chosen);
	if (first && !read_arguments(first->pid, &text)) {
		cp_ask_text(ask, plain, &text);
		return;
	}
	cp_text_free(&text);
	cp_ask_error(ask, 404, "the process is gone");
}

static void serve_index(struct cp_family *family, struct cp_ask *ask,
			const struct cp_chosen *chosen)
{
	struct cp_text text = {0};
	cp_pull_index(family, chosen->program, &text);
	cp_ask_header(ask, "Content-Security-Policy", "default-src 'none'");
	cp_ask_text(ask, "text/html; charset=utf-8", &text);
}

static const struct {
	const char *name;
	unsigned methods;
	void (*serve)(struct cp_family *family, struct cp_ask *ask, const struct cp_chosen *chosen);
} kinds[] = {
    {"", CP_GET, serve_index},
    {"cmdline", CP_GET, serve_cmdline},
    {"symbol", CP_GET | CP_POST, cp_pull_symbol},
};

/* rest: what is behind /debug/pprof/. */
static void serve(struct cp_family *family, struct cp_ask *ask, const char *program,
		  const char *rest)
{
	struct cp_chosen chosen;
	unsigned method = ask->method == CP_HEAD ? CP_GET : ask->method;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(kinds[i].name, rest) != 0)
			continue;
		if (!(kinds[i].methods & method))
			cp_ask_error(ask, 405, "405 Method Not Allowed");
		else if (!cp_chosen_find(family, ask, program, &chosen))
			kinds[i].serve(family, ask, &chosen);
		return;
	}
	for (const struct cp_pulled *pulled = cp_pulled; pulled->name; pulled++) {
		if (strcmp(pulled->name, rest) != 0)
			continue;
		if (method != CP_GET)
			cp_ask_error(ask, 405, "405 Method Not Allowed");
		else if (!cp_chosen_find(family, ask, program, &chosen))
			cp_pull_profile(family, ask, &chosen, pulled);
		return;
	}
	cp_ask_error(ask, 404, "Unknown profile");
}

void cp_pull_serve(struct cp_family *family, struct cp_ask *ask)
{
	serve(family, ask, "", ask->path + strlen(ROOT "/"));
}

/* A program's name may hold '/': what is asked for stands behind the last ROOT. */
void cp_pull_serve_mounted(struct cp_family *family, struct cp_ask *ask)
{
	char *at = NULL;
	for (char *next = strstr(ask->path, ROOT "/"); next; next = strstr(next + 1, ROOT "/"))
		at = next;
	if (!at || at == ask->path) {
		cp_ask_error(ask, 404, "404 page not found");
		return;
	}
	*at = '\0';
	serve(family, ask, ask->path + 1, at + strlen(ROOT "/"));
}

/* Go's pages are relative to the folder. */
void cp_pull_redirect(struct cp_family *family, struct cp_ask *ask)
{
	(void)family;
	cp_ask_header(ask, "Location", ROOT "/");
	cp_ask_fixed(ask, 301, plain, "", 0);
}
