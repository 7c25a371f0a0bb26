/* sanitizers.c - sanitizers and valgrind: we stay out, and ask them not to mind us. */
/* SPDX-License-Identifier: MIT */
#include "life/sanitizers.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
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

/* Valgrind sees a sequence that does nothing on the real machine, and answers. It would report our
 * tests of addresses, which are meant to fail, as the program's errors. */
int cp_under_valgrind(void)
{
	volatile uintptr_t question[6] = {0x1001}; /* RUNNING_ON_VALGRIND */
	uintptr_t answer = 0;

#if defined(__x86_64__)
	__asm__ volatile("rolq $3, %%rdi; rolq $13, %%rdi\n\t"
			 "rolq $61, %%rdi; rolq $51, %%rdi\n\t"
			 "xchgq %%rbx, %%rbx"
			 : "+d"(answer)
			 : "a"(&question[0])
			 : "cc", "memory");
#elif defined(__aarch64__)
	register uintptr_t x3 __asm__("x3") = answer;
	register volatile uintptr_t *x4 __asm__("x4") = question;

	__asm__ volatile("ror x12, x12, #3; ror x12, x12, #13\n\t"
			 "ror x12, x12, #51; ror x12, x12, #61\n\t"
			 "orr x10, x10, x10"
			 : "+r"(x3)
			 : "r"(x4)
			 : "cc", "memory");
	answer = x3;
#endif
	return answer != 0;
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
