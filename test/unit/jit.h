/* jit.h - code in no module, as a JIT makes it. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "test/unit/unit.h"

/* Of a page of its own. */
static void *jit(const uint8_t *code, size_t size)
{
	uint8_t *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(at != MAP_FAILED);
	memcpy(at, code, size);
	return at;
}
