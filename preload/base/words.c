/* words.c - the settings that are small languages: an address, the types, the labels. */
/* SPDX-License-Identifier: MIT */
#include "base/words.h"

#include "base/fields.h"
#include "base/secret.h"

/* The longest path that fits into struct sockaddr_un. */
#define UNIX_PATH_MAX 107

struct piece {
	const char *text;
	size_t len;
};

static int host_and_port(struct piece rest)
{
	size_t colon = rest.len;
	unsigned port = 0;

	while (colon > 0 && rest.text[colon - 1] != ':')
		colon--;
	if (colon < 2 || rest.len - colon < 1 || rest.len - colon > 5)
		return 0;
	for (size_t i = colon; i < rest.len; i++) {
		if (rest.text[i] < '0' || rest.text[i] > '9')
			return 0;
		port = port * 10 + (unsigned)(rest.text[i] - '0');
	}
	return port >= 1 && port <= 65535;
}

/* user:password@ may stand before it. */
static int names_host(struct piece rest)
{
	size_t host = 0;

	for (size_t i = 0; i < rest.len && rest.text[i] != '/'; i++)
		if (rest.text[i] == '@')
			host = i + 1;
	return host < rest.len && rest.text[host] != '/' && rest.text[host] != ':';
}

/* What is wrong with the part after the scheme; NULL when nothing is. */
static const char *wrong_rest(const char *scheme, struct piece rest)
{
	for (size_t i = 0; i < rest.len; i++)
		if (rest.text[i] == ' ' && scheme[0] != 'd' && scheme[0] != 'u')
			return "has a blank in it";
	if (scheme[0] == 't')
		return host_and_port(rest) ? NULL : "is not tcp://host:port";
	if (scheme[0] == 'h' || scheme[0] == 'p')
		return names_host(rest) ? NULL : "names no host";
	if (!rest.len || rest.text[0] != '/')
		return "has no absolute path";
	if (scheme[0] == 'u' && rest.len > UNIX_PATH_MAX)
		return "is too long for a unix socket";
	return NULL;
}

/* Pyroscope's own rule. */
void cp_value_tenant(struct cp_config *config, const struct cp_value *value, struct cp_mistakes *to)
{
	static const char marks[] = {'!', '_', '.', '*', '\'', '(', ')', '-'};
	const char *wrong = value->len > 150 ? "is longer than 150 characters" : NULL;

	for (size_t i = 0; i < value->len; i++) {
		char c = value->text[i];
		int letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		if (!letter && !(c >= '0' && c <= '9') && !memchr(marks, c, sizeof marks))
			wrong = "has a character that is none of A-Z a-z 0-9 ! _ . * ' ( ) -";
	}
	if (wrong)
		cp_mistake_refuse(to, config, value, wrong);
	else
		cp_field_set_text(config, value->setting, value->text, value->len);
}

/* The addresses that can be used, as they are shown. */
struct kept {
	char text[sizeof((struct cp_config *)0)->agent_socket];
	size_t len, count;
	int masked; /* one of them has a password */
};

/* The next piece between commas, without the blanks around it; 0 at the end. */
static int next_piece(struct piece *rest, struct piece *out)
{
	size_t n = 0;

	if (!rest->text)
		return 0;
	while (n < rest->len && rest->text[n] != ',')
		n++;
	*out = (struct piece){rest->text, n};
	*rest = n < rest->len ? (struct piece){rest->text + n + 1, rest->len - n - 1}
			      : (struct piece){NULL, 0};
	while (out->len && out->text[0] == ' ') {
		out->text++;
		out->len--;
	}
	while (out->len && out->text[out->len - 1] == ' ')
		out->len--;
	return 1;
}

