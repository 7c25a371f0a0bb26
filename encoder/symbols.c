/* symbols.c - what addresses of modules are called; looked up once, kept within a bound.
 *
 * A library: of each file there are slips of paper with the answers given so far, which stay; and
 * there are a few desks on which files lie open, for questions that nobody has asked before. The
 * longest unused slips go when there is no more room for all, and an unused book is closed. */
/* SPDX-License-Identifier: MIT */
#include "encoder/symbols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "encoder/image.h"

/* Far more than any family's programs map together. */
#define CP_IMAGES_MAX 16384u
/* Without a limit of the caller's. */
#define CP_BYTES_DEFAULT ((uint64_t)64 << 20)
#define CP_NS_DEFAULT	 (UINT64_C(10) * 1000000000)
/* How often whoever reads the log hears that it goes on. */
#define CP_SAY_NS (UINT64_C(2) * 1000000000)

struct cp_symbols *cp_symbols_new(void)
{
	struct cp_symbols *symbols = calloc(1, sizeof(*symbols));
	if (!symbols)
		return NULL;
	symbols->turn = 1;
	symbols->ns_max = CP_NS_DEFAULT;
	symbols->is.max = CP_BYTES_DEFAULT;
	symbols->scratches.above = CP_UNPACK_ABOVE;
	symbols->search.scratches = &symbols->scratches;
	return symbols;
}

void cp_symbols_limit(struct cp_symbols *symbols, uint64_t bytes, uint64_t ns)
{
	__atomic_store_n(&symbols->is.max, bytes, __ATOMIC_RELAXED);
	__atomic_store_n(&symbols->ns_max, ns, __ATOMIC_RELAXED);
}

void cp_symbols_brief(struct cp_symbols *symbols, uint64_t ns)
{
	symbols->ns_brief = ns;
}

void cp_symbols_listen(struct cp_symbols *symbols, void (*say)(void *ctx, const char *line),
		       void *ctx)
{
	symbols->search.say = say;
	symbols->search.ctx = ctx;
}

void cp_symbols_search(struct cp_symbols *symbols, const char *dirs, const char *urls,
		       const char *cache, const char *program)
{
	cp_search_set(&symbols->search, dirs, urls, cache, program);
}

void cp_symbols_unpack(struct cp_symbols *symbols, const char *folder, uint64_t above,
		       uint64_t most)
{
	struct cp_scratches *all = &symbols->scratches;
	snprintf(all->folder, sizeof(all->folder), "%s", folder);
	all->above = above;
	all->most = most;
}

void cp_symbols_status(const struct cp_symbols *symbols, struct cp_symbols_status *status)
{
	const uint64_t *from = (const uint64_t *)&symbols->is;
	uint64_t *to = (uint64_t *)status;
	for (size_t i = 0; i < sizeof(*status) / sizeof(*to); i++)
		to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

static uint64_t read_ns(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* After anything was added to the answers, or they were thrown away. */
static void weigh(struct cp_image *image)
{
	size_t bytes = sizeof(*image) + image->key_len + cp_answers_bytes(&image->answers);
	cp_tally(&image->symbols->is.bytes, (int64_t)bytes - (int64_t)image->bytes);
	image->bytes = bytes;
}

static void forget_answers(struct cp_image *image)
{
	cp_tally(&image->symbols->is.addresses, -(int64_t)image->answers.addresses.count);
	cp_answers_free(&image->answers);
	weigh(image);
}

static void drop(struct cp_image **at)
{
	struct cp_image *image = *at;
	cp_desk_close(image);
	forget_answers(image);
	cp_tally(&image->symbols->is.bytes, -(int64_t)image->bytes);
	cp_tally(&image->symbols->is.images, -1);
	*at = image->next;
	free(image);
}

void cp_symbols_free(struct cp_symbols *symbols)
{
	if (!symbols)
		return;
	for (uint32_t i = 0; i < CP_BUCKETS; i++)
		while (symbols->buckets[i])
			drop(&symbols->buckets[i]);
	cp_scratches_free(&symbols->scratches);
	cp_search_close(&symbols->search);
	free(symbols);
}

/* Where the longest unused image hangs, but for the one in use; NULL when there is no other. */
static struct cp_image **oldest(struct cp_symbols *symbols, const struct cp_image *in_use)
{
	struct cp_image **found = NULL;
	for (uint32_t i = 0; i < CP_BUCKETS; i++)
		for (struct cp_image **at = &symbols->buckets[i]; *at; at = &(*at)->next)
			if (*at != in_use && (!found || (*at)->used < (*found)->used))
				found = at;
	return found;
}

/* Before anything is added: so one answer alone may stand above the bound, not more. True when the
 * image in use takes all of it. */
static bool make_room(struct cp_symbols *symbols, const struct cp_image *in_use)
{
	uint64_t max = __atomic_load_n(&symbols->is.max, __ATOMIC_RELAXED);
	while (symbols->is.bytes > max || symbols->is.images > CP_IMAGES_MAX) {
		struct cp_image **at = oldest(symbols, in_use);
		if (!at)
			return true;
		cp_tally(&symbols->is.evictions, 1);
		drop(at);
	}
	return false;
}

void cp_symbols_rest(struct cp_symbols *symbols, uint64_t now)
{
	cp_desks_rest(symbols, now);
	symbols->rested = symbols->questions;
	cp_search_look(&symbols->search, 1);
	if (symbols->put_off)
		cp_search_say(&symbols->search,
			      "symbols: %.1f s (%.1f of CPU) are over: %u addresses have no lines "
			      "yet, the next profile goes on",
			      (double)symbols->spent_ns / 1e9, (double)symbols->cpu_ns / 1e9,
			      symbols->put_off);
	symbols->cpu_ns = symbols->spent_ns = symbols->said_ns = symbols->put_off = 0;
	symbols->turn += symbols->turn == UINT32_MAX ? 2 : 1;
}

/* Build-ids are hashes; whoever makes up other keys slows down his own uploader alone, within
 * CP_IMAGES_MAX. */
static uint32_t bucket_of(const char *key, size_t len)
{
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)key[i]) * 16777619u;
	return (hash ^ hash >> 16) % CP_BUCKETS;
}

