/* uploader_event.c - any bytes as event.json of a spool, or as what a server answers: labels, and a
 * line. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "uploader/json.h"
#include "uploader/push.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int fine)
{
	if (!fine)
		__builtin_trap();
}

static void check_series(const char *event, size_t size, unsigned how)
{
	struct cp_series series;
	cp_series_of_event(&series, event, size, "stem-1-2-3", how);
	must(series.count > 0 && series.count <= CP_SERIES_LABELS - 2);
	for (size_t i = 0; i < series.count; i++) {
		const struct cp_label *label = &series.labels[i];
		must(label->name[0] && label->value[0] && strncmp(label->name, "__", 2) != 0);
		must(i == 0 || strcmp(series.labels[i - 1].name, label->name) < 0);
		for (const char *c = label->value; *c; c += cp_text_utf8(c))
			must(cp_text_utf8(c) > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1), why[900] = "";
	struct cp_address address = {.url = "http://h"};
	struct cp_reply reply = {.status = 400};
	struct cp_text text = {0};
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	copy[size] = '\0';
	check_series(copy, size, CP_SERIES_DOTS);
	check_series(copy, size, 0);
	if (cp_json_text(copy, size, "message", &text))
		must(text.data && strlen(text.data) == text.len);
	cp_text_free(&text);
	memcpy(reply.body, copy, size < sizeof reply.body - 1 ? size : sizeof reply.body - 1);
	must(cp_push_judge(&address, &reply, why, sizeof why) != CP_SENT);
	must(strncmp(why, "http://h answered 400", 21) == 0);
	for (const char *c = why; *c; c++)
		must((unsigned char)*c >= ' ' && *c != 0x7f);
	free(copy);
	return 0;
}
