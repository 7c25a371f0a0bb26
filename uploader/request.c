/* request.c - what one upload says: event.json and the multipart body. */
/* SPDX-License-Identifier: MIT */
#include "uploader/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

const enum cp_profile cp_request_order[CP_PROFILES] = {CP_PROFILE_HEAP, CP_PROFILE_THREADS,
						       CP_PROFILE_CPU};

const char *cp_request_name(enum cp_profile profile)
{
	static const char *const names[CP_PROFILES] = {
	    [CP_PROFILE_HEAP] = "delta-heap.pprof",
	    [CP_PROFILE_THREADS] = "goroutines.pprof",
	    [CP_PROFILE_CPU] = "cpu.pprof",
	};
	return names[profile];
}

static int random_bytes(unsigned char *bytes, size_t len)
{
	ssize_t got = getrandom(bytes, len, 0);
	return got == (ssize_t)len ? 0 : got < 0 ? -errno : -EIO;
}

int cp_request_boundary(char boundary[CP_BOUNDARY])
{
	unsigned char bytes[30];
	int error = random_bytes(bytes, sizeof bytes);
	for (size_t i = 0; !error && i < sizeof bytes; i++)
		snprintf(boundary + 2 * i, 3, "%02x", bytes[i]);
	return error;
}

int cp_request_uuid(char uuid[37])
{
	unsigned char b[16];
	int error = random_bytes(b, sizeof b);
	if (error)
		return error;
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(uuid, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
		 b[13], b[14], b[15]);
	return 0;
}

static int has_key(const struct cp_text *tags, const char *key, size_t len)
{
	const char *at = tags->data;
	while (at) {
		if (strncmp(at, key, len) == 0 && at[len] == ':')
			return 1;
		at = strchr(at, ',');
		at = at ? at + 1 : NULL;
	}
	return 0;
}

/* Receivers split at commas and know no escape: a comma in a value would become a tag. */
static void add_tag(struct cp_text *tags, const char *key, size_t key_len, const char *value,
		    size_t value_len)
{
	if (!key_len || !value_len || has_key(tags, key, key_len))
		return;
	if (tags->len)
		cp_text_add(tags, ",");
	cp_text_add_bytes(tags, key, key_len);
	cp_text_add(tags, ":");
	for (size_t i = 0; i < value_len; i++) {
		int bad = value[i] == ',' || (unsigned char)value[i] < ' ';
		cp_text_add_bytes(tags, bad ? "_" : &value[i], 1);
	}
}

static void add(struct cp_text *tags, const char *key, const char *value)
{
	add_tag(tags, key, strlen(key), value, strlen(value));
}

static void add_labels(struct cp_text *tags, const char *labels)
{
	while (*labels) {
		size_t len = strcspn(labels, ",");
		const char *colon = memchr(labels, ':', len);
		if (colon)
			add_tag(tags, labels, (size_t)(colon - labels), colon + 1,
				len - (size_t)(colon - labels) - 1);
		labels += len + (labels[len] == ',');
	}
}

static void add_number(struct cp_text *tags, const char *key, unsigned value)
{
	char number[24];
	snprintf(number, sizeof number, "%u", value);
	add(tags, key, value ? number : "");
}

/* Of one process how it ended; of several how many did. */
static void add_endings(struct cp_text *out, const struct cp_event *event)
{
	static const char *const ways[] = {"unknown", "exec", "exit", "signal"};
	const struct cp_endings *all = &event->endings;
	const struct cp_ending *one = &all->of[0].like;
	char text[CP_ENDING_WORD];
	if (!event->alone || all->count != 1) {
		add_number(out, "processes_ended", all->count);
		add_number(out, "ended_by_signal", all->by_signal);
		add_number(out, "ended_by_oom", all->oom);
		add_number(out, "exit_failed", all->failed);
		return;
	}
	add(out, "process_ended", ways[one->how]);
	cp_ending_word(one, text);
	add(out, "signal", one->how == CP_END_SIGNAL ? text : "");
	add(out, "core_dumped", one->core_dumped ? "true" : "");
	add(out, "oom", one->oom ? "true" : "");
	snprintf(text, sizeof text, "%d", one->number);
	add(out, "exit_status", one->how == CP_END_EXIT && one->number >= 0 ? text : "");
}

