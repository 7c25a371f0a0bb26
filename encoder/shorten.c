/* shorten.c - cuts parameters and template arguments out of a C++ name. */
/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <string.h>

#include "encoder/demangle.h"

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* The length of what stands between brackets, with them; all of the rest where the name was cut.
 * Within others, < and > may be signs of arithmetic. */
static size_t bracketed(const char *text)
{
	size_t others = 0, angles = 0;
	for (size_t i = 0; text[i]; i++) {
		if (strchr("({[", text[i]))
			others++;
		else if (strchr(")}]", text[i]))
			others -= others > 0;
		else if (text[i] == '<' && !others)
			angles++;
		else if (text[i] == '>' && !others && (!i || text[i - 1] != '-'))
			angles -= angles > 0;
		if (!others && !angles)
			return i + 1;
	}
	return strlen(text);
}

/* The length of "operator" and the sign that it is, such as operator<< or operator(). */
static size_t operator_here(const char *text, bool begins_word)
{
	static const char *const signs[] = {"()", "<=>", "<<=", ">>=", "->*", "<<",
					    ">>", "<=",	 ">=",	"->",  "<",   ">"};
	const size_t len = strlen("operator");
	if (!begins_word || strncmp(text, "operator", len) != 0 || is_word(text[len]))
		return 0;
	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (!strncmp(text + len, signs[i], strlen(signs[i])))
			return len + strlen(signs[i]);
	return len;
}

/* What may follow the parameters of a function in which another was written. */
static size_t qualifiers(const char *text)
{
	static const char *const words[] = {" const", " volatile", " &&", " &", " noexcept"};
	size_t len = 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words);) {
		size_t word = strlen(words[i]);
		if (!strncmp(text + len, words[i], word) && !is_word(text[len + word])) {
			len += word;
			i = 0;
		} else {
			i++;
		}
	}
	return len;
}

/* How much of what is here stays, and how much goes. */
static void weigh(const char *text, char last, size_t *stays, size_t *goes)
{
	static const char nameless[] = "(anonymous namespace)";
	*stays = operator_here(text, !is_word(last));
	*goes = 0;
	if (*stays)
		return;
	*stays = 1;
	if (*text == '{' || (*text == '<' && (!last || last == ':')))
		*stays = bracketed(text); /* a lambda; Rust's <T as Trait> */
	else if (!strncmp(text, nameless, sizeof(nameless) - 1))
		*stays = sizeof(nameless) - 1;
	else if (*text == '(')
		*goes = bracketed(text) + qualifiers(text + bracketed(text));
	else if (*text == '<' || !strncmp(text, "[abi:", 5))
		*goes = bracketed(text);
	if (*goes)
		*stays = 0;
}

void cp_demangle_shorten(char *text)
{
	size_t to = 0;
	for (size_t from = 0, stays, goes; text[from]; from += stays + goes) {
		weigh(text + from, to ? text[to - 1] : 0, &stays, &goes);
		/* operator< <int>: the blank stood for the arguments alone */
		if (goes && to && text[to - 1] == ' ')
			to--;
		memmove(text + to, text + from, stays);
		to += stays;
	}
	text[to] = 0;
}
