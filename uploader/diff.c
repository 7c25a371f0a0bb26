/* diff.c - `conprof diff BEFORE AFTER`: which functions take more than before, and which less. */
/* SPDX-License-Identifier: MIT */
#include "uploader/diff.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uploader/look_file.h"
#include "uploader/quantity.h"
#include "uploader/text.h"
#include "uploader/top_view.h"

/* Lines of each type; more are for a page. */
#define LINES_MAX 20

struct side {
	struct cp_bytes bytes;
	struct cp_reader *reader;
	struct cp_function_sum *sums;
	size_t count;
	int64_t whole;
};

struct row {
	const char *name;
	double self[2], total[2]; /* shares of the whole: before, after */
};

static int by_name(const void *a, const void *b)
{
	const struct cp_function_sum *x = a, *y = b;
	return strcmp(x->name, y->name);
}

static double share(int64_t part, int64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void add(struct row *row, const struct cp_function_sum *sum, int64_t whole, int side)
{
	row->name = sum->name;
	row->self[side] = share(sum->self, whole);
	row->total[side] = share(sum->total, whole);
}

/* Both in the order of names, merged. */
static size_t merge(const struct side sides[2], struct row *rows)
{
	size_t at[2] = {0}, count = 0;
	while (at[0] < sides[0].count || at[1] < sides[1].count) {
		int order = at[0] == sides[0].count ? 1
			    : at[1] == sides[1].count
				? -1
				: strcmp(sides[0].sums[at[0]].name, sides[1].sums[at[1]].name);
		struct row *row = &rows[count++];
		*row = (struct row){0};
		if (order <= 0)
			add(row, &sides[0].sums[at[0]++], sides[0].whole, 0);
		if (order >= 0)
			add(row, &sides[1].sums[at[1]++], sides[1].whole, 1);
	}
	return count;
}

/* What changed most comes first: by what functions do themselves, then with what they call. */
static int by_change(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	double self_x = fabs(x->self[1] - x->self[0]), self_y = fabs(y->self[1] - y->self[0]);
	double total_x = fabs(x->total[1] - x->total[0]), total_y = fabs(y->total[1] - y->total[0]);
	if (self_x != self_y)
		return self_x < self_y ? 1 : -1;
	if (total_x != total_y)
		return total_x < total_y ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* A profile's texts are anybody's: to a terminal they are no commands. */
static void print_name(const char *name, const char *behind)
{
	struct cp_text shown = {0};
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
	cp_top_name(name, SIZE_MAX, setlocale(LC_CTYPE, "C.UTF-8") != NULL, &shown);
	printf("%s%s", shown.data ? shown.data : "", behind);
	cp_text_free(&shown);
}

static void print_rows(const char *type, const char *unit, const struct side sides[2],
		       const struct row *rows, size_t count)
{
	char before[32], after[32], wholes[80];
	cp_quantity(sides[0].whole, unit, before, sizeof before);
	cp_quantity(sides[1].whole, unit, after, sizeof after);
	snprintf(wholes, sizeof wholes, "%s before, %s after", before, after);
	print_name(type, ": ");
	print_name(wholes, "\n");
	printf("%21s %21s\n%10s %10s %10s %10s\n", "self, % of all", "total, % of all", "after",
	       "change", "after", "change");
	for (size_t i = 0; i < count && i < LINES_MAX; i++) {
		printf("%10.2f %+10.2f %10.2f %+10.2f  ", rows[i].self[1],
		       rows[i].self[1] - rows[i].self[0], rows[i].total[1],
		       rows[i].total[1] - rows[i].total[0]);
		print_name(rows[i].name, "\n");
	}
	if (count > LINES_MAX)
		printf("%*s%zu more functions\n", 45, "", count - LINES_MAX);
}

static int sum(struct side *side, size_t type)
{
	free(side->sums);
	side->sums = NULL;
	int error = cp_reader_sum(side->reader, type, &side->sums, &side->count, &side->whole);
	if (!error)
		qsort(side->sums, side->count, sizeof *side->sums, by_name);
	return error;
}

static int print_type(struct side sides[2], size_t before, size_t after)
{
	const struct cp_reader *reader = sides[1].reader;
	int error = sum(&sides[0], before) || sum(&sides[1], after);
	struct row *rows = error ? NULL : calloc(sides[0].count + sides[1].count + 1, sizeof *rows);
	if (!rows)
		return 1;
	size_t count = merge(sides, rows);
	qsort(rows, count, sizeof *rows, by_change);
	print_rows(cp_reader_type(reader, after), cp_reader_unit(reader, after), sides, rows,
		   count);
	free(rows);
	return 0;
}

static int print_all(struct side sides[2])
{
	int found = 0, error = 0;
	for (size_t after = 0; after < cp_reader_types(sides[1].reader); after++) {
		const char *type = cp_reader_type(sides[1].reader, after);
		for (size_t before = 0; before < cp_reader_types(sides[0].reader); before++) {
			if (strcmp(cp_reader_type(sides[0].reader, before), type) != 0)
				continue;
			if (found++)
				printf("\n");
			error |= print_type(sides, before, after);
			break;
		}
	}
	if (error)
		fprintf(stderr, "conprof diff: out of memory\n");
	else if (!found)
		fprintf(stderr, "conprof diff: the profiles have no sample type in common\n");
	return cp_text_arrived("diff") || error || !found;
}

static void close_side(struct side *side)
{
	cp_reader_close(side->reader);
	free(side->bytes.data);
	free(side->sums);
}

int cp_diff_print(const char *before, const char *after)
{
	struct side sides[2] = {0};
	int error = cp_look_open("diff", before, &sides[0].bytes, &sides[0].reader) ||
		    cp_look_open("diff", after, &sides[1].bytes, &sides[1].reader) ||
		    print_all(sides);
	close_side(&sides[0]);
	close_side(&sides[1]);
	return error;
}
