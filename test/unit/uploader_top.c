/* uploader_top.c - what `conprof top` shows: no name is a command to a terminal, and rows are in
 * order. */
/* SPDX-License-Identifier: MIT */
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/unit.h"
#include "uploader/top_view.h"

static void name_is(const char *name, size_t columns, int utf8, const char *shown)
{
	struct cp_text out = {0};
	cp_top_name(name, columns, utf8, &out);
	assert_string_equal(out.data ? out.data : "", shown);
	cp_text_free(&out);
}

static void names_are_no_commands(void **state)
{
	(void)state;
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	name_is("operator new(unsigned long)", 80, 1, "operator new(unsigned long)");
	name_is("a\033[2Jb\r\n\t\x7f", 80, 1, "a?[2Jb????");
	name_is("c1 \xc2\x9b"
		"31m, broken \xff\xc3, cut \xe2\x82",
		80, 1, "c1 ?31m, broken ??, cut ??");
	name_is("turned \xe2\x80\xae"
		"round \xe2\x81\xa6\xef\xbb\xbf",
		80, 1, "turned ?round ??");
	name_is("M\xc3\xbcller \xe5\xad\x97", 80, 1, "M\xc3\xbcller \xe5\xad\x97");
	name_is("M\xc3\xbcller", 80, 0, "M?ller");
	name_is("abcdef", 3, 1, "abc");
	name_is("ab\xe5\xad\x97"
		"c",
		3, 1, "ab"); /* it takes two columns */
	name_is("abc", SIZE_MAX, 1, "abc");
	name_is("", 3, 1, "");
}

static void a_screen_holds_what_fits(void **state)
{
	struct cp_function_sum *sums = calloc(3, sizeof(*sums));
	struct cp_text out = {0};
	struct cp_top_view view = {.columns = 60, .rows = 7, .service = "a\033b", .processes = 1};
	(void)state;
	sums[0] = (struct cp_function_sum){"small", 10000000, 10000000};
	sums[1] = (struct cp_function_sum){"calls", 0, 100000000};
	sums[2] = (struct cp_function_sum){"works", 90000000, 90000000};
	view.sums = sums;
	view.count = 3;
	view.answered = view.recorded = 1;
	view.whole = 100000000;
	view.seconds = 2;
	strcpy(view.unit, "nanoseconds");
	cp_top_sort(&view);
	assert_string_equal(view.sums[0].name, "works");
	cp_top_draw(&view, &out);
	assert_non_null(strstr(out.data, "a?b, 1 process,"));
	assert_non_null(strstr(out.data, "CPU time: 50.0 ms/s in 2.0 s"));
	assert_non_null(strstr(out.data, "45.0 ms/s  90.00      45.0 ms/s  90.00  works"));
	assert_non_null(strstr(out.data, "small"));
	assert_null(strstr(out.data, "calls"));	  /* two rows fit */
	assert_null(strstr(out.data, "\033[1m")); /* colours nobody asked for */
	cp_text_free(&out);
	view.by_total = 1;
	cp_top_sort(&view);
	assert_string_equal(view.sums[0].name, "calls");
	strcpy(view.filter, "^w");
	cp_top_filter(&view);
	cp_top_draw(&view, &out);
	assert_non_null(strstr(out.data, "works"));
	assert_null(strstr(out.data, "calls"));
	cp_text_free(&out);
	/* a narrow one leaves out numbers, not names */
	view.columns = 46;
	cp_top_draw(&view, &out);
	assert_non_null(strstr(out.data, "TOTAL      %  function"));
	assert_non_null(strstr(out.data, "\n     45.0 ms/s  90.00  works"));
	cp_text_free(&out);
	view.columns = 16;
	cp_top_draw(&view, &out);
	assert_non_null(strstr(out.data, "\n 90.00  works"));
	cp_text_free(&out);
	strcpy(view.filter, "a(");
	cp_top_filter(&view);
	assert_false(view.has_expression);
	assert_non_null(strstr(view.message, "/a(: "));
	cp_top_forget(&view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_no_commands),
	    cmocka_unit_test(a_screen_holds_what_fits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
