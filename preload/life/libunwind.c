/* libunwind.c - libunwind behind glass: opened RTLD_LOCAL, its calls to the outside replaced.
 *
 * Left alone, libunwind tests memory by writing it into a pipe whose descriptors it remembers: in a
 * daemon that has closed them all, into somebody's socket. It waits for the loader's lock, it opens
 * files, it may allocate. Each of these goes through a slot of its own table of imports, and each
 * slot is given one of the stand-ins below. RTLD_LOCAL keeps its `_Unwind_*` and `backtrace` from
 * being taken for libgcc's and libc's by other objects. */
/* SPDX-License-Identifier: MIT */
#include "life/libunwind.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "signal/modules.h"
#include "signal/probe.h"
#include "signal/unwind.h"

#define PAGE UINT64_C(4096)

/* ---- stand-ins ---- */

static int no_pipe(int fds[2], int flags)
{
	(void)flags;
	fds[0] = fds[1] = -1;
	return 0;
}

/* "Empty": libunwind drains its pipe before each test, and repeats while errno says EINTR. */
static ssize_t no_read(int fd, void *buffer, size_t n)
{
	(void)fd;
	(void)buffer;
	(void)n;
	errno = EAGAIN;
	return -1;
}

static ssize_t test_write(int fd, const void *address, size_t n)
{
	(void)fd;
	errno = EFAULT;
	return cp_readable((uintptr_t)address) ? (ssize_t)n : -1;
}

static long test_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (number == SYS_write)
		return test_write((int)a, (const void *)b, (size_t)c);
	return syscall(number, a, b, c, d, e, f);
}

static int test_mincore(void *address, size_t n, unsigned char *resident)
{
	(void)n;
	errno = ENOMEM;
	if (!cp_readable((uintptr_t)address))
		return -1;
	*resident = 1;
	return 0;
}

static int test_msync(void *address, size_t n, int flags)
{
	(void)n;
	(void)flags;
	errno = ENOMEM;
	return cp_readable((uintptr_t)address) ? 0 : -1;
}

static int no_close(int fd)
{
	(void)fd;
	return 0;
}

static int no_file(void)
{
	errno = ENOENT;
	return -1;
}

static void *no_memory(size_t n)
{
	(void)n;
	errno = ENOMEM;
	return NULL;
}

static void no_free(void *block)
{
	(void)block;
}

static const struct {
	const char *name;
	void *stand_in;
	int needed; /* without it libunwind is not safe, so it must have been there to replace */
} slots[] = {{"dl_iterate_phdr", (void *)cp_modules_iterate, 1},
	     {"pipe2", (void *)no_pipe, 0},
	     {"pipe", (void *)no_pipe, 0},
	     {"read", (void *)no_read, 0},
	     {"write", (void *)test_write, 0},
	     {"syscall", (void *)test_syscall, 0},
	     {"mincore", (void *)test_mincore, 0},
	     {"msync", (void *)test_msync, 0},
	     {"close", (void *)no_close, 0},
	     {"open", (void *)no_file, 0},
	     {"open64", (void *)no_file, 0},
	     {"stat", (void *)no_file, 0},
	     {"fstat", (void *)no_file, 0},
	     {"malloc", (void *)no_memory, 0},
	     {"calloc", (void *)no_memory, 0},
	     {"free", (void *)no_free, 0}};

#define SLOTS (sizeof slots / sizeof *slots)

/* ---- its imports ---- */

struct imports {
	uintptr_t bias;
	const char *strings;
	const ElfW(Sym) * symbols;
	const ElfW(Rela) * tables[2];
	size_t counts[2];
	uint32_t done; /* a bit for each of `slots` */
};

static int replace(void **slot, void *stand_in)
{
	uintptr_t page = (uintptr_t)slot & ~(PAGE - 1);
	int writable = mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE) == 0;

	if (writable)
		*slot = stand_in;
	return writable;
}

static int replace_one(struct imports *in, const ElfW(Rela) * r)
{
	const char *name = in->strings + in->symbols[ELF64_R_SYM(r->r_info)].st_name;

	if (!ELF64_R_SYM(r->r_info))
		return 0;
	for (size_t i = 0; i < SLOTS; i++) {
		if (strcmp(name, slots[i].name) != 0)
			continue;
		if (!replace((void **)(in->bias + r->r_offset), slots[i].stand_in))
			return -1;
		in->done |= 1u << i;
	}
	return 0;
}

static void read_dynamic(struct imports *in, const struct link_map *map)
{
	for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++)
		switch (d->d_tag) {
		case DT_STRTAB:
			in->strings = (const void *)d->d_un.d_ptr;
			break;
		case DT_SYMTAB:
			in->symbols = (const void *)d->d_un.d_ptr;
			break;
		case DT_JMPREL:
			in->tables[0] = (const void *)d->d_un.d_ptr;
			break;
		case DT_PLTRELSZ:
			in->counts[0] = d->d_un.d_val / sizeof(ElfW(Rela));
			break;
		case DT_RELA:
			in->tables[1] = (const void *)d->d_un.d_ptr;
			break;
		case DT_RELASZ:
			in->counts[1] = d->d_un.d_val / sizeof(ElfW(Rela));
			break;
		default:
			break;
		}
}

/* RTLD_NOW has filled every slot already, so nobody writes them after us. */
static int cut_off(void *library)
{
	struct imports in = {0};
	struct link_map *map;

	if (dlinfo(library, RTLD_DI_LINKMAP, &map) != 0)
		return -1;
	in.bias = map->l_addr;
	read_dynamic(&in, map);
	if (!in.strings || !in.symbols)
		return -1;
	for (int t = 0; t < 2; t++)
		for (size_t i = 0; in.tables[t] && i < in.counts[t]; i++)
			if (replace_one(&in, &in.tables[t][i]) != 0)
				return -1;
	for (size_t i = 0; i < SLOTS; i++)
		if (slots[i].needed && !(in.done >> i & 1))
			return -1;
	return 0;
}

/* ---- its door ---- */

#ifdef __x86_64__
#define LOCAL(name) "_ULx86_64_" name
#define ANY(name)   "_Ux86_64_" name
#else
#define LOCAL(name) "_ULaarch64_" name
#define ANY(name)   "_Uaarch64_" name
#endif

#define CACHE_PER_THREAD 2 /* enum unw_caching_policy */

static struct {
	void **space; /* unw_local_addr_space */
	void (*flush_cache)(void *space, unsigned long lo, unsigned long hi);
} door;

static void flush(void)
{
	if (door.flush_cache)
		door.flush_cache(*door.space, 0, 0);
}

int cp_libunwind_open(void)
{
	struct cp_tables unwinder = {.flush = flush};
	int (*set_policy)(void *space, int policy);
	void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return -1;
	*(void **)&unwinder.backtrace = dlsym(library, "unw_backtrace");
	*(void **)&set_policy = dlsym(library, LOCAL("set_caching_policy"));
	*(void **)&door.flush_cache = dlsym(library, ANY("flush_cache"));
	door.space = dlsym(library, LOCAL("local_addr_space"));
	if (!unwinder.backtrace || !door.space || cut_off(library) != 0) {
		dlclose(library);
		return -1;
	}
	if (set_policy)
		set_policy(*door.space, CACHE_PER_THREAD);
	cp_unwind_use(&unwinder);
	return 0;
}
