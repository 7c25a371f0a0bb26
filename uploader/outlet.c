/* outlet.c - one destination of this family: address, credentials, and how it has been lately. */
/* SPDX-License-Identifier: MIT */
#include "uploader/outlet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "uploader/folder.h"

#define LOOK_AGAIN_NS UINT64_C(5000000000) /* for an agent that is not installed: a stat() */

struct cp_outlet *cp_outlet_new(const struct cp_config *config, struct cp_log *log, uint64_t now)
{
	struct cp_outlet *outlet = calloc(1, sizeof *outlet);
	if (!outlet)
		return NULL;
	outlet->config = *config;
	outlet->maybe_spooled = 1;
	outlet->retry.next_ns = now;
	const char *text = config->agent_socket[0] ? config->agent_socket : CP_ADDRESS_DEFAULT;
	cp_address_show(text, outlet->name);
	if (cp_address_parse(text, &outlet->address))
		cp_log_line(log, CP_ERROR,
			    "CONPROF_AGENT_SOCKET=%s is not understood; profiles stay in the spool",
			    outlet->name);
	return outlet;
}

int cp_outlet_is(const struct cp_outlet *outlet, const struct cp_config *config)
{
	const struct cp_config *mine = &outlet->config;
	return strcmp(mine->agent_socket, config->agent_socket) == 0 &&
	       strcmp(mine->server_id, config->server_id) == 0 &&
	       strcmp(mine->server_token, config->server_token) == 0 &&
	       strcmp(mine->tenant, config->tenant) == 0 &&
	       strcmp(mine->spool_dir, config->spool_dir) == 0;
}

const char *cp_outlet_name(const struct cp_outlet *outlet)
{
	return outlet->name;
}

static enum cp_verdict attempt(const struct cp_outlet *outlet, const struct cp_parcel *parcel,
			       long timeout_ms, char *why, size_t why_len)
{
	if (outlet->address.kind == CP_ADDRESS_HTTP)
		return cp_blackfire_send(&outlet->address, parcel, timeout_ms, why, why_len);
	if (outlet->address.kind == CP_ADDRESS_NONE) {
		snprintf(why, why_len, "there is no usable destination");
		return CP_ABSENT;
	}
	int error = cp_folder_write(outlet->address.path, 0750, parcel);
	if (error)
		snprintf(why, why_len, "%s: %s", outlet->address.path, cp_text_error(error));
	return error ? CP_AGAIN : CP_SENT;
}

enum cp_verdict cp_outlet_send(struct cp_outlet *outlet, struct cp_log *log,
			       const struct cp_parcel *parcel, long timeout_ms)
{
	char why[900] = "";
	uint64_t random = 0;
	enum cp_verdict verdict = attempt(outlet, parcel, timeout_ms, why, sizeof why);
	uint64_t now = cp_text_monotonic();
	switch (verdict) {
	case CP_SENT:
		cp_log_change(log, CP_TOPIC_DELIVERY, CP_INFO, "profiles arrive at %s",
			      cp_outlet_name(outlet));
		cp_retry_succeeded(&outlet->retry);
		break;
	case CP_REFUSED:
		cp_log_change(log, CP_TOPIC_DELIVERY, CP_ERROR, "profiles are refused: %s", why);
		cp_retry_succeeded(&outlet->retry);
		break;
	case CP_ABSENT:
		cp_log_change(log, CP_TOPIC_DELIVERY, CP_INFO, "profiles stay in the spool: %s",
			      why);
		outlet->retry.next_ns = now + LOOK_AGAIN_NS;
		break;
	case CP_AGAIN:
		cp_log_change(log, CP_TOPIC_DELIVERY, CP_ERROR,
			      "profiles can not be delivered, they are spooled and sent later: %s",
			      why);
		if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
			random = now;
		cp_retry_failed(&outlet->retry, now, random);
		break;
	}
	return verdict;
}
