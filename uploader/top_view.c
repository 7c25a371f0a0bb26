/* top_view.c - what `conprof top` shows, as lines of text. */
/* SPDX-License-Identifier: MIT */
#include "uploader/top_view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>
#include <wctype.h>

#include "uploader/quantity.h"

const struct cp_top_dimension cp_top_dimensions[CP_TOP_DIMENSIONS] = {
    {"CPU time", "cpu", "cpu", CP_PROFILE_CPU, 1},
    {"Allocations", "alloc_objects", "allocs", CP_PROFILE_HEAP, 1},
    {"Allocated memory", "alloc_space", "alloc_bytes", CP_PROFILE_HEAP, 1},
    {"Live heap objects", "inuse_objects", "objects", CP_PROFILE_HEAP, 0},
    {"Live heap size", "inuse_space", "bytes", CP_PROFILE_HEAP, 0},
    {"Threads", "goroutine", "threads", CP_PROFILE_THREADS, 0},
};
#define HEAD_ROWS 5 /* above the functions, with the one below them */

/* What turns the direction of text, or is nowhere to be seen. */
static int is_trick(wint_t c)
{
	return (c >= 0x80 && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

void cp_top_name(const char *name, size_t columns, int utf8, struct cp_text *out)
{
	mbstate_t state = {0};
	while (*name && columns) {
		size_t len = cp_text_utf8(name);
		wchar_t wide = 0;
		int width = 1;
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): the state is our own */
		if (len > 1 && utf8 && mbrtowc(&wide, name, len, &state) == len) {
			width = is_trick((wint_t)wide) ? -1 : wcwidth(wide);
		} else if (len != 1 || *name < ' ' || *name == 0x7f) {
			width = -1;
			memset(&state, 0, sizeof state);
		}
		if (width > 0 && (size_t)width > columns)
			return;
		if (width < 0)
			cp_text_add(out, "?");
		else
			cp_text_add_bytes(out, name, len);
		columns -= width < 0 ? 1 : (size_t)width;
		name += len ? len : 1;
	}
}

void cp_top_forget(struct cp_top_view *view)
{
	free(view->sums);
	cp_reader_close(view->reader);
	view->sums = NULL;
	view->reader = NULL;
	view->count = 0;
	view->answered = view->recorded = 0;
}

static double size_of(const struct cp_function_sum *sum, int by_total)
{
	int64_t value = by_total ? sum->total : sum->self;
	return value < 0 ? -(double)value : (double)value;
}

static int by_size(const void *a, const void *b, void *by_total)
{
	const struct cp_function_sum *x = a, *y = b;
	int total = *(const int *)by_total;
	for (int i = 0; i < 2; i++, total = !total) {
		double p = size_of(x, total), q = size_of(y, total);
		if (p != q)
			return p < q ? 1 : -1;
	}
	return strcmp(x->name, y->name);
}

void cp_top_sort(struct cp_top_view *view)
{
	if (view->count)
		qsort_r(view->sums, view->count, sizeof *view->sums, by_size, &view->by_total);
}

int cp_top_take(struct cp_top_view *view, const struct cp_bytes *bytes)
{
	const struct cp_top_dimension *dimension = &cp_top_dimensions[view->dimension];
	cp_top_forget(view);
	view->answered = 1;
	view->shown = view->dimension;
	if (!bytes->len)
		return 0;
	int error = cp_reader_open(bytes, &view->reader);
	if (error)
		return error;
	view->seconds = (double)cp_reader_duration(view->reader) / 1e9;
	for (size_t type = 0; type < cp_reader_types(view->reader); type++) {
		if (strcmp(cp_reader_type(view->reader, type), dimension->type) != 0)
			continue;
		view->recorded = 1;
		snprintf(view->unit, sizeof view->unit, "%s", cp_reader_unit(view->reader, type));
		error = cp_reader_sum(view->reader, type, &view->sums, &view->count, &view->whole);
	}
	cp_top_sort(view);
	return error;
}

void cp_top_filter(struct cp_top_view *view)
{
	if (view->has_expression)
		regfree(&view->expression);
	view->has_expression = 0;
	view->first = 0;
	view->message[0] = '\0';
	if (!view->filter[0])
		return;
	int error = regcomp(&view->expression, view->filter, REG_EXTENDED | REG_NOSUB);
	if (!error) {
		view->has_expression = 1;
		return;
	}
	char why[128];
	regerror(error, &view->expression, why, sizeof why);
	snprintf(view->message, sizeof view->message, "/%.100s: %s", view->filter, why);
	view->filter[0] = '\0';
}

/* Per second where it is a rate. */
static void quantity(const struct cp_top_view *view, int64_t value, char *text, size_t room)
{
	const struct cp_top_dimension *dimension = &cp_top_dimensions[view->shown];
	char plain[32];
	double rate = (double)value;
	if (dimension->rate && view->seconds > 0)
		rate /= view->seconds;
	cp_quantity((int64_t)(rate < 0 ? rate - 0.5 : rate + 0.5), view->unit, plain, sizeof plain);
	snprintf(text, room, "%s%s", plain, dimension->rate && view->seconds > 0 ? "/s" : "");
}

static void paint(const struct cp_top_view *view, const char *code, struct cp_text *out)
{
	if (view->colours)
		cp_text_addf(out, "\033[%sm", code);
}

/* A screen is written over, so each line is wiped to its end. */
static void end_line(const struct cp_top_view *view, struct cp_text *out)
{
	cp_text_add(out, view->batch ? "\n" : "\033[K\n");
}

static void draw_head(const struct cp_top_view *view, struct cp_text *out)
{
	char line[400], whole[40], now[16] = "";
	const struct cp_top_dimension *dimension = &cp_top_dimensions[view->dimension];
	time_t seconds = time(NULL);
	struct tm tm;
	if (localtime_r(&seconds, &tm))
		strftime(now, sizeof now, "%H:%M:%S", &tm);
	paint(view, "1", out);
	cp_top_name(view->service, 100, view->utf8, out);
	paint(view, "0", out);
	if (view->pid)
		snprintf(line, sizeof line, ", process %d", view->pid);
	else
		snprintf(line, sizeof line, ", %u process%s", view->processes,
			 view->processes == 1 ? "" : "es");
	cp_text_addf(out, "%s, %s", line, now);
	end_line(view, out);
	quantity(view, view->whole, whole, sizeof whole);
	cp_text_addf(out, "%s: ", dimension->title);
	if (!view->answered || view->shown != view->dimension)
		cp_text_add(out, "collecting...");
	else if (!view->recorded)
		cp_text_add(out, "not recorded");
	else if (dimension->rate && view->seconds > 0)
		cp_text_addf(out, "%s in %.1f s", whole, view->seconds);
	else
		cp_text_add(out, whole);
	if (view->filter[0] && !view->message[0]) {
		cp_text_add(out, ", functions like ");
		cp_top_name(view->filter, 60, view->utf8, out);
	}
	end_line(view, out);
}

static void draw_keys(const struct cp_top_view *view, struct cp_text *out)
{
	static const char *const words[CP_TOP_DIMENSIONS] = {
	    "CPU", "allocations", "allocated", "live objects", "live size", "threads"};
	size_t used = 0;
	for (int i = 0; i < CP_TOP_DIMENSIONS; i++) {
		size_t len = strlen(words[i]) + 4;
		if (used + len > view->columns)
			break;
		used += len;
		paint(view, i == view->dimension ? "7" : "2", out);
		cp_text_addf(out, "%d %s", i + 1, words[i]);
		paint(view, "0", out);
		cp_text_add(out, "  ");
	}
	end_line(view, out);
}

/* Where there is no room for all, what is not sorted by goes, then quantities: the name stays. */
static int has_column(const struct cp_top_view *view, int total)
{
	return view->batch || view->columns >= 60 || !view->by_total == !total;
}

static int has_quantities(const struct cp_top_view *view)
{
	return view->batch || view->columns >= 40;
}

static void draw_titles(const struct cp_top_view *view, struct cp_text *out)
{
	static const char *const titles[2][2] = {{"self", "SELF"}, {"total", "TOTAL"}};
	for (int i = 0; i < 2; i++) {
		if (!has_column(view, i))
			continue;
		if (has_quantities(view))
			cp_text_addf(out, "%14s ", titles[i][!view->by_total == !i]);
		cp_text_addf(out, "%6s ", "%");
	}
	cp_text_add(out, " function");
}

static void draw_row(const struct cp_top_view *view, const struct cp_function_sum *sum,
		     struct cp_text *out)
{
	const int64_t values[] = {sum->self, sum->total};
	double whole = view->whole ? (double)view->whole : 1;
	size_t from = out->len;
	for (int i = 0; i < 2; i++) {
		char text[40];
		if (!has_column(view, i))
			continue;
		quantity(view, values[i], text, sizeof text);
		if (has_quantities(view))
			cp_text_addf(out, "%14s ", text);
		cp_text_addf(out, "%6.2f ", 100 * (double)values[i] / whole);
	}
	cp_text_add(out, " ");
	size_t used = out->len - from;
	size_t room = view->batch ? SIZE_MAX : view->columns > used ? view->columns - used : 1;
	cp_top_name(sum->name, room, view->utf8, out);
	end_line(view, out);
}

static void draw_rows(struct cp_top_view *view, struct cp_text *out)
{
	size_t room = view->batch ? SIZE_MAX : view->rows > HEAD_ROWS ? view->rows - HEAD_ROWS : 0;
	size_t matching = 0, shown = 0;
	if (view->shown != view->dimension)
		return;
	for (size_t i = 0; i < view->count && shown < room; i++) {
		if (view->has_expression &&
		    regexec(&view->expression, view->sums[i].name, 0, NULL, 0))
			continue;
		if (matching++ < view->first)
			continue;
		draw_row(view, &view->sums[i], out);
		shown++;
	}
	if (view->first && !shown) /* fewer than there were */
		view->first = 0;
}

void cp_top_draw(struct cp_top_view *view, struct cp_text *out)
{
	if (!view->batch)
		cp_text_add(out, "\033[H");
	draw_head(view, out);
	if (!view->batch)
		draw_keys(view, out);
	paint(view, "1", out);
	draw_titles(view, out);
	paint(view, "0", out);
	end_line(view, out);
	draw_rows(view, out);
	if (view->batch)
		return;
	cp_text_addf(out, "\033[J\033[%u;1H", view->rows);
	if (view->message[0])
		cp_top_name(view->message, view->columns, view->utf8, out);
	else
		cp_top_name("q quit  s by self  t by total  / filter  Tab next program  up, down",
			    view->columns, view->utf8, out);
	cp_text_add(out, "\033[K");
}
