/* retry.c - when to try again. */
/* SPDX-License-Identifier: MIT */
#include "uploader/retry.h"

uint32_t cp_retry_delay_ms(uint32_t failures, uint64_t random)
{
	if (!failures)
		return 0;
	uint64_t range = CP_RETRY_CAP_MS;
	if (failures < 16 && ((uint64_t)CP_RETRY_BASE_MS << (failures - 1)) < range)
		range = (uint64_t)CP_RETRY_BASE_MS << (failures - 1);
	return (uint32_t)(random % range);
}

void cp_retry_failed(struct cp_retry *retry, uint64_t now_ns, uint64_t random)
{
	if (retry->failures < UINT32_MAX)
		retry->failures++;
	retry->next_ns = now_ns + (uint64_t)cp_retry_delay_ms(retry->failures, random) * 1000000u;
}

void cp_retry_not_before(struct cp_retry *retry, uint64_t now_ns, uint32_t after_s)
{
	uint64_t ms = (uint64_t)after_s * 1000u;
	uint64_t at = now_ns + (ms < CP_RETRY_CAP_MS ? ms : CP_RETRY_CAP_MS) * 1000000u;
	if (at > retry->next_ns)
		retry->next_ns = at;
}

void cp_retry_succeeded(struct cp_retry *retry)
{
	retry->failures = 0;
	retry->next_ns = 0;
}

int cp_retry_may(const struct cp_retry *retry, uint64_t now_ns)
{
	return now_ns >= retry->next_ns;
}

int cp_retry_may_at_last(const struct cp_retry *retry, uint64_t now_ns)
{
	return retry->failures < CP_RETRY_PATIENT || cp_retry_may(retry, now_ns);
}

/* A note may be our own, whose time has passed through another clock. */
#define SAME_NS UINT64_C(100000000)

/* Not at the very moment that the other has chosen: all who read it would come at once. */
void cp_retry_adopt(struct cp_retry *retry, const struct cp_retry *noted, uint64_t random)
{
	if (!noted->failures) {
		cp_retry_succeeded(retry);
		return;
	}
	if (noted->failures > retry->failures)
		retry->failures = noted->failures;
	uint32_t like = noted->failures < CP_RETRY_PATIENT ? noted->failures : CP_RETRY_PATIENT;
	if (noted->next_ns > retry->next_ns + SAME_NS)
		retry->next_ns =
		    noted->next_ns + (uint64_t)cp_retry_delay_ms(like, random) * 1000000u;
}
