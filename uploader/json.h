/* json.h - one text out of a JSON object: of event.json, or of what a server answered. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/text.h"

/* The first member of this name of the object itself, if it is a string, decoded and added to *out:
 * 1. 0 when there is none, or the text is no such object; *out is then as it was. Any bytes. */
int cp_json_text(const char *json, size_t len, const char *key, struct cp_text *out);
