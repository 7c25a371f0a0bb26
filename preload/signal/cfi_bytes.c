/* cfi_bytes.c - numbers out of a table that is not to be trusted. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "signal/cfi_entry.h"

#include "signal/law.h"

uint64_t cp_bytes_take(struct cp_bytes *b, unsigned size)
{
	uint64_t value = 0;

	if ((uint64_t)(b->end - b->at) < size) {
		b->bad = 1;
		b->at = b->end;
		return 0;
	}
	memcpy(&value, b->at, size); /* little-endian, both machines */
	b->at += size;
	return value;
}

/* What does not fit into 64 bits is cut off, as everybody does. */
uint64_t cp_bytes_uleb(struct cp_bytes *b)
{
	uint64_t value = 0;
	unsigned shift = 0;

	while (b->at < b->end) {
		uint8_t byte = *b->at++;

		if (shift < 64)
			value |= (uint64_t)(byte & 127) << shift;
		shift += 7;
		if (!(byte & 128))
			return value;
	}
	b->bad = 1;
	return 0;
}

int64_t cp_bytes_sleb(struct cp_bytes *b)
{
	uint64_t value = 0;
	unsigned shift = 0;

	while (b->at < b->end) {
		uint8_t byte = *b->at++;

		if (shift < 64)
			value |= (uint64_t)(byte & 127) << shift;
		shift += 7;
		if (byte & 128)
			continue;
		if (shift < 64 && (byte & 64))
			value |= ~UINT64_C(0) << shift;
		return (int64_t)value;
	}
	b->bad = 1;
	return 0;
}

/* The lower half of an encoding: how the number is written. */
int64_t cp_cfi_number(struct cp_bytes *b, unsigned encoding)
{
	switch (encoding & 0x0f) {
	case 0x01:
		return (int64_t)cp_bytes_uleb(b);
	case 0x02:
		return (int64_t)cp_bytes_take(b, 2);
	case 0x03:
		return (int64_t)cp_bytes_take(b, 4);
	case 0x09:
		return cp_bytes_sleb(b);
	case 0x0a:
		return (int16_t)cp_bytes_take(b, 2);
	case 0x0b:
		return (int32_t)cp_bytes_take(b, 4);
	case 0x00:
	case 0x04:
	case 0x0c:
		return (int64_t)cp_bytes_take(b, 8);
	default:
		b->bad = 1;
		return 0;
	}
}

/* The upper half: what it is counted from. */
uint64_t cp_cfi_address(const struct cp_segment *t, struct cp_bytes *b, unsigned encoding)
{
	uint64_t here = (uint64_t)(uintptr_t)b->at;
	uint64_t number = (uint64_t)cp_cfi_number(b, encoding);

	switch (encoding & 0xf0) {
	case 0x00:
		return number;
	case 0x10:
		return here + number;
	case 0x30:
		return t->header + number;
	default:
		b->bad = 1;
		return 0;
	}
}
