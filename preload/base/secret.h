/* secret.h - passwords inside addresses: taken out of what is shown, and told apart without them.
 */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <string.h>

#include "base/mistakes.h"

#define CP_SECRET_MAX 256 /* a token, with its NUL */

/* An address (scheme://...) as it may be shown: of what stands before its host's '@' only the name,
 * and *** in place of the password; without a name it is all ***. The paths of unix:// and dir://
 * have no such part. Returns the length without its NUL; 0 when it does not fit, or when an '@'
 * stands elsewhere, so that nobody knows what is the password. */
size_t cp_secret_mask(const char *text, size_t len, char *out, size_t room);

/* Sets the field of a text of addresses, with blanks between, to how they may be shown, and notes
 * whether that differs. */
void cp_secret_urls(struct cp_config *config, const struct cp_value *value, struct cp_mistakes *to);

/* Adds text to a number that tells secrets apart. Whoever shows of it more than a few bits shows
 * the text. */
uint64_t cp_secret_print(uint64_t print, const char *text, size_t len);

/* Zeroes, even if nobody looks any more. */
static inline void cp_wipe(void *at, size_t len)
{
	memset(at, 0, len);
	__asm__ volatile("" : : "r"(at) : "memory");
}
