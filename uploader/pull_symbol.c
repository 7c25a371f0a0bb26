/* pull_symbol.c - /debug/pprof/symbol: what addresses are called, for readers of profiles. */
/* SPDX-License-Identifier: MIT */
#include "uploader/pull_symbol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "uploader/mailbox.h"

struct pull {
	struct cp_errand errand;
	struct cp_mailbox *box;
	struct cp_ask *ask; /* NULL: who asked has gone away */
	struct cp_bytes made;
	int error;
	uint32_t count;
	uint64_t addresses[];
};

/* Digits of a base that a prefix tells; 0: no number, or 0, or more than 64 bits. */
static uint64_t number_of(const char *text, size_t len)
{
	uint64_t base = 10, number = 0;
	if (len > 1 && text[0] == '0') {
		char letter = (char)(text[1] | 0x20);
		base = letter == 'x' ? 16 : letter == 'b' ? 2 : 8;
		text += letter == 'x' || letter == 'b' || letter == 'o' ? 2 : 1;
		len -= letter == 'x' || letter == 'b' || letter == 'o' ? 2 : 1;
	}
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		uint64_t digit = c >= '0' && c <= '9' ? (uint64_t)(c - '0') : 99;
		if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			digit = (uint64_t)(c | 0x20) - 'a' + 10;
		if (digit >= base || number > (UINT64_MAX - digit) / base)
			return 0;
		number = number * base + digit;
	}
	return number;
}

size_t cp_pull_addresses(const char *text, uint64_t *out, size_t room)
{
	size_t count = 0;
	while (*text) {
		size_t len = strcspn(text, "+");
		uint64_t number = number_of(text, len);
		if (number && count < room)
			out[count] = number;
		count += number != 0;
		text += len + (text[len] == '+');
	}
	return count;
}

static void on_done(struct cp_family *family, struct cp_errand *errand)
{
	struct pull *pull = (struct pull *)errand;
	(void)family;
	if (pull->ask && pull->made.data)
		cp_ask_bytes(pull->ask, "text/plain; charset=utf-8", &pull->made);
	else if (pull->ask)
		cp_ask_error(pull->ask, 500, "symbol: %s", cp_text_error(pull->error));
	free(pull->made.data);
	free(pull);
}

static void on_gone(struct cp_family *family, struct cp_ask *ask)
{
	(void)family;
	((struct pull *)ask->state)->ask = NULL;
}

/* The encoder's thread. */
static void on_made(void *ctx, struct cp_bytes profiles[CP_PROFILES], int error)
{
	struct pull *pull = ctx;
	pull->error = error ? error
			    : cp_addresses_text(&profiles[CP_PROFILE_THREADS], pull->addresses,
						pull->count, &pull->made);
	cp_mailbox_bring(pull->box, &pull->errand);
}

static struct cp_film *new_film(struct cp_family *family, const struct cp_member *member,
				struct pull *pull)
{
	struct cp_film *film = calloc(1, sizeof *film);
	if (!film)
		return NULL;
	film->parcel = cp_parcel_new();
	film->batch = film->parcel ? cp_batch_new(family->symbols) : NULL;
	film->profiles = CP_BIT(CP_PROFILE_THREADS);
	film->deliver = on_made;
	film->ctx = pull;
	if (film->batch && !cp_batch_addresses(film->batch, member->view, member->pid,
					       pull->addresses, pull->count))
		return film;
	cp_film_free(film);
	return NULL;
}

void cp_pull_symbol(struct cp_family *family, struct cp_ask *ask, const struct cp_chosen *chosen)
{
	const struct cp_member *member = cp_chosen_first(family, chosen);
	const char *text = ask->method == CP_POST ? ask->body.data : ask->query;
	size_t count = cp_pull_addresses(text ? text : "", NULL, 0);
	if (cp_encoding_asked(family->encoding) >= CP_ASKED_MAX) {
		cp_ask_error(ask, 503, "too many profiles are being taken");
		return;
	}
	struct pull *pull = calloc(1, sizeof *pull + count * sizeof *pull->addresses);
	if (pull) {
		pull->errand.done = on_done;
		pull->box = ask->box;
		pull->ask = ask;
		pull->count = (uint32_t)count; /* as short as the request */
		cp_pull_addresses(text ? text : "", pull->addresses, count);
	}
	struct cp_film *film = member && pull ? new_film(family, member, pull) : NULL;
	if (film) {
		ask->state = pull;
		ask->gone = on_gone;
		cp_encoding_ask(family->encoding, film);
		return;
	}
	cp_ask_error(ask, member ? 500 : 404, member ? "out of memory" : "the process is gone");
	free(pull);
}
