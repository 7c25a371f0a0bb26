/* base_note.c - proves base/note: what fits is there, what does not is cut visibly, one write. */
/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <unistd.h>

#include "base/note.h"
#include "test/unit/unit.h"

static void words_and_numbers(void **state)
{
	struct cp_line line = {0};

	(void)state;
	cp_line_add(&line, "a ");
	cp_line_number(&line, 0);
	cp_line_add(&line, " ");
	cp_line_number(&line, UINT64_MAX);
	cp_line_add(&line, " ");
	cp_line_hex(&line, 0xdeadbeef01);
	assert_string_equal(line.text, "a 0 18446744073709551615 deadbeef01");
	assert_int_equal(line.len, strlen(line.text));
}

static void quotes_mask_and_shorten(void **state)
{
	struct cp_line line = {0};

	(void)state;
	cp_line_quote(&line, "a\"b\n\xff\0c", 7, 7);
	cp_line_quote(&line, "abcdef", 6, 3);
	cp_line_quote(&line, "", 0, 3);
	assert_string_equal(line.text, "\"a?b???c\"\"abc...\"\"\"");
}

static void too_much_is_cut_once(void **state)
{
	struct cp_line line = {0};
	size_t len;

	(void)state;
	for (int i = 0; i < 100; i++)
		cp_line_add(&line, "0123456789");
	len = line.len;
	assert_true(line.cut && len < CP_LINE_MAX - 1);
	assert_string_equal(line.text + len - 4, "6...");
	cp_line_add(&line, "more");
	cp_line_number(&line, 7);
	assert_int_equal(line.len, len);
}

static void one_write_with_newline(void **state)
{
	struct cp_line line = {0};
	char got[2 * CP_LINE_MAX];
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	for (int i = 0; i < 100; i++)
		cp_line_add(&line, "0123456789");
	cp_line_write(&line, ends[1]);
	assert_int_equal(read(ends[0], got, sizeof got), line.len + 1);
	assert_int_equal(got[line.len], '\n');
	assert_memory_equal(got, line.text, line.len);
	assert_int_equal(line.text[line.len], '\0');
	close(ends[0]);
	close(ends[1]);
	cp_line_write(&line, ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_and_numbers),
	    cmocka_unit_test(quotes_mask_and_shorten),
	    cmocka_unit_test(too_much_is_cut_once),
	    cmocka_unit_test(one_write_with_newline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
