/* signal_real.c - fuzz: libc's own tables with a few bytes changed, on any stack. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/recording.h"
#include "signal/modules.h"
#include "signal/tables.h"
#include "signal/unwind_own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int cp_modules_changing(void)
{
	return 0;
}

#define PLACE 0x200000000000
#define PAGE  4096
#define MAX   200
#define MOST  64 /* bytes changed at a time */
#define ROOM  (2 * PAGE)

/* libc once more, as the loader would have it but for relocations, which its tables do not need;
 * writable, and never run. */
static struct {
	uint8_t *tables, *stack;
	size_t tables_size;
	uint64_t code, code_size;
	uint8_t *base;
	ElfW(Phdr) phdr[16];
	ElfW(Half) phnum;
} libc;

static int find(struct dl_phdr_info *info, size_t size, void *path)
{
	(void)size;
	if (strstr(info->dlpi_name, "/libc.so"))
		strcpy(path, info->dlpi_name);
	return 0;
}

static void map_segment(int fd, const ElfW(Phdr) * p)
{
	uint64_t from = p->p_vaddr & ~(uint64_t)(PAGE - 1), to = p->p_vaddr + p->p_filesz;

	if (mmap(libc.base + from, to - from, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd,
		 (off_t)(p->p_offset - (p->p_vaddr - from))) == MAP_FAILED)
		abort();
	if (p->p_flags & PF_X) {
		libc.code = (uint64_t)(uintptr_t)libc.base + p->p_vaddr;
		libc.code_size = p->p_filesz;
	}
}

static void map(void)
{
	char path[4096] = "";
	uint8_t head[PAGE];
	ElfW(Ehdr) ehdr;
	int fd;

	dl_iterate_phdr(find, path);
	libc.base = mmap((void *)(uintptr_t)PLACE, 16384ul * PAGE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	libc.stack = libc.base + 16000ul * PAGE;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (libc.base == MAP_FAILED || fd < 0 || read(fd, head, PAGE) != PAGE ||
	    mprotect(libc.stack, ROOM, PROT_READ | PROT_WRITE) != 0)
		abort();
	memcpy(&ehdr, head, sizeof ehdr);
	libc.phnum = ehdr.e_phnum;
	if (libc.phnum > 16)
		abort();
	memcpy(libc.phdr, head + ehdr.e_phoff, libc.phnum * sizeof *libc.phdr);
	for (int i = 0; i < libc.phnum; i++)
		if (libc.phdr[i].p_type == PT_LOAD)
			map_segment(fd, &libc.phdr[i]);
	close(fd);
	for (int i = 0; i < libc.phnum; i++)
		if (libc.phdr[i].p_type == PT_GNU_EH_FRAME) {
			/* .eh_frame lies behind it, and is four to six times as large. */
			libc.tables = libc.base + libc.phdr[i].p_vaddr;
			libc.tables_size = libc.phdr[i].p_memsz * 5;
		}
	if (!libc.tables || !libc.code)
		abort();
}

static void know(void)
{
	struct dl_phdr_info info = {
	    .dlpi_addr = PLACE, .dlpi_phdr = libc.phdr, .dlpi_phnum = libc.phnum};

	cp_tables_begin();
	cp_tables_add(&info);
	cp_tables_end();
	cp_tables_forget();
}

struct input {
	const uint8_t *at;
	size_t left;
};

static uint64_t take(struct input *in, size_t size)
{
	uint64_t value = 0;
	size_t there = size < in->left ? size : in->left;

	memcpy(&value, in->at, there);
	in->at += there;
	in->left -= there;
	return value;
}

/* A word of the stack or a register: code, an address in the stack, or anything. */
static uint64_t word(struct input *in)
{
	uint64_t how = take(in, 1), value = take(in, 3);

	if (how < 100)
		return libc.code + value % libc.code_size;
	if (how < 200)
		return (uint64_t)(uintptr_t)libc.stack + (value % (ROOM + 64) & ~UINT64_C(7));
	return value << (how - 200);
}

static void walk(struct input *in)
{
	uint64_t pcs[MAX + 1] = {[MAX] = 0x5afe}, *stack = (uint64_t *)(void *)libc.stack;
	size_t words = ROOM / 8, n;
	unsigned flags = 0;
	ucontext_t uc;

	memset(&uc, 0, sizeof uc);
	for (int i = 0; i < NGREG; i++)
		uc.uc_mcontext.gregs[i] = (greg_t)word(in);
	uc.uc_mcontext.gregs[REG_RIP] =
	    (greg_t)(libc.code + (uint64_t)uc.uc_mcontext.gregs[REG_RIP] % libc.code_size);
	/* What the input does not say is the beginning again. */
	for (size_t i = 0; i < words; i++)
		stack[i] = in->left ? word(in) : stack[i % 61];
	n = cp_own_context(&uc, pcs, MAX, &flags);
	flags &= ~(CP_OWN_STRANGER | CP_ROW_TRUNCATED | CP_ROW_ENDED_EARLY | CP_ROW_GAP);
	if (n > MAX || pcs[MAX] != 0x5afe || flags)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	size_t changed[MOST], n, times;
	uint8_t before[MOST];

	if (!libc.base)
		map();
	n = take(&in, 1) % MOST;
	for (size_t i = 0; i < n; i++) {
		changed[i] = take(&in, 3) % libc.tables_size;
		before[i] = libc.tables[changed[i]];
		libc.tables[changed[i]] = (uint8_t)take(&in, 1);
	}
	know();
	times = 1 + take(&in, 1) % 4;
	for (size_t i = 0; i < times; i++)
		walk(&in);
	while (n-- > 0)
		libc.tables[changed[n]] = before[n];
	return 0;
}

#ifdef CP_FUZZ_MAIN
#include "test/fuzz/replay.h"
#endif
