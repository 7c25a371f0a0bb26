/* retry.h - when to try again. Pure: time and chance are given. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

#define CP_RETRY_BASE_MS 1000u
#define CP_RETRY_CAP_MS	 300000u /* an agent that comes back is noticed within five minutes */

struct cp_retry {
	uint32_t failures; /* in a row */
	uint64_t next_ns;  /* not before this */
};

/* Exponential back-off with full jitter: uniform in [0, min(cap, base * 2^(failures - 1))), so that
 * a thousand uploaders that lost one agent do not come back as one. random: uniform 64 bits. */
uint32_t cp_retry_delay_ms(uint32_t failures, uint64_t random);
void cp_retry_failed(struct cp_retry *retry, uint64_t now_ns, uint64_t random);
/* The server asks to be left alone for so long; it is, but not for longer than the cap. */
void cp_retry_not_before(struct cp_retry *retry, uint64_t now_ns, uint32_t after_s);
void cp_retry_succeeded(struct cp_retry *retry);
int cp_retry_may(const struct cp_retry *retry, uint64_t now_ns);

/* So many failures in a row, by whomever: then even who has no later time to try at waits. */
#define CP_RETRY_PATIENT 5u
int cp_retry_may_at_last(const struct cp_retry *retry, uint64_t now_ns);
/* What another uploader has found out about the same destination, and its note of it is there; of
 * no failures: since we noted our own, somebody was let in. random: as above. */
void cp_retry_adopt(struct cp_retry *retry, const struct cp_retry *noted, uint64_t random);
