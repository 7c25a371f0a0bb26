/* pages.c - the mapped pages of an ELF file, given back while it stays open.
 *
 * libelf maps a file whole, and what was looked at once stays in memory: of a debug file of 500 MB
 * that is half of it after a few thousand addresses, 16 pages for each string. */
/* SPDX-License-Identifier: MIT */
#include "encoder/pages.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of less it is not worth it. */
#define CP_WORTH ((size_t)1 << 20)
/* /proc/PID/pagemap, one word for each page. */
#define CP_PRESENT (UINT64_C(1) << 63)
#define CP_OF_FILE (UINT64_C(1) << 61)

/* Where libelf cannot map, it reads into memory, and some ELF files are made in memory: that would
 * be lost. */
static bool is_of_file(const volatile char *at, size_t page)
{
	uint64_t word = 0;
	(void)*at; /* so that the page is there */
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	off_t place = (off_t)((uintptr_t)at / page * sizeof(word));
	bool is = pread(fd, &word, sizeof(word), place) == (ssize_t)sizeof(word) &&
		  (word & CP_PRESENT) && (word & CP_OF_FILE);
	close(fd);
	return is;
}

void cp_pages_let_go(Elf *elf)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = 0;
	char *file = elf_rawfile(elf, &size);
	if (file && size >= CP_WORTH && (uintptr_t)file % page == 0 && is_of_file(file, page))
		madvise(file, size, MADV_DONTNEED);
}
