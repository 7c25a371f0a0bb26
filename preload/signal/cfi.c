/* cfi.c - from .eh_frame_hdr to the entry of an address, and its program run up to there. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "signal/cfi_entry.h"

#include "signal/law.h"

/* Formats: DWARF 5, 6.4 (call frame information), and the Linux Standard Base, "Exception Frames"
 * (.eh_frame, .eh_frame_hdr, pointer encodings). */

#define ENC_OMIT     0xff
#define ENC_SORTED   0x3b /* of a table: 4 bytes, signed, from the header on; what linkers make */
#define ENC_INDIRECT 0x80

static struct cp_bytes part(const struct cp_segment *t, uint64_t at, uint64_t size)
{
	struct cp_bytes b = {.bad = 1};

	if (at < t->low || at > t->high || size > t->high - at)
		return b;
	b.at = (const uint8_t *)(uintptr_t)at;
	b.end = b.at + size;
	b.bad = 0;
	return b;
}

static struct cp_bytes rest(const struct cp_segment *t, uint64_t at)
{
	return part(t, at, at <= t->high ? t->high - at : 0);
}

/* ---- the sorted table ---- */

static int32_t word(const uint8_t *at)
{
	int32_t value;

	memcpy(&value, at, sizeof value);
	return value;
}

/* Where the entry begins that may cover the address, or 0. */
static uint64_t search(const struct cp_segment *t, uint64_t pc)
{
	struct cp_bytes b = rest(t, t->header);
	unsigned version = (unsigned)cp_bytes_take(&b, 1);
	unsigned frame = (unsigned)cp_bytes_take(&b, 1), count = (unsigned)cp_bytes_take(&b, 1);
	unsigned sorted = (unsigned)cp_bytes_take(&b, 1);
	uint64_t low = 0, high;
	int64_t wanted = (int64_t)(pc - t->header);

	if (version != 1 || count == ENC_OMIT || sorted != ENC_SORTED)
		return 0;
	if (frame != ENC_OMIT)
		cp_cfi_number(&b, frame);
	high = (uint64_t)cp_cfi_number(&b, count);
	if (b.bad || high > (uint64_t)(b.end - b.at) / 8)
		return 0;
	while (low < high) {
		uint64_t middle = (low + high) / 2;

		if (word(b.at + middle * 8) <= wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? t->header + (uint64_t)(int64_t)word(b.at + (low - 1) * 8 + 4) : 0;
}

/* ---- the entries: a common one (CIE), and one for each function (FDE) ---- */

/* What follows the length; *id_at is where the next word, the CIE's distance or 0, stands. */
static struct cp_bytes open_entry(const struct cp_segment *t, uint64_t at)
{
	struct cp_bytes b = rest(t, at);
	uint64_t length = cp_bytes_take(&b, 4);

	if (length == 0xffffffff)
		length = cp_bytes_take(&b, 8);
	if (b.bad || length < 4 || length > (uint64_t)(b.end - b.at)) {
		b.bad = 1;
		return b;
	}
	b.end = b.at + length;
	return b;
}

/* "zPLRS": letters that say what the augmentation data hold. */
static void augment(const struct cp_segment *t, struct cp_entry *e, struct cp_bytes *b,
		    const char *text)
{
	uint64_t size;
	const uint8_t *after;

	if (!*text)
		return;
	if (*text != 'z') { /* "eh" and others of before 2000 */
		b->bad = 1;
		return;
	}
	e->has_size = 1;
	size = cp_bytes_uleb(b);
	if (b->bad || size > (uint64_t)(b->end - b->at)) {
		b->bad = 1;
		return;
	}
	after = b->at + size;
	while (*++text && !b->bad) {
		if (*text == 'R')
			e->encoding = (unsigned)cp_bytes_take(b, 1);
		else if (*text == 'P') {
			unsigned encoding = (unsigned)cp_bytes_take(b, 1);

			cp_cfi_address(t, b, encoding & ~(unsigned)ENC_INDIRECT);
		} else if (*text == 'L')
			cp_bytes_take(b, 1);
		else if (*text == 'S')
			e->is_signal = 1;
		else if (*text != 'B' && *text != 'G')
			break; /* their data, if any, lie before `after` */
	}
	b->at = after;
}

static int read_cie(const struct cp_segment *t, uint64_t at, struct cp_entry *e)
{
	struct cp_bytes b = open_entry(t, at);
	uint64_t id = cp_bytes_take(&b, 4);
	unsigned version = (unsigned)cp_bytes_take(&b, 1);
	const char *augmentation = (const char *)b.at;

	if (b.bad || id != 0 || (version != 1 && version != 3 && version != 4))
		return 0;
	while (cp_bytes_take(&b, 1) != 0)
		;
	if (version == 4 && cp_bytes_take(&b, 2) != 8) /* size of an address; no segments */
		return 0;
	e->code_align = cp_bytes_uleb(&b);
	e->data_align = cp_bytes_sleb(&b);
	e->return_column = version == 1 ? cp_bytes_take(&b, 1) : cp_bytes_uleb(&b);
	e->encoding = 0;
	if (b.bad)
		return 0;
	augment(t, e, &b, augmentation);
	e->initial = b;
	return !b.bad && e->return_column == CP_RETURN;
}

static int read_fde(const struct cp_segment *t, uint64_t at, struct cp_entry *e)
{
	struct cp_bytes b = open_entry(t, at);
	uint64_t here = (uint64_t)(uintptr_t)b.at, distance = cp_bytes_take(&b, 4);

	if (b.bad || !distance || distance > here - t->low || !read_cie(t, here - distance, e))
		return 0;
	e->start = cp_cfi_address(t, &b, e->encoding);
	e->end = e->start + (uint64_t)cp_cfi_number(&b, e->encoding);
	if (e->has_size) {
		uint64_t size = cp_bytes_uleb(&b);

		if (b.bad || size > (uint64_t)(b.end - b.at))
			return 0;
		b.at += size;
	}
	e->program = b;
	return !b.bad;
}

int cp_cfi_find(const struct cp_segment *table, uint64_t pc, struct cp_rules *rules)
{
	uint64_t at = table->header ? search(table, pc) : 0;
	struct cp_entry e = {0};

	if (!at || !read_fde(table, at, &e) || pc < e.start || pc >= e.end)
		return 0;
	if (!cp_cfi_run(table, &e, pc, rules))
		return 0;
	rules->is_signal = e.is_signal;
	return 1;
}
