/* destinations.c - the setting that says where profiles go: addresses with commas between. */
/* SPDX-License-Identifier: MIT */
#include "base/destinations.h"

#include "base/fields.h"
#include "base/item.h"
#include "base/secret.h"

/* The longest path that fits into struct sockaddr_un. */
#define UNIX_PATH_MAX 107

static int host_and_port(struct cp_item rest)
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
static int names_host(struct cp_item rest)
{
	size_t host = 0;

	for (size_t i = 0; i < rest.len && rest.text[i] != '/'; i++)
		if (rest.text[i] == '@')
			host = i + 1;
	return host < rest.len && rest.text[host] != '/' && rest.text[host] != ':';
}

/* What is wrong with the part after the scheme; NULL when nothing is. */
static const char *wrong_rest(const char *scheme, struct cp_item rest)
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

/* The addresses that can be used, as they are shown. */
struct kept {
	char text[sizeof((struct cp_config *)0)->agent_socket];
	size_t len, count;
	int masked; /* one of them has a password */
};

/* What is wrong with one address; NULL when nothing is. */
static const char *wrong_address(struct cp_item p)
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
			return wrong_rest(known[i], (struct cp_item){p.text + strlen(known[i]),
								     p.len - strlen(known[i])});
	return "is none of unix://, tcp://, http://, https://, dir://, pyroscope+http(s)://, "
	       "parca+http(s)://";
}

static void refuse_address(const struct cp_config *config, const struct cp_value *value,
			   struct cp_item p, const char *wrong, int others, struct cp_mistakes *to)
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
static int is_named(const char *kept, size_t len, struct cp_item p)
{
	struct cp_item rest = {kept, len}, other;

	while (len && cp_item_next(&rest, &other))
		if (other.len == p.len && memcmp(other.text, p.text, p.len) == 0)
			return 1;
	return 0;
}

/* A comma in a password would make two addresses of one, and show half of it. */
static int has_torn(const struct cp_value *value)
{
	struct cp_item rest = {value->text, value->len}, p;

	while (cp_item_next(&rest, &p))
		if (memchr(p.text, '@', p.len) && !memmem(p.text, p.len, "://", 3))
			return 1;
	return 0;
}

/* Adds one, its password masked, to those that are kept. What is wrong with that, or NULL. */
static const char *keep_address(struct kept *kept, struct cp_item p)
{
	char shown[sizeof kept->text];
	size_t n = cp_secret_mask(p.text, p.len, shown, sizeof shown);

	if (!n)
		return "has an @ that is not before its host: in a password it is %40, / is %2F";
	if (is_named(kept->text, kept->len, (struct cp_item){shown, n}))
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
	struct cp_item rest = {value->text, value->len}, p;
	struct kept kept = {.len = 0};
	size_t good = 0, named = 0;

	while (cp_item_next(&rest, &p)) {
		named += p.len > 0;
		good += p.len && !wrong_address(p);
	}
	if (!named || has_torn(value)) {
		cp_mistake_refuse(to, config, value,
				  named ? "has a comma in a password: it is %2C"
					: "names no address");
		return;
	}
	rest = (struct cp_item){value->text, value->len};
	while (cp_item_next(&rest, &p)) {
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
