/* encoder_demangle.c - linker names become what people wrote; clean text; nothing explodes. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "encoder/demangle.h"
#include "encoder/text.h"
#include "test/unit/unit.h"

/* The linker's name; short; full, where that is another. */
static const char *const names[][3] = {
    {"main", "main"},
    {"memcpy@@GLIBC_2.14", "memcpy"},
    {"memcpy@GLIBC_2.2.5", "memcpy"},
    {"__memcpy_avx_unaligned_erms", "__memcpy_avx_unaligned_erms"},
    {"@strange", "@strange"},
    /* what is hung on by the linker and by compilers; a C++ piece is its whole */
    {"memcpy@plt", "memcpy@plt"},
    {"_ZN4shop4openEl@plt", "shop::open@plt", "shop::open(long)@plt"},
    {"*ABS*+0xa08c0@plt", "*ABS*+0xa08c0@plt"},
    {"work.cold", "work"},
    {"work.part.0.constprop.1", "work"},
    {"work.isra.0.cold.12", "work"},
    {"work.lto_priv.0", "work"},
    {"work.llvm.1234567890", "work"},
    {"work.localalias", "work"},
    {"work.__uniq.1234.llvm.99", "work"},
    {"__GI_ungetc.cold", "ungetc"},
    {"__GI_", "__GI_"},
    {"work.avx2.0", "work.avx2.0"},
    {"main._omp_fn.0", "main._omp_fn.0"},
    {"my.coldest", "my.coldest"},
    {"my.cold.story", "my.cold.story"},
    {".cold", ".cold"},
    {".hidden", ".hidden"},
    {"_ZN4shop4openEl.cold", "shop::open", "shop::open(long)"},
    {"_ZN4shop4openEl.constprop.0.isra.0", "shop::open", "shop::open(long)"},
    /* C++ */
    {"_ZN4shop4openEl", "shop::open", "shop::open(long)"},
    {"_Znwm", "operator new", "operator new(unsigned long)"},
    {"_ZnamRKSt9nothrow_t", "operator new[]",
     "operator new[](unsigned long, std::nothrow_t const&)"},
    {"_ZNSt6vectorIiSaIiEE9push_backERKi", "std::vector::push_back",
     "std::vector<int, std::allocator<int> >::push_back(int const&)"},
    {"_ZN3FooIiEclEv", "Foo::operator()", "Foo<int>::operator()()"},
    {"_ZlsIiEvT_S0_", "operator<<", "void operator<< <int>(int, int)"},
    {"_ZltRK1AS1_", "operator<", "operator<(A const&, A const&)"},
    {"_ZNK1AptEv", "A::operator->", "A::operator->() const"},
    {"_ZNK1AcvbEv", "A::operator bool", "A::operator bool() const"},
    {"_ZNK1AcvSt6vectorIiSaIiEEEv", "A::operator std::vector",
     "A::operator std::vector<int, std::allocator<int> >() const"},
    {"_ZN12_GLOBAL__N_13runEi", "(anonymous namespace)::run", "(anonymous namespace)::run(int)"},
    {"_ZZ4mainENKUliE_clEi", "main::{lambda(int)#1}::operator()",
     "main::{lambda(int)#1}::operator()(int) const"},
    {"_ZZN4shop4openEiENKUlvE_clEv", "shop::open::{lambda()#1}::operator()",
     "shop::open(int)::{lambda()#1}::operator()() const"},
    {"_ZZN4shop5priceIiEET_S1_ENKUlvE_clEv", "shop::price::{lambda()#1}::operator()",
     "shop::price<int>(int)::{lambda()#1}::operator()() const"},
    {"_ZZNK1A1fEiEN1B1gEv", "A::f::B::g", "A::f(int) const::B::g()"},
    {"_ZTV3FooIiE", "vtable for Foo", "vtable for Foo<int>"},
    {"_ZThn16_N3FooIiE3barEv", "non-virtual thunk to Foo::bar",
     "non-virtual thunk to Foo<int>::bar()"},
    {"_ZNKSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEE4sizeB5cxx11Ev",
     "std::__cxx11::basic_string::size",
     "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> "
     ">::size[abi:cxx11]() const"},
    /* Rust */
    {"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad",
     "core::fmt::Formatter::pad::h0123456789abcdef"},
    {"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE.llvm.77", "core::fmt::Formatter::pad",
     "core::fmt::Formatter::pad::h0123456789abcdef"},
    {"_ZN63_$LT$alloc..vec..Vec$LT$T$GT$$u20$as$u20$core..clone..Clone$GT$"
     "5clone17h0123456789abcdefE",
     "<alloc::vec::Vec<T> as core::clone::Clone>::clone",
     "<alloc::vec::Vec<T> as core::clone::Clone>::clone::h0123456789abcdef"},
    {"_RNvC6_123foo3bar", "123foo::bar", "123foo[0]::bar"},
    {"_RNvNtC3std5alloc5alloc", "std::alloc::alloc", "std[0]::alloc::alloc"},
    /* other languages', and what is nobody's */
    {"$s4main3fooyyF", "$s4main3fooyyF"},
    {"_D4main3fooFZv", "_D4main3fooFZv"},
    {"_Dmain", "_Dmain"},
    {"main.(*Server).serve", "main.(*Server).serve"},
    {"_Zbroken", "_Zbroken"},
    {"_R", "_R"},
    {"", ""},
};

