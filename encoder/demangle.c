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
	if (part) /* a piece of nothing may be NULL */
		memcpy(collected->text + collected->len, piece, part);
	collected->len += part;
	if (part < len)
		longjmp(collected->enough, 1);
}

/* What is collected belongs to the caller: the jump leaves nothing of this frame undefined. */
static bool try_rust(const char *name, enum cp_demangling how, struct collected *collected)
{
	if (setjmp(collected->enough))
		return true;
	return rust_demangle_callback(name, how == CP_DEMANGLE_FULL ? DMGL_VERBOSE : 0, collect,
				      collected);
}

static bool try_cpp(const char *name, enum cp_demangling how, struct collected *collected)
{
	int options = how == CP_DEMANGLE_FULL ? DMGL_PARAMS | DMGL_ANSI : DMGL_ANSI | DMGL_RET_DROP;
	if (setjmp(collected->enough))
		return true;
	return cplus_demangle_v3_callback(name, options, collect, collected);
}

static bool is_mangled(const char *name)
{
	return !strncmp(name, "_Z", 2) || !strncmp(name, "_R", 2);
}

/* Whether text was written. */
static bool demangle(const char *name, enum cp_demangling how, char *text, size_t text_len)
{
	struct collected collected = {.text = text, .room = text_len - 1};
	if (!is_mangled(name))
		return false;
	if (try_rust(name, how, &collected) && collected.len) {
		text[collected.len] = 0;
		return true;
	}
	collected.len = 0;
	if (strncmp(name, "_Z", 2) != 0 || !try_cpp(name, how, &collected) || !collected.len)
		return false;
	text[collected.len] = 0;
	if (how == CP_DEMANGLE_SHORT)
		cp_demangle_shorten(text);
	return true;
}

/* What compilers and linkers hang on to the pieces and copies of one written function. */
static bool is_mark(const char *word, size_t len)
{
	static const char *const marks[] = {
	    "cold",   "part", "constprop",  "isra",  "llvm",	"lto_priv", "__part",
	    "__uniq", "warm", "localalias", "clone", "argelim", "argprom",  "specialized"};
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		if (strlen(marks[i]) == len && !memcmp(marks[i], word, len))
			return true;
	return false;
}

/* The length of the name without any number of ".mark" and ".mark.123" at its end. */
static size_t without_marks(const char *name, size_t len)
{
	for (size_t end = len; end;) {
		const char *dot = memrchr(name, '.', end);
		if (!dot || dot == name)
			return len;
		size_t word = end - (size_t)(dot + 1 - name);
		end = (size_t)(dot - name);
		if (is_mark(dot + 1, word))
			len = end;
		else if (!word || strspn(dot + 1, "0123456789") < word)
			return len;
	}
	return len;
}

void cp_demangle(const char *name, enum cp_demangling how, char *text, size_t text_len)
{
	char plain[CP_MANGLED_MAX];
	if (!text_len)
		return;
	/* what glibc calls its own functions by inside itself; their cold parts have no other name
	 */
	if (!strncmp(name, "__GI_", 5) && name[5])
		name += 5;
	const char *at = strchr(name, '@');
	size_t len = at && at != name ? (size_t)(at - name) : strlen(name);
	const char *plt = at && !strcmp(at, "@plt") ? at : "";
	size_t kept = how == CP_DEMANGLE_NONE && is_mangled(name) ? len : without_marks(name, len);
	snprintf(plain, sizeof(plain), "%.*s", (int)(kept < sizeof(plain) ? kept : sizeof(plain)),
		 name);
	if (how == CP_DEMANGLE_NONE || kept >= sizeof(plain) ||
	    !demangle(plain, how, text, text_len))
		snprintf(text, text_len, "%s", plain);
	size_t written = strlen(text);
	snprintf(text + written, text_len - written, "%s", plt);
}