void cp_request_tags(const struct cp_event *event, struct cp_text *out)
{
	char number[24];
	snprintf(number, sizeof number, "%d", event->pid);
	add(out, "process_id", number);
	add(out, "profiler_version", "v" CP_VERSION);
	add(out, "runtime_os", "linux");
#if defined(__aarch64__)
	add(out, "runtime_arch", "arm64");
#else
	add(out, "runtime_arch", "amd64");
#endif
	add(out, "runtime-id", event->runtime_id);
	add(out, "language", "native");
	add(out, "runtime", "native");
	add(out, "probe_version", "v" CP_VERSION);
	add(out, "host", event->host);
	add(out, "application_name", event->config->app_name);
	add(out, "project_id", event->config->project);
	add(out, "service", event->service);
	snprintf(number, sizeof number, "%llu", (unsigned long long)event->seq);
	add(out, "profile_seq", number);
	add_endings(out, event);
	add_labels(out, event->config->labels);
}

/* Of the profiles that are attached; threads are lost and truncated, too. */
static void add_coverage(struct cp_text *out, const struct cp_event *event)
{
	static const char *const names[CP_PROFILES] = {
	    [CP_PROFILE_HEAP] = "heap", [CP_PROFILE_THREADS] = "threads", [CP_PROFILE_CPU] = "cpu"};
	const char *comma = "";
	for (int i = 0; i < CP_PROFILES; i++) {
		const struct cp_coverage *is = &event->coverage[i];
		if (!(event->profiles & CP_BIT(i)))
			continue;
		cp_text_addf(out, "%s\"%s\":{\"samples\":%llu,\"lost\":%llu,", comma, names[i],
			     (unsigned long long)is->samples, (unsigned long long)is->lost);
		cp_text_addf(out, "\"truncated\":%llu,\"ended_early\":%llu}",
			     (unsigned long long)is->truncated,
			     (unsigned long long)is->ended_early);
		comma = ",";
	}
}

static void add_losses(struct cp_text *out, const struct cp_event *event)
{
	static const char *const kinds[CP_KINDS] = {"", "cpu", "heap", "threads"};
	const char *comma = "";
	for (unsigned kind = CP_KIND_CPU; kind < CP_KINDS; kind++)
		for (unsigned cause = 0; cause < CP_LOSSES; cause++) {
			if (!event->lost[kind][cause])
				continue;
			cp_text_addf(out, "%s\"%s_%s\":%llu", comma, kinds[kind],
				     cp_loss_name((enum cp_loss)cause),
				     (unsigned long long)event->lost[kind][cause]);
			comma = ",";
		}
}

static const char *truth(uint32_t yes)
{
	return yes ? "true" : "false";
}

static void add_info(struct cp_text *out, const struct cp_event *event)
{
	const struct cp_config *config = event->config;
	cp_text_add(out,
		    "{\"profiler\":{\"ssi\":{\"mechanism\":\"none\"},\"activation\":\"manual\","
		    "\"settings\":{\"agentless\":false,");
	cp_text_addf(out, "\"cpu_duration\":\"%us\",\"cpu_profile_enabled\":%s,",
		     config->cpu_duration_s, truth(config->types & CP_TYPE_CPU));
	cp_text_addf(out, "\"cpu_profile_rate\":%u,\"delta_profiles\":true,\"flush_on_exit\":true,",
		     config->cpu_rate_hz);
	cp_text_addf(out, "\"goroutine_profile_enabled\":%s,\"heap_profile_enabled\":%s,",
		     truth(config->types & CP_TYPE_THREAD), truth(config->types & CP_TYPE_HEAP));
	cp_text_addf(out, "\"heap_sample_interval\":%llu,\"profile_period\":\"%us\",",
		     (unsigned long long)config->heap_interval, config->period_s);
	cp_text_addf(out, "\"upload_timeout\":\"%us\"},", config->upload_timeout_s);
	if (event->stopped_ns)
		cp_text_addf(out, "\"stopped_ms\":%llu,",
			     (unsigned long long)(event->stopped_ns / 1000000));
	cp_text_addf(out, "\"uploads_dropped\":%llu,\"coverage\":{",
		     (unsigned long long)event->dropped);
	add_coverage(out, event);
	cp_text_add(out, "},\"losses\":{");
	add_losses(out, event);
	cp_text_add(out, "},\"ended\":{");
	cp_endings_json(&event->endings, out);
	cp_text_add(out, "}}}");
}

