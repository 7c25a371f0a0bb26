/* encoder_elf.c - fuzz: any file under a module's name gives names or none, within bounds. */
/* SPDX-License-Identifier: MIT */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "encoder/symbols.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Addresses worth asking for lie where the file says its code is, or where the seeds have it. */
static void ask(struct cp_image *image, const uint8_t *data, size_t size)
{
	static const uint64_t some[] = {0, 1, 0x1000, 0x401000, UINT64_MAX};
	uint64_t entry = 0;
	if (size >= sizeof(Elf64_Ehdr))
		memcpy(&entry, data + offsetof(Elf64_Ehdr, e_entry), sizeof(entry));
	for (uint64_t i = 0; i < 16; i++)
		cp_image_lines(image, entry + i * 16);
	for (uint64_t address = 0x200; address < 0x300; address += 4)
		cp_image_lines(image, address);
	for (size_t i = 0; i < sizeof(some) / sizeof(*some); i++) {
		struct cp_lines found = cp_image_lines(image, some[i]);
		for (uint32_t j = 0; j < found.count; j++)
			if (!found.lines[j].name || !found.lines[j].file)
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct cp_symbols *symbols = cp_symbols_new();
	if (size % 2) /* the others are left to libdw */
		cp_symbols_unpack(symbols, ".", 0, 1 << 20);
	const struct cp_module_id id = {.path = path};
	struct cp_image *image = cp_symbols_image(symbols, &id);
	if (!image)
		abort();
	ask(image, data, size);
	cp_symbols_free(symbols);
	close(fd);
	return 0;
}

#ifdef CP_FUZZ_MAIN
#include "test/fuzz/replay.h"
#endif
