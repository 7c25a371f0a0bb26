/* libunwind.c - libunwind, brought in without its manners.
 *
 * Left alone it tests addresses by writing them into a pipe whose numbers it remembers (a daemon
 * that closes all descriptors then finds foreign bytes in its own), waits for the loader's lock,
 * opens files, calls malloc. So its own slots for these functions are filled with ours. They answer
 * while this thread unwinds for us; for anyone else who shares the library they are libc's. */
/* SPDX-License-Identifier: MIT */
#include "life/libunwind.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/attrs.h"
#include "libc/find.h"
#include "signal/modules.h"
#include "signal/probe.h"
#include "signal/unwind.h"

#if defined(__x86_64__)

static struct cp_libunwind functions; /* written once, before cp_unwind_use */

/* libc's, as they stood in the slots. Written once, before any of ours can be called. */
static struct {
	int (*pipe2)(int[2], int);
	int (*pipe)(int[2]);
	ssize_t (*read)(int, void *, size_t);
	ssize_t (*write)(int, const void *, size_t);
	int (*close)(int);
	long (*syscall)(long, ...);
	int (*mincore)(void *, size_t, unsigned char *);
	int (*msync)(void *, size_t, int);
	int (*open)(const char *, int, ...);
	int (*stat)(const char *, struct stat *);
	int (*fstat)(int, struct stat *);
	void *(*malloc)(size_t);
	void (*free)(void *);
	int (*sigprocmask)(int, const sigset_t *, sigset_t *);
	int (*dl_iterate_phdr)(int (*)(struct dl_phdr_info *, size_t, void *), void *);
} real;

static int fail(int why)
{
	errno = why;
	return -1;
}

/* libunwind asks again for as long as errno is EINTR, so errno is always set. */
static int probe(const void *address)
{
	if ((uintptr_t)address < 8 || !cp_readable((uintptr_t)address))
		return fail(EFAULT);
	errno = 0;
	return 0;
}

static int our_pipe2(int fd[2], int flags)
{
	return cp_unwind_inside() ? fail(EMFILE) : real.pipe2(fd, flags);
}

static int our_pipe(int fd[2])
{
	return cp_unwind_inside() ? fail(EMFILE) : real.pipe(fd);
}

/* An empty pipe: libunwind is content with it and opens no other. */
static ssize_t our_read(int fd, void *to, size_t n)
{
	return cp_unwind_inside() ? fail(EAGAIN) : real.read(fd, to, n);
}

static ssize_t our_write(int fd, const void *from, size_t n)
{
	if (!cp_unwind_inside())
		return real.write(fd, from, n);
	return probe(from) == 0 ? (ssize_t)n : -1;
}

static int our_close(int fd)
{
	return cp_unwind_inside() ? 0 : real.close(fd);
}

static long our_syscall(long number, ...)
{
	long a[6];
	va_list args;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (!cp_unwind_inside())
		return real.syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (number == SYS_write)
		return our_write((int)a[0], (const void *)a[1], (size_t)a[2]);
	return fail(ENOSYS);
}

static int our_mincore(void *at, size_t n, unsigned char *to)
{
	return cp_unwind_inside() ? probe(at) : real.mincore(at, n, to);
}

static int our_msync(void *at, size_t n, int flags)
{
	return cp_unwind_inside() ? probe(at) : real.msync(at, n, flags);
}

static int our_open(const char *path, int flags, ...)
{
	va_list args;
	unsigned mode;

	va_start(args, flags);
	mode = va_arg(args, unsigned);
	va_end(args);
	return cp_unwind_inside() ? fail(ENOENT) : real.open(path, flags, mode);
}

static int our_stat(const char *path, struct stat *to)
{
	return cp_unwind_inside() ? fail(ENOENT) : real.stat(path, to);
}

static int our_fstat(int fd, struct stat *to)
{
	return cp_unwind_inside() ? fail(EBADF) : real.fstat(fd, to);
}

static void *our_malloc(size_t n)
{
	return cp_unwind_inside() ? NULL : real.malloc(n);
}

