/* demangle.c - linker names as people wrote them. */
/* SPDX-License-Identifier: MIT */
#include "encoder/demangle.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Longer linker names exist in nobody's program that a reader could still read. */
#define CP_MANGLED_MAX 8192u

struct collected {
	char *text;
	size_t len, room;
	jmp_buf enough;
};

/* A short linker name can stand for gigabytes of text (each template argument twice the one
 * before), and the demangler cannot be told to stop: so leave it. It holds no memory by then. */
static void collect(const char *piece, size_t len, void *opaque)
{
	struct collected *collected = opaque;
	size_t left = collected->room - collected->len;
	size_t part = len < left ? len : left;
	memcpy(collected->text + collected->len, piece, part);
	collected->len += part;
	if (part < len)
		longjmp(collected->enough, 1);
}

/* What is collected belongs to the caller: the jump leaves nothing of this frame undefined. */
static bool try_demangle(const char *name, struct collected *collected)
{
	if (setjmp(collected->enough))
		return true;
	if (rust_demangle_callback(name, 0, collect, collected))
		return true;
	collected->len = 0;
	return !strncmp(name, "_Z", 2) &&
	       cplus_demangle_v3_callback(name, DMGL_PARAMS | DMGL_ANSI, collect, collected);
}

/* .cold, .part.0, .constprop.0, .isra.0, .lto_priv.0, .llvm.123: pieces of one written function. */
static void cut_clone(char *name)
{
	static const char *const marks[] = {".cold",  ".part.",	    ".constprop.", ".isra.",
					    ".llvm.", ".lto_priv.", ".localalias"};
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
		char *found = strstr(name, marks[i]);
		if (found && found != name)
			*found = 0;
	}
}

void cp_demangle(const char *name, char *text, size_t text_len)
{
	char plain[CP_MANGLED_MAX];
	size_t len = strcspn(name, "@");
	snprintf(plain, sizeof(plain), "%.*s", (int)(len < sizeof(plain) ? len : sizeof(plain)),
		 name);
	cut_clone(plain);
	if (!text_len)
		return;
	if (len < sizeof(plain) && (!strncmp(plain, "_Z", 2) || !strncmp(plain, "_R", 2))) {
		struct collected collected = {.text = text, .room = text_len - 1};
		if (try_demangle(plain, &collected) && collected.len) {
			text[collected.len] = 0;
			return;
		}
	}
	snprintf(text, text_len, "%s", plain);
}
