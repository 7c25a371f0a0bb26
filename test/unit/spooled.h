/* spooled.h - a spool of a test's own, and parcels for it. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "uploader/address.h"
#include "uploader/spool.h"

#define TO "tcp://a:1"

static char base[64];

static inline int make_base(void **state)
{
	(void)state;
	strcpy(base, "/tmp/conprof-unit-XXXXXX");
	return mkdtemp(base) ? 0 : -1;
}

static inline int drop_base(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof command, "rm -rf %s", base);
	return system(command);
}

static inline struct cp_parcel *parcel(int seq, const char *to, size_t size)
{
	struct cp_parcel *p = cp_parcel_new();
	snprintf(p->stem, sizeof p->stem, "app-9-20260413T12000%dZ-%d", seq % 10, seq);
	snprintf(p->config.agent_socket, sizeof p->config.agent_socket, "%s", to);
	snprintf(p->config.spool_dir, sizeof p->config.spool_dir, "%s/spool", base);
	p->config.spool_max_bytes = 10000;
	cp_text_add(&p->event, "{}\n");
	uint8_t *data = malloc(size);
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)rand(); /* does not compress */
	p->profiles[CP_PROFILE_CPU] = (struct cp_bytes){data, size};
	return p;
}

/* For one destination or, with a comma between, for two; as one that nobody sends just now. */
static inline int put(int seq, const char *list, size_t size, uint64_t *dropped)
{
	struct cp_spool spool;
	struct cp_claim claims[CP_DESTINATIONS];
	char to[CP_DESTINATIONS][CP_ADDRESS_LEN];
	unsigned count = 0;
	struct cp_parcel *p = parcel(seq, list, size);
	int error = cp_spool_open(&spool, &p->config);
	while (cp_address_next(&list, to[count]))
		count++;
	if (!error)
		error = cp_spool_put(&spool, p, to, count, seq % 2, claims);
	for (unsigned i = 0; i < count; i++)
		cp_spool_release(&claims[i], 0);
	*dropped += spool.full;
	cp_parcel_free(p);
	return error;
}

static inline size_t files(const char *like)
{
	char pattern[256];
	glob_t found;
	snprintf(pattern, sizeof pattern, "%s/spool/%s", base, like);
	if (glob(pattern, GLOB_PERIOD, NULL, &found))
		return 0;
	size_t count = found.gl_pathc;
	globfree(&found);
	return count;
}