/* What others got from malloc and we are asked to free is leaked: malloc's lock may be ours. */
static void our_free(void *block)
{
	if (!cp_unwind_inside())
		real.free(block);
}

/* libunwind blocks all signals around its locks, twice a frame. Mostly they are. */
static int our_sigprocmask(int how, const sigset_t *set, sigset_t *before)
{
	if (!cp_unwind_undisturbed())
		return real.sigprocmask(how, set, before);
	if (before)
		memset(before, 0, sizeof *before);
	return 0;
}

static int our_dl_iterate_phdr(int (*cb)(struct dl_phdr_info *, size_t, void *), void *arg)
{
	return cp_unwind_inside() ? cp_modules_iterate(cb, arg) : real.dl_iterate_phdr(cb, arg);
}

/* need: each group of a letter must have a slot, or this is not the library we know. */
#define SLOT(name, need)                                                                           \
	{                                                                                          \
#name, (void *)our_##name, (void **)&real.name, need                               \
	}
static const struct slot {
	const char *name;
	void *ours, **before;
	char need;
} slots[] = {
    SLOT(pipe2, 'p'),	  SLOT(pipe, 'p'),  SLOT(read, 'r'),
    SLOT(write, 'w'),	  SLOT(close, 'c'), SLOT(syscall, 'w'),
    SLOT(mincore, 'm'),	  SLOT(msync, 'm'), SLOT(open, 0),
    SLOT(stat, 0),	  SLOT(fstat, 0),   SLOT(malloc, 0),
    SLOT(sigprocmask, 0), SLOT(free, 0),    SLOT(dl_iterate_phdr, 'd'),
};
#define SLOTS (sizeof slots / sizeof *slots)

/* The page of a slot may be read-only by now (RELRO); it becomes so again. */
static int fill(void **at, void *ours, void **before, const ElfW(Phdr) * relro, ElfW(Addr) base)
{
	uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE), page = (uintptr_t)at & ~(size - 1);
	int sealed = relro && (uintptr_t)at >= base + relro->p_vaddr &&
		     (uintptr_t)at < base + relro->p_vaddr + relro->p_memsz;

	if (sealed && mprotect((void *)page, size, PROT_READ | PROT_WRITE) != 0)
		return -1;
	if (*at != ours)
		*before = *at;
	*at = ours;
	return sealed ? mprotect((void *)page, size, PROT_READ) : 0;
}

struct dynamic {
	const ElfW(Sym) * symbols;
	const char *strings;
	const ElfW(Rela) * rela[2]; /* of data, of calls */
	size_t size[2];
};

static struct dynamic read_dynamic(const ElfW(Dyn) * d)
{
	struct dynamic it = {0};

	for (; d->d_tag != DT_NULL; d++) {
		const void *at = (const void *)d->d_un.d_ptr; /* glibc has relocated it */

		if (d->d_tag == DT_SYMTAB)
			it.symbols = at;
		else if (d->d_tag == DT_STRTAB)
			it.strings = at;
		else if (d->d_tag == DT_RELA)
			it.rela[0] = at;
		else if (d->d_tag == DT_RELASZ)
			it.size[0] = d->d_un.d_val;
		else if (d->d_tag == DT_JMPREL)
			it.rela[1] = at;
		else if (d->d_tag == DT_PLTRELSZ)
			it.size[1] = d->d_un.d_val;
	}
	return it;
}

static const ElfW(Phdr) * relro_of(const struct link_map *map)
{
	const ElfW(Ehdr) *elf = (const void *)map->l_addr;
	const ElfW(Phdr) *ph = (const void *)(map->l_addr + elf->e_phoff);

	for (int i = 0; i < elf->e_phnum; i++)
		if (ph[i].p_type == PT_GNU_RELRO)
			return &ph[i];
	return NULL;
}

/* Whatever the program has of the same name, what libunwind calls besides is to be its own and
 * libc's. NULL: it is, or it is none of these. */
