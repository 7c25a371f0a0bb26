/* uploader_query.c - fuzz: whatever a client asks for: its line, its Host, its addresses; and
 * whatever CONPROF_LISTEN says. */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "uploader/ask.h"
#include "uploader/endpoint.h"
#include "uploader/pull_symbol.h"
#include "uploader/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
	if (!holds)
		abort();
}

static void try_line(const char *text)
{
	static const char *const keys[] = {"seconds", "program", "pid", "debug", ""};
	char value[16];
	struct cp_ask *ask = cp_ask_new(text);
	must(ask != NULL);
	must(strlen(ask->path) <= strlen(text) && strlen(ask->query) <= strlen(text));
	must(ask->status == 400 || ask->path[0] == '/');
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		if (cp_query_value(ask->query, keys[i], value, sizeof value))
			must(strlen(value) < sizeof value);
		long long number = cp_query_number(ask->query, keys[i], -7);
		must(number >= -999999999999999999LL && number <= 999999999999999999LL);
	}
	cp_ask_free(ask);
}

/* What is understood says itself again. */
static void try_address(const char *text)
{
	struct cp_endpoint is, again;
	char written[128];
	if (cp_endpoint_parse(text, &is))
		return;
	cp_endpoint_write(&is, written);
	must(!cp_endpoint_parse(written, &again));
	must(again.len == is.len && again.local == is.local && !memcmp(&again.at, &is.at, is.len));
}

/* A name that no machine of ours has is refused, whatever stands around it. */
static void try_host(const char *text)
{
	static const char *const listens[] = {"127.0.0.1:1", "[::1]:1", "0.0.0.0:1", "10.0.0.1:1"};
	for (size_t i = 0; i < sizeof listens / sizeof *listens; i++) {
		struct cp_endpoint endpoint;
		must(!cp_endpoint_parse(listens[i], &endpoint));
		if (cp_endpoint_is_host(&endpoint, text, "machine"))
			must(!strcasestr(text, "evil") && !strchr(text, '@') && !strchr(text, '/'));
	}
}

static void try_addresses(const char *text)
{
	uint64_t some[4] = {0}, *all;
	size_t count = cp_pull_addresses(text, some, 4);
	must(count <= strlen(text));
	all = calloc(count + 1, sizeof *all);
	must(all && cp_pull_addresses(text, all, count) == count);
	for (size_t i = 0; i < count; i++)
		must(all[i] && (i >= 4 || some[i] == all[i]));
	free(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	must(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	try_line(text);
	try_address(text);
	try_host(text);
	try_addresses(text);
	free(text);
	return 0;
}
