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