static void *replacement(const struct link_map *map, const ElfW(Sym) * symbol, const char *name,
			 uintptr_t now)
{
	static const struct {
		const char *name;
		void *function;
	} ours[] = {{"memcpy", (void *)memcpy},	 {"memmove", (void *)memmove},
		    {"memset", (void *)memset},	 {"memchr", (void *)memchr},
		    {"strlen", (void *)strlen},	 {"strcmp", (void *)strcmp},
		    {"strrchr", (void *)strrchr}};

	if (symbol->st_shndx != SHN_UNDEF)
		return ELF64_ST_TYPE(symbol->st_info) == STT_FUNC
			   ? (void *)(map->l_addr + symbol->st_value)
			   : NULL;
	if (cp_libc_holds(now))
		return NULL;
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (strcmp(name, ours[i].name) == 0)
			return ours[i].function;
	return cp_libc_find(name);
}

/* Fills every slot of this name. 0, or -1 when one could not be filled. */
static int patch_one(const struct link_map *map, const struct dynamic *it, const ElfW(Rela) * r,
		     unsigned *found)
{
	const ElfW(Sym) *symbol = &it->symbols[ELF64_R_SYM(r->r_info)];
	const char *name = it->strings + symbol->st_name;
	void **at = (void **)(map->l_addr + r->r_offset), *wanted, *before;

	for (size_t i = 0; i < SLOTS; i++) {
		if (strcmp(name, slots[i].name) != 0)
			continue;
		*found |= 1u << i;
		return fill(at, slots[i].ours, slots[i].before, relro_of(map), map->l_addr);
	}
	if (ELF64_R_TYPE(r->r_info) != R_X86_64_JUMP_SLOT &&
	    ELF64_R_TYPE(r->r_info) != R_X86_64_GLOB_DAT)
		return 0;
	wanted = replacement(map, symbol, name, (uintptr_t)*at);
	return wanted && wanted != *at ? fill(at, wanted, &before, relro_of(map), map->l_addr) : 0;
}

static int is_complete(unsigned found)
{
	for (const char *need = "prwcmd"; *need; need++) {
		int there = 0;

		for (size_t i = 0; i < SLOTS; i++)
			there |= slots[i].need == *need && (found >> i & 1);
		if (!there)
			return 0;
	}
	return 1;
}

static int patch(const struct link_map *map)
{
	struct dynamic it = read_dynamic(map->l_ld);
	unsigned found = 0;

	if (!it.symbols || !it.strings)
		return -1;
	for (int kind = 0; kind < 2; kind++)
		for (size_t i = 0; it.rela[kind] && i < it.size[kind] / sizeof(ElfW(Rela)); i++)
			if (patch_one(map, &it, &it.rela[kind][i], &found) != 0)
				return -1;
	return is_complete(found) ? 0 : -1;
}

static int bind(void *lib)
{
	void **space = dlsym(lib, "_ULx86_64_local_addr_space");

	functions.context_here = dlsym(lib, "_Ux86_64_getcontext");
	functions.backtrace = dlsym(lib, "unw_backtrace");
	functions.init = dlsym(lib, "_ULx86_64_init_local2");
	functions.step = dlsym(lib, "_ULx86_64_step");
	functions.get_reg = dlsym(lib, "_ULx86_64_get_reg");
	functions.flush = dlsym(lib, "_Ux86_64_flush_cache");
	functions.accessors = dlsym(lib, "_Ux86_64_get_accessors");
	if (!space || !functions.accessors || !functions.context_here || !functions.backtrace ||
	    !functions.init || !functions.step || !functions.get_reg || !functions.flush)
		return -1;
	functions.space = *space;
	return 0;
}

int cp_libunwind_open(void)
{
	void *lib = dlopen("libunwind.so.8", RTLD_LOCAL | RTLD_NOW);
	struct link_map *map;

	if (!lib) {
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): glibc keeps one error for each thread */
		(void)dlerror(); /* the program shall not find it */
		return -1;
	}
	/* Half patched it is still right for others; it is never closed, then. */
	if (dlinfo(lib, RTLD_DI_LINKMAP, &map) != 0 || patch(map) != 0 || bind(lib) != 0)
		return -1;
	cp_unwind_use(&functions);
	return 0;
}

#else

/* By frame pointers there, which its ABI keeps. */
int cp_libunwind_open(void)
{
	return -1;
}

#endif
