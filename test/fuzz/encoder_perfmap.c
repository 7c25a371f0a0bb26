/* encoder_perfmap.c - fuzz: a file of names that grows by any bytes, and all that is made of it. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "encoder/codename.h"
#include "encoder/perfmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every start of a range has a name or none; what lies outside has none of it. */
static void ask(struct cp_perfmap *map)
{
	static struct cp_code_name is;
	char name[CP_CODE_NAME_MAX];
	uint64_t start;
	cp_perfmap_begin(map);
	cp_perfmap_find(map, 0, name, &start);
	for (size_t i = 0; i < map->codes.count && i < 64; i++) {
		const struct cp_code *code = &map->codes.codes[i];
		if (code->start >= code->end || (i && code[-1].end > code->start))
			abort();
		if (!cp_perfmap_find(map, code->end - 1, name, &start))
			continue;
		if (start > code->start || !*name)
			abort();
		cp_code_name(name, &is);
		if (!is.name[0] || strlen(is.name) >= sizeof(is.name))
			abort();
	}
}

/* The file that is there is no process's: it is handed over as if it had been opened. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room = 50, half = size ? data[0] * size / 256 : 0;
	struct cp_perfmap *map = cp_perfmap_new(-1, -1, &room);
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (!map || fd < 0)
		abort();
	map->fd = fd;
	if (write(fd, data, half) != (ssize_t)half)
		abort();
	ask(map);
	if (write(fd, data + half, size - half) != (ssize_t)(size - half))
		abort();
	ask(map);
	if (room + map->codes.count != 50 || map->offset > size)
		abort();
	cp_perfmap_free(map);
	return 0;
}

#ifdef CP_FUZZ_MAIN
#include "test/fuzz/replay.h"
#endif
