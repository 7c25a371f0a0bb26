/* pull_index.c - the page at /debug/pprof/. */
/* SPDX-License-Identifier: MIT */
#include "uploader/pull_index.h"

#include <string.h>

#include "uploader/pull_profile.h"

/* Names come from the programs: nothing of them is markup. */
static void add_escaped(struct cp_text *out, const char *text)
{
	for (; *text; text++) {
		const char *as = *text == '<'	 ? "&lt;"
				 : *text == '>'	 ? "&gt;"
				 : *text == '&'	 ? "&amp;"
				 : *text == '"'	 ? "&quot;"
				 : *text == '\'' ? "&#39;"
						 : NULL;
		cp_text_add_bytes(out, as ? as : text, as ? strlen(as) : 1);
	}
}

static void add_link(struct cp_text *out, const char *program)
{
	for (; *program; program++) {
		unsigned char c = (unsigned char)*program;
		if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
			cp_text_add_bytes(out, program, 1);
		else
			cp_text_addf(out, "%%%02X", c);
	}
}

static void add_programs(const struct cp_family *family, struct cp_text *out)
{
	cp_text_add(out, "<h2>Programs</h2>\n<ul>\n");
	for (const struct cp_program *p = family->programs; p; p = p->next) {
		if (!p->living)
			continue;
		cp_text_add(out, "<li><a href=\"/");
		add_link(out, p->service);
		cp_text_add(out, "/debug/pprof/\">");
		add_escaped(out, p->service);
		cp_text_addf(out, "</a>, processes %u: ", p->living);
		add_escaped(out, p->exe);
		cp_text_add(out, "\n");
	}
	cp_text_add(out, "</ul>\n");
}

void cp_pull_index(const struct cp_family *family, const struct cp_program *program,
		   struct cp_text *out)
{
	cp_text_add(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>");
	add_escaped(out, program->service);
	cp_text_add(out, " - /debug/pprof/</title>\n<h1>");
	add_escaped(out, program->service);
	cp_text_add(out, "</h1>\n<ul>\n");
	for (const struct cp_pulled *p = cp_pulled; p->name; p++)
		cp_text_addf(out, "<li><a href=\"%s\">%s</a>: %s\n", p->name, p->name, p->what);
	cp_text_add(out, "<li><a href=\"cmdline\">cmdline</a>: its arguments\n"
			 "<li>symbol: what addresses are called, by POST or ?0x1+0x2\n</ul>\n"
			 "<p>?debug=1: as text. ?pid=N: of one process alone.</p>\n");
	add_programs(family, out);
	cp_text_add(out, "</html>\n");
}
