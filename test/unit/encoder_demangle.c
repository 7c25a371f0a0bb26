/* encoder_demangle.c - linker names become what people wrote; clean text; nothing explodes. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "encoder/demangle.h"
#include "encoder/text.h"
#include "test/unit/unit.h"

static void names_are_readable(void **state)
{
	static const char *const pairs[][2] = {
	    {"main", "main"},
	    {"memcpy@@GLIBC_2.14", "memcpy"},
	    {"memcpy@GLIBC_2.2.5", "memcpy"},
	    {"_ZN4shop4openEl", "shop::open(long)"},
	    {"_ZN4shop4openEl.cold", "shop::open(long)"},
	    {"work.part.0.constprop.1", "work"},
	    {"_ZNSt6vectorIiSaIiEE9push_backERKi",
	     "std::vector<int, std::allocator<int> >::push_back(int const&)"},
	    {"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad"},
	    {"_RNvC6_123foo3bar", "123foo::bar"},
	    {"_RNvNtC3std5alloc5alloc", "std::alloc::alloc"},
	    {"_Znwm", "operator new(unsigned long)"},
	    {"_Zbroken", "_Zbroken"},
	    {"_R", "_R"},
	    {".hidden", ".hidden"},
	    {"", ""},
	};
	char text[256];
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		cp_demangle(pairs[i][0], text, sizeof(text));
		assert_string_equal(text, pairs[i][1]);
	}
}

static void long_names_are_cut(void **state)
{
	char text[8], name[20001];
	(void)state;
	cp_demangle("_ZN4shop4openEl", text, sizeof(text));
	assert_string_equal(text, "shop::o");
	cp_demangle("plain_name", text, sizeof(text));
	assert_string_equal(text, "plain_n");
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	name[0] = '_';
	name[1] = 'Z';
	cp_demangle(name, text, sizeof(text));
	assert_string_equal(text, "_Zaaaaa");
}

/* Each argument is a pair of the one before: the whole text would be 2^60 letters. */
static void explosive_names_end(void **state)
{
	char name[2048] = "_Z1fSt4pairIiiES_IS0_S0_E", text[4096];
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t len;
	(void)state;
	strcpy(name, "_Z1fSt4pairIiiE");
	for (int i = 1; i < 60; i++) {
		char last[8];
		int n = i - 1;
		len = strlen(name);
		if (n < 36)
			snprintf(last, sizeof(last), "S%c_", digits[n]);
		else
			snprintf(last, sizeof(last), "S1%c_", digits[n - 36]);
		snprintf(name + len, sizeof(name) - len, "S_I%s%sE", last, last);
	}
	cp_demangle(name, text, sizeof(text));
	assert_true(strlen(text) < sizeof(text));
	assert_int_equal(strlen(text), sizeof(text) - 1);
}

static void text_is_cleaned(void **state)
{
	static const char *const pairs[][2] = {
	    {"plain", "plain"},
	    {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
	    {"\xe2\x82\xac \xf0\x9f\x8d\x80", "\xe2\x82\xac \xf0\x9f\x8d\x80"},
	    {"a\xff"
	     "b",
	     "a?b"},
	    {"\xc3", "?"},
	    {"\xc0\x80", "??"},
	    {"\xed\xa0\x80", "???"},
	    {"\xf4\x90\x80\x80", "????"},
	    {"\xe0\x80\x80", "???"},
	    {"two\nlines\x7f", "two?lines?"},
	};
	char text[64];
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		strcpy(text, pairs[i][0]);
		cp_text_clean(text, strlen(text));
		assert_string_equal(text, pairs[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_readable),
	    cmocka_unit_test(long_names_are_cut),
	    cmocka_unit_test(explosive_names_end),
	    cmocka_unit_test(text_is_cleaned),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