static struct cp_image *add_image(struct cp_symbols *symbols, struct cp_image **bucket,
				  const char *key, size_t len)
{
	struct cp_image *image = calloc(1, sizeof(*image) + len);
	if (!image)
		return NULL;
	memcpy(image->key, key, len);
	image->key_len = len;
	image->symbols = symbols;
	image->next = *bucket;
	*bucket = image;
	cp_tally(&symbols->is.images, 1);
	weigh(image);
	return image;
}

/* Another process may see a file that the first did not, a file may be whole again, and a debug
 * file may have come. */
static bool may_find_more(const struct cp_image *image, const struct cp_module_id *id)
{
	struct cp_symbols *symbols = image->symbols;
	if (image->damaged ||
	    (!image->has_names && (image->pid != id->pid || image->turn != symbols->turn)))
		return true;
	return image->lacking && image->arrivals != cp_search_look(&symbols->search, 0);
}

struct cp_image *cp_symbols_image(struct cp_symbols *symbols, const struct cp_module_id *id)
{
	char key[4700];
	size_t len = cp_elf_key(id, key, sizeof(key) - 1);
	key[len++] = (char)id->how; /* answers are kept as they are written */
	struct cp_image **bucket = &symbols->buckets[bucket_of(key, len)], *image = *bucket;
	while (image && (image->key_len != len || memcmp(image->key, key, len) != 0))
		image = image->next;
	if (!image)
		image = add_image(symbols, bucket, key, len);
	if (!image)
		return NULL;
	image->used = ++symbols->questions;
	image->id = *id;
	if (image->tried && may_find_more(image, id)) {
		cp_desk_close(image);
		forget_answers(image);
		image->tried = image->damaged = false;
	}
	make_room(symbols, image);
	return image;
}

bool cp_image_has_names(struct cp_image *image)
{
	return (image->tried || cp_desk_open(image)) && image->has_names;
}

bool cp_image_has_lines(struct cp_image *image)
{
	return (image->tried || cp_desk_open(image)) && image->has_lines;
}

static void say_how_far(const struct cp_image *image, uint32_t done, uint32_t of)
{
	struct cp_symbols *symbols = image->symbols;
	if (symbols->spent_ns - symbols->said_ns < CP_SAY_NS)
		return;
	symbols->said_ns = symbols->spent_ns;
	cp_search_say(&symbols->search, "symbols: %.300s: %u of %u addresses, %.1f s",
		      image->id.path, done, of, (double)symbols->spent_ns / 1e9);
}

static bool has_time(const struct cp_symbols *symbols)
{
	uint64_t max = cp_symbols_time(symbols);
	return symbols->cpu_ns < max && symbols->spent_ns / CP_WAITING < max;
}

static void look_up(struct cp_image *image, uint64_t address)
{
	struct cp_symbols *symbols = image->symbols;
	uint64_t start = read_ns(CLOCK_MONOTONIC), cpu = read_ns(CLOCK_THREAD_CPUTIME_ID);
	uint32_t before = image->answers.addresses.count;
	if (image->damaged || !cp_desk_open(image))
		return;
	cp_tally(&symbols->is.looked_up, 1);
	if (has_time(symbols)) {
		cp_lookup_find(image->files, address, &image->answers);
	} else {
		cp_lookup_name(image->files, address, &image->answers, symbols->turn);
		symbols->put_off++;
	}
	cp_desk_weigh(image);
	cp_tally(&symbols->is.addresses, (int64_t)image->answers.addresses.count - before);
	weigh(image);
	symbols->spent_ns += read_ns(CLOCK_MONOTONIC) - start;
	symbols->cpu_ns += read_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
}

/* How many lines the address has, in symbols->shown; -1: nobody has looked, or there was no time
 * when somebody did. */
static int known(const struct cp_image *image, uint64_t address)
{
	struct cp_symbols *symbols = image->symbols;
	uint32_t turn = 0;
	int lines = cp_answers_get(&image->answers, address, symbols->shown, CP_INLINES_MAX, &turn);
	return turn && turn != symbols->turn ? -1 : lines;
}

void cp_image_prepare(struct cp_image *image, uint64_t *addresses, uint32_t count)
{
	struct cp_symbols *symbols = image->symbols;
	uint32_t unknown = 0;
	for (uint32_t i = 0; i < count; i++)
		if (known(image, addresses[i]) < 0)
			addresses[unknown++] = addresses[i];
	if (!unknown || !cp_desk_open(image))
		return;
	cp_lookup_order(image->files, addresses, unknown);
	for (uint32_t i = 0; i < unknown; i++) {
		/* what does not fit must be asked for one by one */
		if (make_room(symbols, image))
			return;
		look_up(image, addresses[i]);
		say_how_far(image, i + 1, unknown);
	}
}

struct cp_lines cp_image_lines(struct cp_image *image, uint64_t address)
{
	struct cp_symbols *symbols = image->symbols;
	int lines = known(image, address);
	cp_tally(&symbols->is.asked, 1);
	if (lines < 0) {
		if (make_room(symbols, image))
			forget_answers(image);
		look_up(image, address);
		lines = known(image, address);
	}
	return (struct cp_lines){symbols->shown, lines > 0 ? (uint32_t)lines : 0};
}
