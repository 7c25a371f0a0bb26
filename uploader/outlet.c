/* outlet.c - one destination of this family: address, credentials, and how it has been lately. */
/* SPDX-License-Identifier: MIT */
#include "uploader/outlet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/attrs.h"
#include "uploader/folder.h"

#define LOOK_AGAIN_NS UINT64_C(5000000000) /* for an agent that is not installed: a stat() */

void cp_outlet_init(struct cp_outlet *outlet, const struct cp_config *config, const char *to,
		    struct cp_log *log)
{
	outlet->config = *config;
	snprintf(outlet->to, sizeof outlet->to, "%s", to);
	cp_address_show(to, outlet->name);
	outlet->retry.next_ns = cp_text_monotonic();
	if (cp_address_parse(to, &outlet->address))
		cp_log_line(log, CP_ERROR,
			    "CONPROF_AGENT_SOCKET=%s is not understood; profiles stay in the spool",
			    outlet->name);
}

int cp_outlet_is(const struct cp_outlet *outlet, const struct cp_config *config, const char *to)
{
	const struct cp_config *mine = &outlet->config;
	return strcmp(outlet->to, to) == 0 && strcmp(mine->server_id, config->server_id) == 0 &&
	       strcmp(mine->server_token_file, config->server_token_file) == 0 &&
	       strcmp(mine->config_file, config->config_file) == 0 &&
	       strcmp(mine->tls_ca_file, config->tls_ca_file) == 0 &&
	       strcmp(mine->tls_cert_file, config->tls_cert_file) == 0 &&
	       strcmp(mine->tls_key_file, config->tls_key_file) == 0 &&
	       mine->secrets == config->secrets && mine->secret_print == config->secret_print &&
	       strcmp(mine->tenant, config->tenant) == 0 &&
	       strcmp(mine->spool_dir, config->spool_dir) == 0;
}

static uint64_t chance(void)
{
	uint64_t random = 0;
	if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
		random = cp_text_monotonic();
	return random;
}

/* A folder is at hand: to ask it is as cheap as to look whether it may be asked. */
static void recall(struct cp_outlet *outlet)
{
	struct cp_spool spool;
	struct cp_retry known;
	if (outlet->address.kind == CP_ADDRESS_FOLDER || cp_spool_open(&spool, &outlet->config))
		return;
	cp_patience_load(&spool, outlet->to, &known);
	if (known.failures || outlet->noted)
		cp_retry_adopt(&outlet->retry, &known, chance());
	outlet->noted = known.failures > 0;
}

static void note(struct cp_outlet *outlet)
{
	struct cp_spool spool;
	if (outlet->address.kind == CP_ADDRESS_FOLDER ||
	    (!outlet->retry.failures && !outlet->noted))
		return;
	int error = cp_spool_open(&spool, &outlet->config);
	if (!error)
		error = cp_patience_save(&spool, outlet->to, &outlet->retry);
	outlet->noted = !error && outlet->retry.failures;
}

int cp_outlet_may(struct cp_outlet *outlet, int hurry)
{
	if (!hurry && !cp_retry_may(&outlet->retry, cp_text_monotonic()))
		return 0;
	recall(outlet);
	return (hurry ? cp_retry_may_at_last : cp_retry_may)(&outlet->retry, cp_text_monotonic());
}

/* One line per state of this destination: what differs in numbers alone (a time, a port) is the
 * same again. */
static void say(struct cp_outlet *outlet, struct cp_log *log, enum cp_level level, const char *what,
		const char *why)
{
	char line[sizeof outlet->said], bare[sizeof outlet->said];
	size_t n = 0;
	snprintf(line, sizeof line, "%s %s", what, why);
	for (const char *c = line; *c; c++)
		if (*c < '0' || *c > '9')
			bare[n++] = *c;
	bare[n] = '\0';
	if (strcmp(bare, outlet->said) == 0)
		return;
	memcpy(outlet->said, bare, n + 1);
	cp_log_line(log, level, "%s", line);
}

static enum cp_verdict send_http(struct cp_outlet *outlet, struct cp_log *log,
				 const struct cp_parcel *parcel, int mark, long timeout_ms,
				 struct cp_told *told)
{
	struct cp_secrets *secrets CP_CLEANUP(cp_secrets_close) =
	    cp_secrets_open(&outlet->config, outlet->to, log, told->why, sizeof told->why);
	if (!secrets)
		return CP_AGAIN;
	if (outlet->address.kind == CP_ADDRESS_HTTP)
		return cp_blackfire_send(&outlet->address, secrets, parcel, timeout_ms, told->why,
					 sizeof told->why);
	return cp_push_send(&outlet->address, secrets, parcel,
			    (struct cp_push_how){timeout_ms, mark}, &outlet->progress, told);
}

static enum cp_verdict attempt(struct cp_outlet *outlet, struct cp_log *log,
			       const struct cp_parcel *parcel, int mark, long timeout_ms,
			       struct cp_told *told)
{
	enum cp_address_kind kind = outlet->address.kind;
	if (kind == CP_ADDRESS_HTTP || kind == CP_ADDRESS_PYROSCOPE || kind == CP_ADDRESS_PARCA)
		return send_http(outlet, log, parcel, mark, timeout_ms, told);
	if (kind == CP_ADDRESS_NONE) {
		snprintf(told->why, sizeof told->why, "there is no usable destination");
		return CP_ABSENT;
	}
	/* what arrived there would go with the entry */
	if (cp_spool_is(&outlet->config, outlet->address.path)) {
		snprintf(told->why, sizeof told->why, "%s is the spool by another name",
			 outlet->address.path);
		return CP_AGAIN;
	}
	int error = cp_folder_write(outlet->address.path, 0750, parcel);
	if (error)
		snprintf(told->why, sizeof told->why, "%s: %s", outlet->address.path,
			 cp_text_error(error));
	return error ? CP_AGAIN : CP_SENT;
}

void cp_outlet_send(struct cp_outlet *outlet, struct cp_log *log, const struct cp_parcel *parcel,
		    int mark, long timeout_ms, struct cp_outcome *outcome)
{
	outcome->told.after_s = 0;
	outcome->told.why[0] = '\0';
	outcome->verdict = attempt(outlet, log, parcel, mark, timeout_ms, &outcome->told);
}

void cp_outlet_learn(struct cp_outlet *outlet, struct cp_log *log, const struct cp_outcome *outcome)
{
	const char *why = outcome->told.why;
	uint64_t now = cp_text_monotonic();
	switch (outcome->verdict) {
	case CP_SENT:
		say(outlet, log, CP_INFO, "profiles arrive at", outlet->name);
		cp_retry_succeeded(&outlet->retry);
		break;
	case CP_REFUSED:
		say(outlet, log, CP_ERROR, "profiles are refused:", why);
		cp_retry_succeeded(&outlet->retry);
		break;
	case CP_ABSENT:
		say(outlet, log, CP_INFO, "profiles stay in the spool:", why);
		outlet->retry.next_ns = now + LOOK_AGAIN_NS;
		break;
	case CP_AGAIN:
		say(outlet, log, CP_ERROR,
		    outlet->config.spool_max_bytes
			? "profiles can not be delivered, they are spooled and sent later:"
			: "profiles can not be delivered:",
		    why);
		cp_retry_failed(&outlet->retry, now, chance());
		cp_retry_not_before(&outlet->retry, now, outcome->told.after_s);
		break;
	}
	if (outcome->verdict != CP_ABSENT)
		note(outlet);
}