/* What is wrong with one address; NULL when nothing is. */
static const char *wrong_address(struct piece p)
{
	static const char *const known[] = {"unix://",
					    "tcp://",
					    "http://",
					    "https://",
					    "dir://",
					    "pyroscope+http://",
					    "pyroscope+https://",
					    "parca+http://",
					    "parca+https://"};

	if (p.len > CP_DESTINATION_LEN)
		return "is too long";
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (cp_text_begins(p.text, p.len, known[i]))
			return wrong_rest(known[i], (struct piece){p.text + strlen(known[i]),
								   p.len - strlen(known[i])});
	return "is none of unix://, tcp://, http://, https://, dir://, pyroscope+http(s)://, "
	       "parca+http(s)://";
}

static void refuse_address(const struct cp_config *config, const struct cp_value *value,
			   struct piece p, const char *wrong, int others, struct cp_mistakes *to)
{
	struct cp_value alone = *value;
	struct cp_line line = {0};

	alone.text = p.text;
	alone.len = p.len;
	if (!others) {
		cp_mistake_refuse(to, config, &alone, wrong);
		return;
	}
	cp_mistake_begin(&line, &alone);
	cp_line_add(&line, " ");
	cp_line_add(&line, wrong);
	cp_line_add(&line, "; using the others");
	cp_mistake(to, &line);
}

/* Whether the addresses kept so far, with commas between, have this one. */
static int is_named(const char *kept, size_t len, struct piece p)
{
	struct piece rest = {kept, len}, other;

	while (len && next_piece(&rest, &other))
		if (other.len == p.len && memcmp(other.text, p.text, p.len) == 0)
			return 1;
	return 0;
}

/* A comma in a password would make two addresses of one, and show half of it. */
static int has_torn(const struct cp_value *value)
{
	struct piece rest = {value->text, value->len}, p;

	while (next_piece(&rest, &p))
		if (memchr(p.text, '@', p.len) && !memmem(p.text, p.len, "://", 3))
			return 1;
	return 0;
}

/* Adds one, its password masked, to those that are kept. What is wrong with that, or NULL. */
static const char *keep_address(struct kept *kept, struct piece p)
{
	char shown[sizeof kept->text];
	size_t n = cp_secret_mask(p.text, p.len, shown, sizeof shown);

	if (!n)
		return "has an @ that is not before its host: in a password it is %40, / is %2F";
	if (is_named(kept->text, kept->len, (struct piece){shown, n}))
		return NULL;
	if (kept->count == CP_DESTINATIONS)
		return "is one address too many";
	if (kept->len + 1 + n >= sizeof kept->text)
		return "is too long";
	if (kept->count++)
		kept->text[kept->len++] = ',';
	memcpy(kept->text + kept->len, shown, n);
	kept->len += n;
	kept->masked |= n != p.len || memcmp(shown, p.text, n) != 0;
	return NULL;
}

/* Those that can be used, with commas between, each once. */
void cp_value_address(struct cp_config *config, const struct cp_value *value,
		      struct cp_mistakes *to)
{
	struct piece rest = {value->text, value->len}, p;
	struct kept kept = {.len = 0};
	size_t good = 0, named = 0;

	while (next_piece(&rest, &p)) {
		named += p.len > 0;
		good += p.len && !wrong_address(p);
	}
	if (!named || has_torn(value)) {
		cp_mistake_refuse(to, config, value,
				  named ? "has a comma in a password: it is %2C"
					: "names no address");
		return;
	}
	rest = (struct piece){value->text, value->len};
	while (next_piece(&rest, &p)) {
		const char *wrong = wrong_address(p);
		if (!p.len)
			continue;
		if (!wrong)
			wrong = keep_address(&kept, p);
		if (wrong)
			refuse_address(config, value, p, wrong, good > 0, to);
	}
	if (kept.masked)
		config->secrets |= value->setting->secret;
	if (kept.count)
		cp_field_set_text(config, value->setting, kept.text, kept.len);
}

