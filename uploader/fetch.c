/* fetch.c - debug files from a debuginfod server: the settings, and the process that asks. */
/* SPDX-License-Identifier: MIT */
#include "uploader/fetch.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "encoder/debuginfod.h"
#include "uploader/folder.h"
#include "uploader/secrets.h"
#include "uploader/spool.h"
#include "uploader/vault.h"

/* What the cache may hold; libdebuginfod itself only looks at the age of files. */
#define CACHE_MAX ((off_t)4 << 30)
/* curl, TLS, buffers, and the largest file mapped. */
#define MEMORY_MAX ((rlim_t)6 << 30)

/* "none" and "off" are words for nobody: an empty value would be the same as not set. */
static int is_nobody(const char *urls)
{
	return !*urls || strcmp(urls, "none") == 0 || strcmp(urls, "off") == 0;
}

void cp_fetch_settings(struct cp_symbols *symbols, const struct cp_config *config)
{
	char cache[sizeof((struct cp_spool *)0)->dir + 16] = "";
	struct cp_spool spool;
	int spooled = !cp_spool_open(&spool, config);
	/* for as long as there are symbols: in the vault */
	char *urls = config->secrets & CP_SECRET_URLS ? cp_secrets_urls(config)
						      : cp_vault_copy(config->debuginfod_urls);
	int wanted = spooled && urls && !is_nobody(urls);
	if (spooled && config->spool_max_bytes)
		cp_symbols_unpack(symbols, spool.dir, CP_UNPACK_ABOVE, CP_UNPACK_MOST);
	if (wanted)
		snprintf(cache, sizeof cache, "%s/debuginfod", spool.dir);
	cp_symbols_search(symbols, config->debug_dirs, wanted ? urls : NULL, cache,
			  "/proc/self/exe");
}

/* The parts of libdebuginfod that are used. */
struct library {
	void *(*begin)(void);
	int (*find)(void *client, const unsigned char *id, int id_len, char **path);
	void (*end)(void *client);
};

static int load(struct library *library)
{
	void *handle = dlopen("libdebuginfod.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return -ENOENT;
	*(void **)&library->begin = dlsym(handle, "debuginfod_begin");
	*(void **)&library->find = dlsym(handle, "debuginfod_find_debuginfo");
	*(void **)&library->end = dlsym(handle, "debuginfod_end");
	return library->begin && library->find && library->end ? 0 : -ENOENT;
}

/* The oldest file of the cache, and the sum of all. */
static off_t weigh(const char *cache, char oldest[PATH_MAX])
{
	DIR *dir = opendir(cache);
	struct timespec when = {0};
	off_t total = 0;
	oldest[0] = '\0';
	for (struct dirent *entry;
	     dir && (entry = readdir(dir));) { // NOLINT(concurrency-mt-unsafe)
		char path[PATH_MAX];
		struct stat st;
		int n = snprintf(path, sizeof path, "%s/%s/debuginfo", cache, entry->d_name);
		if (n >= (int)sizeof path || lstat(path, &st) || !S_ISREG(st.st_mode))
			continue;
		total += st.st_size;
		if (oldest[0] &&
		    (st.st_mtim.tv_sec > when.tv_sec ||
		     (st.st_mtim.tv_sec == when.tv_sec && st.st_mtim.tv_nsec >= when.tv_nsec)))
			continue;
		when = st.st_mtim;
		memcpy(oldest, path, (size_t)n + 1);
	}
	if (dir)
		closedir(dir);
	return total;
}

static void make_room(const char *cache)
{
	char oldest[PATH_MAX];
	while (weigh(cache, oldest) > CACHE_MAX && oldest[0])
		if (unlink(oldest))
			return;
}

/* What is no debug file of that program is thrown away: it would be kept, and not asked for again.
 */
static int is_right(int fd, const char *path, const char *hex)
{
	uint8_t bytes[CP_HEX_ID / 2];
	struct cp_module_id id = {.path = path, .build_id = bytes};
	struct cp_elf file;
	for (; hex[0] && hex[1]; hex += 2) {
		char pair[3] = {hex[0], hex[1], 0};
		bytes[id.build_id_len++] = (uint8_t)strtoul(pair, NULL, 16);
	}
	if (cp_elf_open_fd(fd, path, &file))
		return 0;
	int right = cp_elf_fits(&file, &id);
	cp_elf_close(&file);
	return right;
}

/* 0: it is there, or the servers do not know it. */
static int fetch(const struct library *library, void *client, const char *hex)
{
	char *path = NULL;
	size_t len = strlen(hex);
	if (len >= CP_HEX_ID || len % 2 || strspn(hex, "0123456789abcdef") != len)
		return 0;
	int fd = library->find(client, (const unsigned char *)hex, 0, &path);
	if (fd >= 0 && path && !is_right(fd, path, hex))
		unlink(path);
	free(path);
	/* too large for us is as good as not known */
	return fd >= 0 || fd == -ENOENT || fd == -EFBIG ? 0 : fd;
}

static void limit(int what, rlim_t most)
{
	struct rlimit limit = {most, most};
	setrlimit((__rlimit_resource_t)what, &limit);
}

int cp_fetch_main(char **argv)
{
	struct library library;
	int end = CP_FETCH_ANSWERED;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0); /* addresses with passwords are in our environment */
	alarm(CP_FETCH_SECONDS);
	limit(RLIMIT_AS, MEMORY_MAX);
	umask(077);
	if (cp_folder_make(argv[0], 0700) || !cp_debuginfod_is_ours(argv[0]))
		return CP_FETCH_NO_ROOM;
	make_room(argv[0]);
	if (load(&library))
		return CP_FETCH_NO_LIBRARY;
	void *client = library.begin();
	/* A server that did not answer once is not asked again. */
	for (char **hex = argv + 1; client && *hex && end == CP_FETCH_ANSWERED; hex++) {
		int error = fetch(&library, client, *hex);
		if (error)
			end = error == -ENOSPC || error == -EACCES ? CP_FETCH_NO_ROOM
								   : CP_FETCH_NO_SERVER;
	}
	if (client)
		library.end(client);
	return client ? end : CP_FETCH_NO_ROOM;
}
