/* pull_profile.h - the profiles of /debug/pprof/, taken beside the periods (tap.h). */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/chosen.h"

struct cp_pulled {
	const char *name;
	enum cp_profile profile;
	enum cp_show show;
	const char *what; /* for people */
};
/* What there is; name NULL: the end. */
extern const struct cp_pulled cp_pulled[];

/* The answer comes when it is made. */
void cp_pull_profile(struct cp_family *family, struct cp_ask *ask, const struct cp_chosen *chosen,
		     const struct cp_pulled *pulled);
