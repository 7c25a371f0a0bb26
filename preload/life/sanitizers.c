/* sanitizers.c - a program built with a sanitizer: we stay out, and ask it not to mind us. */
/* SPDX-License-Identifier: MIT */
#include "life/sanitizers.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "base/attrs.h"

/* Bound by the loader if the program brings one of these, else NULL. */
extern void __asan_init(void) __attribute__((weak));
extern void __tsan_init(void) __attribute__((weak));
extern void __msan_init(void) __attribute__((weak));
extern void __hwasan_init(void) __attribute__((weak));
extern void __lsan_init(void) __attribute__((weak));

int cp_sanitized(void)
{
	return __asan_init || __tsan_init || __msan_init || __hwasan_init || __lsan_init;
}

/* A shared libasan ends the program when it is not the first library of all ("ASan runtime does not
 * come first in initial library list"), long before our constructor. What is preloaded comes before
 * it. This is the function by which a program sets its default options; libasan has an empty one.
 * ASAN_OPTIONS still has the last word. */
const char *__asan_default_options(void);

CP_EXPORT const char *__asan_default_options(void)
{
	static const char ours[] = "verify_asan_link_order=0";
	static char all[1024];
	const char *(*next)(void);
	const char *others;
	size_t len;

	*(void **)&next = dlsym(RTLD_NEXT, "__asan_default_options");
	others = next ? next() : NULL;
	len = others ? strlen(others) : 0;
	if (sizeof ours + 1 + len > sizeof all)
		return others;
	memcpy(all, ours, sizeof ours);
	if (len) {
		all[sizeof ours - 1] = ':';
		memcpy(all + sizeof ours, others, len + 1);
	}
	return all;
}
