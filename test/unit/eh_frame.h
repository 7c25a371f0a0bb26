/* eh_frame.h - unwind tables made by hand: .eh_frame_hdr, common entries, and entries of functions.
 */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>
#include <string.h>

#include "signal/tables.h"

/* Bytes written out, as an argument pair: BYTES(0x0e, 16). */
#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define NO_BYTES   (const uint8_t *)"", 0

/* Encodings of pointers. */
enum { ABS8 = 0x00, ABS_U8 = 0x04, PC_S4 = 0x1b, PC_S8 = 0x1c, HEADER_S4 = 0x3b };

#define MADE_TABLE 12  /* where the sorted table is */
#define MADE_FIRST 272 /* where the entries begin: there may be 32 */
#define MADE_CODE  0x10000

/* The code is not there: it begins so far behind the tables, which only name it. */
struct made {
	_Alignas(8) uint8_t room[4096];
	size_t end;
	struct cp_segment segment;
};

static inline void made_put(struct made *m, const void *bytes, size_t size)
{
	memcpy(m->room + m->end, bytes, size);
	m->end += size;
}

static inline void made_number(struct made *m, uint64_t value, size_t size)
{
	made_put(m, &value, size);
}

/* An address in one of the encodings above; `size` alone: a length in it. */
static inline void made_address(struct made *m, uint64_t value, unsigned encoding)
{
	if ((encoding & 0xf0) == 0x10)
		value -= (uint64_t)(uintptr_t)(m->room + m->end);
	else if ((encoding & 0xf0) == 0x30)
		value -= m->segment.header;
	made_number(m, value, (encoding & 0x0f) == 0x0b ? 4 : 8);
}

static inline uint64_t made_code(const struct made *m)
{
	return m->segment.start;
}

/* An empty table, and the segment that it speaks of. */
static inline void made_begin(struct made *m)
{
	static const uint8_t header[] = {1, PC_S4, 0x03, HEADER_S4};
	uint64_t at = (uint64_t)(uintptr_t)m->room;

	memset(m, 0, sizeof *m);
	m->segment = (struct cp_segment){.start = at + MADE_CODE,
					 .end = at + MADE_CODE + 0x10000,
					 .header = at,
					 .low = at,
					 .high = at + sizeof m->room};
	made_put(m, header, sizeof header);
	made_number(m, MADE_FIRST - 4, 4);
	m->end = MADE_FIRST;
}

/* What is between the length and the end of an entry. */
static inline size_t made_open(struct made *m)
{
	made_number(m, 0, 4);
	return m->end - 4;
}

static inline void made_close(struct made *m, size_t at)
{
	uint32_t length = (uint32_t)(m->end - at - 4);

	memcpy(m->room + at, &length, 4);
}

/* A common entry up to its program: alignments 1 and -8, rip's column. Close it after that. */
static inline size_t made_cie(struct made *m, unsigned version, const char *augmentation,
			      const uint8_t *data, size_t size)
{
	size_t at = made_open(m);

	made_number(m, 0, 4);
	made_number(m, version, 1);
	made_put(m, augmentation, strlen(augmentation) + 1);
	if (version == 4)
		made_number(m, 8, 2); /* an address has 8 bytes, no segments */
	made_put(m, BYTES(1, 0x78, 16));
	if (augmentation[0] == 'z') {
		made_number(m, size, 1);
		made_put(m, data, size);
	}
	return at;
}

/* The usual one: at the entry of a function the CFA is rsp + 8, and the return address below it. */
static inline size_t made_usual(struct made *m, unsigned encoding)
{
	uint8_t data = (uint8_t)encoding;
	size_t at = made_cie(m, 1, "zR", &data, 1);

	made_put(m, BYTES(0x0c, 7, 8, 0x90, 1));
	made_close(m, at);
	return at;
}

/* Into the sorted table: to be called in order of address. */
static inline void made_sorted(struct made *m, uint64_t start, size_t fde)
{
	uint32_t count;
	int32_t pair[2] = {(int32_t)(start - m->segment.header), (int32_t)fde};

	memcpy(&count, m->room + 8, 4);
	memcpy(m->room + MADE_TABLE + count * 8, pair, sizeof pair);
	count++;
	memcpy(m->room + 8, &count, 4);
}

/* An entry of a function up to its program; has_size: its common entry is one with a z. */
static inline size_t made_fde(struct made *m, size_t cie, uint64_t start, uint64_t size,
			      unsigned encoding, int has_size)
{
	size_t at = made_open(m);

	made_number(m, m->end - cie, 4);
	made_address(m, start, encoding);
	made_address(m, size, encoding & 0x0f);
	if (has_size)
		made_number(m, 0, 1);
	made_sorted(m, start, at);
	return at;
}

/* A table of one function of 256 bytes with this program. */
static inline void made_one(struct made *m, const uint8_t *program, size_t size)
{
	size_t at;

	made_begin(m);
	at = made_fde(m, made_usual(m, PC_S4), made_code(m), 256, PC_S4, 1);
	made_put(m, program, size);
	made_close(m, at);
}
