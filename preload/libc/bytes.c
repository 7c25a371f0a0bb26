/* bytes.c - libc's functions over bytes, hidden; the compiler calls some of them by itself. */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <string.h>

/* Without it a compiler sees that a loop is memcpy, and calls it: here, for ever. */
#define PLAIN_LOOP() __asm__ volatile("")

#if defined(__x86_64__)

/* The processor's own: for a few bytes as good as a loop, for pages better. */
/* NOLINTNEXTLINE(readability-non-const-parameter): written by the processor */
static void copy_up(char *to, const char *from, size_t n)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

/* NOLINTNEXTLINE(readability-non-const-parameter): written by the processor */
static void fill(char *to, int c, size_t n)
{
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
}

#else

static void copy_up(char *to, const char *from, size_t n)
{
	for (; n > 0; n--) {
		*to++ = *from++;
		PLAIN_LOOP();
	}
}

static void fill(char *to, int c, size_t n)
{
	for (; n > 0; n--) {
		*to++ = (char)c;
		PLAIN_LOOP();
	}
}

#endif

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	copy_up(to, from, n);
	return to;
}

void *memset(void *to, int c, size_t n)
{
	fill(to, c, n);
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	if ((uintptr_t)to - (uintptr_t)from >= n) {
		copy_up(to, from, n);
		return to;
	}
	while (n-- > 0) {
		((char *)to)[n] = ((const char *)from)[n];
		PLAIN_LOOP();
	}
	return to;
}

typedef uint64_t word __attribute__((may_alias, aligned(1)));

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	/* Stacks are compared here, and whole pages of blocks that must be clear. */
	while (n >= sizeof(word) && *(const word *)x == *(const word *)y) {
		x += sizeof(word);
		y += sizeof(word);
		n -= sizeof(word);
	}
	for (; n > 0; n--, x++, y++) {
		if (*x != *y)
			return *x - *y;
		PLAIN_LOOP();
	}
	return 0;
}

/* How clang spells memcmp against 0. */
int bcmp(const void *a, const void *b, size_t n)
{
	return memcmp(a, b, n);
}

void *memchr(const void *in, int c, size_t n)
{
	const char *at = in;

	for (; n > 0; n--, at++)
		if (*at == (char)c)
			return (void *)(uintptr_t)at;
	return NULL;
}

void *memmem(const void *in, size_t n, const void *what, size_t len)
{
	const char *at = in;

	for (; n >= len; n--, at++)
		if ((!len || *at == *(const char *)what) && memcmp(at, what, len) == 0)
			return (void *)(uintptr_t)at;
	return NULL;
}

size_t strlen(const char *text)
{
	size_t n = 0;

	while (text[n]) {
		n++;
		PLAIN_LOOP();
	}
	return n;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		PLAIN_LOOP();
	return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n > 0 && *a && *a == *b; a++, b++, n--)
		PLAIN_LOOP();
	return n ? (unsigned char)*a - (unsigned char)*b : 0;
}

char *strrchr(const char *text, int c)
{
	const char *found = NULL;

	for (;; text++) {
		if (*text == (char)c)
			found = text;
		if (!*text)
			return (char *)(uintptr_t)found;
	}
}
