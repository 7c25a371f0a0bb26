/* uploader_spool.c - fuzz: names, notes, events and profiles of a spool, whatever they are. */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "uploader/address.h"
#include "uploader/intact.h"
#include "uploader/mark.h"
#include "uploader/patience.h"

/* A rule that does not hold is a crash, which the fuzzer reports. */
static void must(int holds)
{
	if (!holds)
		abort();
}

static void read_note(const char *text)
{
	const uint64_t now = UINT64_C(1) << 50;
	char again[CP_PATIENCE_MAX];
	struct cp_retry retry, second;
	int good = cp_patience_read(text, now, INT64_C(1790000000000000000), &retry);
	must(good == (retry.failures > 0));
	if (!good)
		return;
	must(retry.next_ns >= now && retry.next_ns <= now + CP_RETRY_CAP_MS * UINT64_C(1000000));
	must(cp_patience_write(&retry, now, INT64_C(1790000000000000000), "x", again) > 0);
	must(cp_patience_read(again, now, INT64_C(1790000000000000000), &second));
	must(second.failures == retry.failures &&
	     second.next_ns / 1000000 == retry.next_ns / 1000000);
}

static void read_name(const char *text)
{
	char name[CP_MARK_NAME], stem[CP_STEM];
	uint64_t number, same;
	size_t len = cp_mark_parse(text, &number);
	must(len < strlen(text) || (!len && !*text) || !len);
	if (!len || len >= sizeof stem)
		return;
	memcpy(stem, text, len);
	stem[len] = '\0';
	cp_mark_name(stem, number, name);
	must(strcmp(name, text) == 0 && cp_mark_parse(name, &same) == len && same == number);
}

static void read_list(const char *text)
{
	char to[CP_ADDRESS_LEN];
	while (cp_address_next(&text, to)) {
		must(strlen(to) > 0 && !strchr(to, ','));
		must(cp_address_number(to) != 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	cp_intact_gzip(data, size);
	if (cp_intact_event(text, size))
		must(text[0] == '{' && strchr(text, '}'));
	cp_intact_set(text, 0);
	read_note(text);
	read_name(text);
	read_list(text);
	free(text);
	return 0;
}

#ifdef CP_FUZZ_MAIN
#include "test/fuzz/replay.h"
#endif
