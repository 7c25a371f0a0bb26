/* encoder_mini.c - fuzz: anything packed inside a stripped file gives names or none, within bounds.
 *
 * The first byte says whether the rest is what lies in .gnu_debugdata, or is packed first, so that
 * what is unpacked is strange as well. */
/* SPDX-License-Identifier: MIT */
#include <elf.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "encoder/symbols.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char names[] = "\0.gnu_debugdata\0.shstrtab";

/* A file of two sections: what is packed, and their names. */
struct wrap {
	Elf64_Ehdr header;
	Elf64_Shdr sections[3];
	char names[sizeof(names)];
};

static int make_file(const uint8_t *packed, size_t size)
{
	struct wrap wrap = {
	    .header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		       .e_type = ET_DYN,
		       .e_machine = EM_X86_64,
		       .e_version = EV_CURRENT,
		       .e_shoff = offsetof(struct wrap, sections),
		       .e_ehsize = sizeof(Elf64_Ehdr),
		       .e_shentsize = sizeof(Elf64_Shdr),
		       .e_shnum = 3,
		       .e_shstrndx = 2},
	    .sections = {{0},
			 {.sh_name = 1,
			  .sh_type = SHT_PROGBITS,
			  .sh_offset = sizeof(wrap),
			  .sh_size = size,
			  .sh_addralign = 1},
			 {.sh_name = 16,
			  .sh_type = SHT_STRTAB,
			  .sh_offset = offsetof(struct wrap, names),
			  .sh_size = sizeof(names),
			  .sh_addralign = 1}}};
	memcpy(wrap.names, names, sizeof(names));
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || write(fd, &wrap, sizeof(wrap)) != (ssize_t)sizeof(wrap) ||
	    write(fd, packed, size) != (ssize_t)size)
		abort();
	return fd;
}

static void ask(int fd)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct cp_symbols *symbols = cp_symbols_new();
	const struct cp_module_id id = {.path = path};
	struct cp_image *image = cp_symbols_image(symbols, &id);
	if (!image)
		abort();
	for (uint64_t address = 0x1000; address < 0x1200; address += 8) {
		struct cp_lines found = cp_image_lines(image, address);
		if (found.count && !found.lines[0].name)
			abort();
	}
	cp_symbols_free(symbols);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t packed[1 << 20];
	size_t len = 0;
	if (!size || size > sizeof(packed) / 2)
		return 0;
	if (data[0] & 1) {
		len = size - 1;
		memcpy(packed, data + 1, len);
	} else if (lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, data + 1, size - 1, packed,
					   &len, sizeof(packed)) != LZMA_OK) {
		return 0;
	}
	int fd = make_file(packed, len);
	ask(fd);
	close(fd);
	return 0;
}

#ifdef CP_FUZZ_MAIN
#include "test/fuzz/replay.h"
#endif
