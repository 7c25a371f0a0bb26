/* pushid.c - names of what is pushed, which are the same when it is pushed again. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "uploader/push.h"

#define PRIME UINT64_C(0x100000001b3) /* of FNV-1a */

static uint64_t hash_more(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *bytes = data;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * PRIME;
	return hash;
}

static uint64_t mixed(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t cp_push_hash(const struct cp_text *event)
{
	return hash_more(UINT64_C(0xcbf29ce484222325), event->data, event->len);
}

uint64_t cp_push_print(uint64_t before, const struct cp_piece *pieces, size_t count)
{
	uint64_t hash = before ? before : UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < count; i++) {
		const uint64_t which[] = {pieces[i].profile, pieces[i].variant, pieces[i].number,
					  pieces[i].bytes.len};
		hash = hash_more(hash, which, sizeof which);
		hash = hash_more(hash, pieces[i].bytes.data, pieces[i].bytes.len);
	}
	return hash;
}

/* Version 8 of RFC 9562: bits of one's own. */
void cp_push_uuid(const struct cp_text *event, const struct cp_piece *piece, char uuid[37])
{
	const uint64_t which[] = {piece->profile, piece->variant, piece->number};
	uint64_t hash = cp_push_hash(event);
	for (size_t i = 0; i < sizeof which / sizeof which[0]; i++)
		hash = (hash ^ which[i]) * PRIME;
	uint64_t high = mixed(hash), low = mixed(hash ^ UINT64_C(0x9e3779b97f4a7c15));
	high = (high & ~UINT64_C(0xf000)) | UINT64_C(0x8000);
	low = (low & (UINT64_MAX >> 2)) | UINT64_C(1) << 63;
	snprintf(uuid, 37, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(high >> 32),
		 (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xffff), (unsigned)(low >> 48),
		 (unsigned long long)(low & UINT64_C(0xffffffffffff)));
}
