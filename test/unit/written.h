/* written.h - a file of names that is written line by line, and what it says of an address. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/perfmap.h"
#include "test/unit/fake_recording.h"
#include "test/unit/unit.h"

struct bench {
	char path[64];
	FILE *file;
	size_t room;
	struct cp_perfmap *map;
};

static void set_up(struct bench *bench)
{
	snprintf(bench->path, sizeof(bench->path), "/tmp/perf-%d.map", (int)getpid());
	unlink(bench->path);
	bench->file = fopen(bench->path, "w");
	assert_non_null(bench->file);
	bench->room = CP_CODE_ROOM;
	bench->map = cp_perfmap_new(getpid(), getpid(), &bench->room);
	assert_non_null(bench->map);
}

static void tear_down(struct bench *bench)
{
	cp_perfmap_free(bench->map);
	assert_int_equal(bench->room, CP_CODE_ROOM);
	fclose(bench->file);
	unlink(bench->path);
}

static void write_text(struct bench *bench, const char *text)
{
	assert_true(fputs(text, bench->file) >= 0 && !fflush(bench->file));
}

/* What the code at the address is called now; "" when it has no name. */
static const char *look(struct cp_perfmap *map, uint64_t address)
{
	static char name[CP_CODE_NAME_MAX];
	uint64_t start;
	return cp_perfmap_find(map, address, name, &start) ? name : "";
}

static const char *name_of(struct bench *bench, uint64_t address)
{
	cp_perfmap_begin(bench->map);
	return look(bench->map, address);
}
