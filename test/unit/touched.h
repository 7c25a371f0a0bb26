/* touched.h - a spool in which somebody else does something, and what comes next of it then. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdlib.h>
#include <string.h>

#include "spooled.h"

/* A command in the spool. */
static void in_spool(const char *command)
{
	char line[600];
	snprintf(line, sizeof line, "cd %s/spool && %s", base, command);
	assert_int_equal(system(line), 0);
}

/* Which entry comes next to the destination: its number, or -1. */
static int next(struct cp_spool *spool)
{
	struct cp_claim claim;
	struct cp_parcel *got, *like = parcel(0, TO, 1);
	int seq = -1;
	assert_int_equal(cp_spool_open(spool, &like->config), 0);
	if (!cp_spool_claim(spool, &like->config, TO, &claim, &got)) {
		seq = atoi(strrchr(got->stem, '-') + 1);
		cp_spool_release(&claim, 0);
		cp_parcel_free(got);
	}
	cp_parcel_free(like);
	return seq;
}