/* A value among process_tags is lower case letters, digits and a few marks. */
static void add_normal(struct cp_text *out, const char *key, const char *value, size_t len)
{
	if (!len)
		return;
	cp_text_addf(out, "%s%s:", out->len ? "," : "", key);
	for (size_t i = 0; i < len; i++) {
		char c = value[i];
		c = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
		int fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("_-./", c);
		cp_text_add_bytes(out, fine ? &c : "_", 1);
	}
}

static void add_process_tags(struct cp_text *out, const struct cp_event *event)
{
	struct cp_text tags = {0};
	const char *name = cp_text_base(event->exe);
	const char *cwd = cp_text_base(event->cwd);
	const char *end = name > event->exe ? name - 1 : event->exe;
	const char *dir = end;
	while (dir > event->exe && dir[-1] != '/')
		dir--;
	add_normal(&tags, "entrypoint.basedir", dir, (size_t)(end - dir));
	add_normal(&tags, "entrypoint.name", name, strlen(name));
	cp_text_add(&tags, tags.len ? ",entrypoint.type:executable" : "entrypoint.type:executable");
	add_normal(&tags, "entrypoint.workdir", cwd, strlen(cwd));
	if (tags.failed)
		out->failed = 1;
	cp_text_add(out, ",\"process_tags\":");
	cp_text_add_json(out, tags.data ? tags.data : "");
	cp_text_free(&tags);
}

int cp_request_event(const struct cp_event *event, struct cp_text *out)
{
	struct cp_text tags = {0};
	const char *comma = "";
	cp_text_add(out, "{\"start\":\"");
	cp_text_add_time(out, event->start_ns);
	cp_text_add(out, "\",\"end\":\"");
	cp_text_add_time(out, event->end_ns);
	cp_text_add(out, event->profiles ? "\",\"attachments\":[" : "\",\"attachments\":null");
	for (int i = 0; i < CP_PROFILES; i++) {
		if (!(event->profiles & CP_BIT(cp_request_order[i])))
			continue;
		cp_text_addf(out, "%s\"%s\"", comma, cp_request_name(cp_request_order[i]));
		comma = ",";
	}
	cp_text_add(out, event->profiles ? "],\"tags_profiler\":" : ",\"tags_profiler\":");
	cp_request_tags(event, &tags);
	cp_text_add_json(out, tags.data ? tags.data : "");
	cp_text_add(out, ",\"family\":\"go\",\"version\":\"4\",\"info\":");
	add_info(out, event);
	add_process_tags(out, event);
	cp_text_add(out, "}\n");
	int failed = out->failed || tags.failed;
	cp_text_free(&tags);
	return failed ? -ENOMEM : 0;
}

static void add_part(struct cp_text *out, const char *boundary, const char *name, const char *file,
		     const char *type)
{
	cp_text_addf(out, "%s--%s\r\n", out->len ? "\r\n" : "", boundary);
	cp_text_addf(out, "Content-Disposition: form-data; name=\"%s\"; filename=\"%s\"\r\n", name,
		     file);
	cp_text_addf(out, "Content-Type: %s\r\n\r\n", type);
}

int cp_request_body(const struct cp_bytes parts[CP_PROFILES], const char *event,
		    const char *boundary, struct cp_text *out)
{
	for (int i = 0; i < CP_PROFILES; i++) {
		enum cp_profile profile = cp_request_order[i];
		const char *name = cp_request_name(profile);
		if (!parts[profile].len)
			continue;
		add_part(out, boundary, name, name, "application/octet-stream");
		cp_text_add_bytes(out, parts[profile].data, parts[profile].len);
	}
	add_part(out, boundary, "event", "event.json", "application/json");
	cp_text_add(out, event);
	cp_text_addf(out, "\r\n--%s--\r\n", boundary);
	return out->failed ? -ENOMEM : 0;
}
