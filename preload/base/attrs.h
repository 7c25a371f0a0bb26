/* attrs.h - the compiler's words, spelled once for the house. */
/* SPDX-License-Identifier: MIT */
#pragma once

#define CP_EXPORT __attribute__((visibility("default")))
/* On what is declared in one file and defined in another: it need not be looked for by the GOT. */
#define CP_HIDDEN	     __attribute__((visibility("hidden")))
#define CP_CLEANUP(fn)	     __attribute__((cleanup(fn)))
#define CP_NOINLINE	     __attribute__((noinline))
#define CP_COLD		     __attribute__((noinline, cold))
#define CP_UNUSED	     __attribute__((unused))
#define CP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define CP_LIKELY(x)	     (__builtin_expect(!!(x), 1) != 0)
#define CP_UNLIKELY(x)	     (__builtin_expect(!!(x), 0) != 0)

/* Static room that a start does not touch: what it does touch then lies on few pages. */
#define CP_LATE __attribute__((section(".bss.late")))

/* Initial-exec: reading it never calls __tls_get_addr, which may call malloc on first touch. */
#ifdef __SANITIZE_ADDRESS__
/* Programs of tests alone. There the linker makes `lea` of the `add` that finds such a word, and
 * UBSan, by which an address may be NULL, has gcc look at that add's flags. */
#define CP_TLS _Thread_local __attribute__((tls_model("local-exec")))
#else
#define CP_TLS _Thread_local __attribute__((tls_model("initial-exec")))
#endif