static void names_are_readable(void **state)
{
	char text[256];
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		cp_demangle(names[i][0], CP_DEMANGLE_SHORT, text, sizeof(text));
		assert_string_equal(text, names[i][1]);
		cp_demangle(names[i][0], CP_DEMANGLE_FULL, text, sizeof(text));
		assert_string_equal(text, names[i][2] ? names[i][2] : names[i][1]);
		cp_demangle(names[i][0], CP_DEMANGLE_NONE, text, sizeof(text));
		if (names[i][2])
			assert_string_equal(text, names[i][0]);
		else
			assert_string_equal(text, names[i][1]);
	}
}

/* What DWARF calls a function that nobody links, and what was cut off or never was a name. */
static void any_text_can_be_shortened(void **state)
{
	static const char *const pairs[][2] = {
	    {"shop::Till<long>::sell<int>", "shop::Till::sell"},
	    {"{impl#5}::next<T>", "{impl#5}::next"},
	    {"Array<(A>>(1)), 3>::at", "Array::at"},
	    {"Array<decltype (a->b)>::at", "Array::at"},
	    {"f<g<h<", "f"},
	    {"f(", "f"},
	    {"operator", "operator"},
	    {"operators<int>", "operators"},
	    {"my_operator<int>", "my_operator"},
	    {"A::operator<", "A::operator<"},
	    {"A::operator<=> <int>", "A::operator<=>"},
	    {">>)]}", ">>)]}"},
	    {"{<(", "{<("},
	    {"", ""},
	};
	char text[64];
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		strcpy(text, pairs[i][0]);
		cp_demangle_shorten(text);
		assert_string_equal(text, pairs[i][1]);
	}
}

static void long_names_are_cut(void **state)
{
	char text[8], name[20001];
	(void)state;
	cp_demangle("_ZN4shop4openEl", CP_DEMANGLE_FULL, text, sizeof(text));
	assert_string_equal(text, "shop::o");
	cp_demangle("plain_name", CP_DEMANGLE_FULL, text, sizeof(text));
	assert_string_equal(text, "plain_n");
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	name[0] = '_';
	name[1] = 'Z';
	cp_demangle(name, CP_DEMANGLE_FULL, text, sizeof(text));
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
	cp_demangle(name, CP_DEMANGLE_FULL, text, sizeof(text));
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
	    cmocka_unit_test(names_are_readable), cmocka_unit_test(any_text_can_be_shortened),
	    cmocka_unit_test(long_names_are_cut), cmocka_unit_test(explosive_names_end),
	    cmocka_unit_test(text_is_cleaned),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