static uint32_t type_of(struct piece p)
{
	if (cp_text_is(p.text, p.len, "cpu"))
		return CP_TYPE_CPU;
	if (cp_text_is(p.text, p.len, "heap"))
		return CP_TYPE_HEAP;
	if (cp_text_is(p.text, p.len, "goroutine") || cp_text_is(p.text, p.len, "threads"))
		return CP_TYPE_THREAD;
	return 0;
}

void cp_value_types(struct cp_config *config, const struct cp_value *value, struct cp_mistakes *to)
{
	struct piece rest = {value->text, value->len}, p;
	uint32_t types = 0;
	int unknown = 0;

	while (next_piece(&rest, &p)) {
		types |= type_of(p);
		unknown |= !type_of(p);
	}
	if (types)
		config->types = types;
	if (unknown)
		cp_mistake_refuse(to, config, value,
				  "has a word that is none of cpu, heap, goroutine");
}

static uint32_t label_of(struct piece p)
{
	if (cp_text_is(p.text, p.len, "pid"))
		return CP_LABEL_PID;
	if (cp_text_is(p.text, p.len, "tid"))
		return CP_LABEL_TID;
	if (cp_text_is(p.text, p.len, "thread"))
		return CP_LABEL_THREAD;
	return 0;
}

/* "none" stands alone: an empty setting is one that is not set. */
void cp_value_sample_labels(struct cp_config *config, const struct cp_value *value,
			    struct cp_mistakes *to)
{
	struct piece rest = {value->text, value->len}, p;
	uint32_t labels = 0;
	int none = cp_text_is(value->text, value->len, "none"), unknown = 0;

	while (!none && next_piece(&rest, &p)) {
		labels |= label_of(p);
		unknown |= !label_of(p);
	}
	if (none || labels)
		config->sample_labels = labels;
	if (unknown)
		cp_mistake_refuse(to, config, value, "has a word that is none of pid, tid, thread");
}

/* Tags that every profile carries already: a label of the same name would be overridden by them. */
static int is_reserved(struct piece key)
{
	static const char *const reserved[] = {
	    "process_id",
	    "profiler_version",
	    "runtime_version",
	    "runtime_compiler",
	    "runtime_arch",
	    "runtime_os",
	    "runtime-id",
	    "language",
	    "runtime",
	    "probe_version",
	    "host",
	    "service",
	    "profile_seq",
	    "application_name",
	    "project_id",
	};

	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (cp_text_is(key.text, key.len, reserved[i]))
			return 1;
	return cp_text_begins(key.text, key.len, "pprof::");
}

/* What is wrong with a pair; NULL when nothing is. */
static const char *wrong_pair(struct piece p)
{
	struct piece key = {p.text, 0};

	while (key.len < p.len && p.text[key.len] != ':')
		key.len++;
	if (key.len == 0 || key.len + 1 >= p.len || p.text[p.len - 1] == ':')
		return ", which is not key:value; using the others";
	if (is_reserved(key))
		return ", whose key the profiler sets itself; using the others";
	return NULL;
}

static void refuse_pair(const struct cp_value *value, struct piece p, const char *wrong,
			struct cp_mistakes *to)
{
	struct cp_line line = {0};

	cp_mistake_begin(&line, value);
	cp_line_add(&line, " has the pair ");
	cp_line_quote(&line, p.text, p.len, 48);
	cp_line_add(&line, wrong);
	cp_mistake(to, &line);
}

void cp_value_labels(struct cp_config *config, const struct cp_value *value, struct cp_mistakes *to)
{
	struct piece rest = {value->text, value->len}, p;
	size_t len = 0;
	const char *wrong;

	memset(config->labels, 0, sizeof config->labels);
	while (next_piece(&rest, &p)) {
		wrong = wrong_pair(p);
		if (wrong) {
			refuse_pair(value, p, wrong, to);
			continue;
		}
		if (len)
			config->labels[len++] = ',';
		memcpy(config->labels + len, p.text, p.len);
		len += p.len;
	}
}
