/* encoder_pages.c - pages of a file are given back, those of memory are not: they would be lost. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "encoder/elffile.h"
#include "encoder/pages.h"
#include "test/unit/unit.h"

/* Large enough to be worth it. */
#define SIZE ((size_t)4 << 20)

static char path[] = "/tmp/conprof-pages-XXXXXX";

/* This program, and zeros behind it. */
static int make_file(void **state)
{
	static char bytes[SIZE];
	(void)state;
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = mkstemp(path);
	ssize_t size = read(from, bytes, SIZE);
	close(from);
	if (to < 0 || size <= 0 || write(to, bytes, SIZE) != (ssize_t)SIZE)
		return -1;
	return close(to);
}

static int drop_file(void **state)
{
	(void)state;
	return unlink(path);
}

static int is_present(const char *at)
{
	uint64_t word = 0;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &word, 8, (off_t)((uintptr_t)at / page * 8)), 8);
	close(fd);
	return (int)(word >> 63);
}

static void pages_of_a_file_go_and_come_again(void **state)
{
	struct cp_elf elf;
	size_t size = 0;
	(void)state;
	assert_int_equal(cp_elf_open(path, &elf), 0);
	const char *file = elf_rawfile(elf.elf, &size);
	assert_int_equal(size, SIZE);
	const volatile char *byte = file + size / 2;
	char before = *byte;
	assert_true(is_present(file + size / 2));
	cp_pages_let_go(elf.elf);
	assert_false(is_present(file + size / 2));
	assert_int_equal(*byte, before);
	cp_elf_close(&elf);
}

static void memory_is_left_alone(void **state)
{
	(void)state;
	char *memory = aligned_alloc(65536, SIZE), *copy = malloc(SIZE);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, memory, SIZE), SIZE);
	close(fd);
	memcpy(copy, memory, SIZE);
	elf_version(EV_CURRENT);
	Elf *elf = elf_memory(memory, SIZE);
	assert_non_null(elf);
	cp_pages_let_go(elf);
	assert_memory_equal(memory, copy, SIZE);
	elf_end(elf);
	free(memory);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pages_of_a_file_go_and_come_again),
	    cmocka_unit_test(memory_is_left_alone),
	};
	return cmocka_run_group_tests(tests, make_file, drop_file);
}
