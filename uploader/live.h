/* live.h - the page to look at, and what it asks for: routes of the listener. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/ask.h"

/* / - the page. */
void cp_live_page(struct cp_family *family, struct cp_ask *ask);
/* /api/state?program=ID&since=N - live_state.h, as JSON. */
void cp_live_told(struct cp_family *family, struct cp_ask *ask);
/* /api/profile?program=ID&period=N&name=cpu|heap|threads - a period's profile, gzip'ed. */
void cp_live_profile(struct cp_family *family, struct cp_ask *ask);
