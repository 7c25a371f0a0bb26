/* names.h - for names.c: a system call by hand, and since when libc has its functions. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <errno.h>
#include <pthread.h>
#include <string.h>

#if defined(__x86_64__)
static inline long names_raw(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return result;
}
#endif

#define NAMES_SINCE_getauxval		"GLIBC_2.16"
#define NAMES_SINCE_sysconf		"GLIBC_2.2.5"
#define NAMES_SINCE_dlsym		"GLIBC_2.2.5"
#define NAMES_SINCE_dlopen		"GLIBC_2.2.5"
#define NAMES_SINCE_dlerror		"GLIBC_2.2.5"
#define NAMES_SINCE_dlinfo		"GLIBC_2.3.3"
#define NAMES_SINCE_dladdr		"GLIBC_2.2.5"
#define NAMES_SINCE_dl_iterate_phdr	"GLIBC_2.2.5"
#define NAMES_SINCE_pthread_key_create	"GLIBC_2.2.5"
#define NAMES_SINCE_pthread_setspecific "GLIBC_2.2.5"
#define NAMES_SINCE_clone		"GLIBC_2.2.5"
