/* encoder_split.c - fuzz: a program and the package with its units' parts, damaged in any way.
 *
 * The first four bytes are the size of the program, what follows is that and the package. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "encoder/symbols.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/conprof-fuzz-split-XXXXXX";

static void forget(void)
{
	char path[64];
	snprintf(path, sizeof(path), "%s/p", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/p.dwp", dir);
	unlink(path);
	rmdir(dir);
}

static void put(const char *name, const uint8_t *data, size_t size)
{
	char path[64];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *out = fopen(path, "we");
	if (!out || fwrite(data, 1, size, out) != size || fclose(out))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int made;
	uint32_t program = 0;
	char path[64];
	if (!made++ && (!mkdtemp(dir) || atexit(forget)))
		abort();
	if (size < sizeof(program))
		return 0;
	memcpy(&program, data, sizeof(program));
	size -= sizeof(program);
	if (program > size)
		return 0;
	put("p", data + sizeof(program), program);
	put("p.dwp", data + sizeof(program) + program, size - program);
	snprintf(path, sizeof(path), "%s/p", dir);
	struct cp_symbols *symbols = cp_symbols_new();
	const struct cp_module_id id = {.path = path};
	struct cp_image *image = cp_symbols_image(symbols, &id);
	if (!image)
		abort();
	for (uint64_t address = 0x1000; address < 0x1080; address += 3) {
		const struct cp_lines found = cp_image_lines(image, address);
		for (uint32_t i = 0; i < found.count; i++)
			if (!found.lines[i].name || !found.lines[i].file)
				abort();
	}
	cp_symbols_free(symbols);
	return 0;
}

#ifdef CP_FUZZ_MAIN
#include "test/fuzz/replay.h"
#endif
