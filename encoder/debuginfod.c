/* debuginfod.c - debug files that a server sends: asked for by build-id, there the next time.
 *
 * A process of its own asks: a server that hangs, a library that reads what strangers send, and the
 * environment that this library wants are kept apart from ours, and it can be ended at any time. */
/* SPDX-License-Identifier: MIT */
#include "encoder/debuginfod.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)
/* Build-ids remembered, those that no server knows as well; asked for by one process. */
#define CP_WANTED_MAX 4096u
#define CP_ASKED_MAX  64u
/* A server that did not answer is left alone for so long. */
#define CP_PAUSE_NS (600 * SECOND)

enum state { WANTED, ON_ITS_WAY, ANSWERED };

struct wanted {
	char id[CP_HEX_ID];
	enum state state;
};

struct cp_debuginfod {
	const char *urls; /* the caller's: there may be passwords in them */
	char *cache, *program;
	struct wanted *wanted;
	uint32_t count, room, arrivals;
	pid_t pid; /* 0: nobody is asking */
	uint64_t until_ns, pause_ns;
	char line[160];
};

void cp_hex_id(const struct cp_module_id *id, char text[CP_HEX_ID])
{
	text[0] = 0;
	for (uint32_t i = 0, at = 0; i < id->build_id_len && at + 3 < CP_HEX_ID; i++, at += 2)
		snprintf(text + at, CP_HEX_ID - at, "%02x", id->build_id[i]);
}

struct cp_debuginfod *cp_debuginfod_new(const char *urls, const char *cache, const char *program)
{
	struct cp_debuginfod *asked = calloc(1, sizeof(*asked));
	if (!asked)
		return NULL;
	asked->urls = urls;
	asked->cache = strdup(cache);
	asked->program = strdup(program);
	if (asked->cache && asked->program)
		return asked;
	cp_debuginfod_free(asked);
	return NULL;
}

void cp_debuginfod_free(struct cp_debuginfod *asked)
{
	if (!asked)
		return;
	if (asked->pid) {
		kill(asked->pid, SIGKILL);
		waitpid(asked->pid, NULL, 0);
	}
	free(asked->cache);
	free(asked->program);
	free(asked->wanted);
	free(asked);
}

uint32_t cp_debuginfod_arrivals(const struct cp_debuginfod *asked)
{
	return asked->arrivals;
}

static void want(struct cp_debuginfod *asked, const char *id)
{
	for (uint32_t i = 0; i < asked->count; i++)
		if (!strcmp(asked->wanted[i].id, id))
			return;
	if (asked->count == asked->room) {
		uint32_t room = asked->room ? asked->room * 2 : 64;
		void *moved = room > CP_WANTED_MAX
				  ? NULL
				  : realloc(asked->wanted, room * sizeof(*asked->wanted));
		if (!moved)
			return;
		asked->wanted = moved;
		asked->room = room;
	}
	struct wanted *fresh = &asked->wanted[asked->count++];
	fresh->state = WANTED;
	snprintf(fresh->id, sizeof(fresh->id), "%s", id);
}

bool cp_debuginfod_is_ours(const char *folder)
{
	struct stat st;
	return !lstat(folder, &st) && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       !(st.st_mode & 022);
}

int cp_debuginfod_open(struct cp_debuginfod *asked, const struct cp_module_id *id,
		       struct cp_elf *file)
{
	char path[PATH_MAX], text[CP_HEX_ID];
	if (id->build_id_len < 8 || id->build_id_len > 36)
		return -1;
	cp_hex_id(id, text);
	/* as libdebuginfod keeps them; who else could have put one there? */
	if (!cp_debuginfod_is_ours(asked->cache)) {
		want(asked, text);
		return -1;
	}
	snprintf(path, sizeof(path), "%s/%s/debuginfo", asked->cache, text);
	if (!cp_elf_open(path, file)) {
		if (cp_elf_fits(file, id))
			return 0;
		cp_elf_close(file);
	}
	want(asked, text);
	return -1;
}

/* Its environment: ours, and what tells libdebuginfod whom to ask, for how long, and what to keep:
 * no file above 2 GiB, none that takes five minutes. */
static pid_t spawn(struct cp_debuginfod *asked, char **argv)
{
	char urls[1100], cache[PATH_MAX];
	char *env[32] = {urls,
			 cache,
			 (char *)"DEBUGINFOD_TIMEOUT=10",
			 (char *)"DEBUGINFOD_MAXTIME=300",
			 (char *)"DEBUGINFOD_MAXSIZE=2147483648",
			 (char *)"DEBUGINFOD_RETRY_LIMIT=1"};
	posix_spawnattr_t attributes;
	sigset_t none, all;
	pid_t pid = 0;
	size_t at = 6;
	snprintf(urls, sizeof(urls), "DEBUGINFOD_URLS=%s", asked->urls);
	snprintf(cache, sizeof(cache), "DEBUGINFOD_CACHE_PATH=%s", asked->cache);
	for (char **old = environ; old && *old && at + 1 < sizeof(env) / sizeof(*env); old++)
		if (strncmp(*old, "DEBUGINFOD_", 11) != 0)
			env[at++] = *old;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	if (posix_spawn(&pid, asked->program, NULL, &attributes, argv, env))
		pid = 0;
	posix_spawnattr_destroy(&attributes);
	explicit_bzero(urls, sizeof(urls));
	return pid;
}

static void start_asking(struct cp_debuginfod *asked, uint64_t now_ns)
{
	char *argv[CP_ASKED_MAX + 4] = {(char *)"conprof", (char *)"fetch", asked->cache};
	uint32_t count = 0;
	for (uint32_t i = 0; i < asked->count && count < CP_ASKED_MAX; i++)
		if (asked->wanted[i].state == WANTED) {
			argv[3 + count++] = asked->wanted[i].id;
			asked->wanted[i].state = ON_ITS_WAY;
		}
	if (!count)
		return;
	asked->pid = spawn(asked, argv);
	asked->until_ns = now_ns + (CP_FETCH_SECONDS + 5) * SECOND;
	if (asked->pid)
		return;
	asked->pause_ns = now_ns + CP_PAUSE_NS;
	for (uint32_t i = 0; i < asked->count; i++)
		if (asked->wanted[i].state == ON_ITS_WAY)
			asked->wanted[i].state = WANTED;
}

static bool is_there(const struct cp_debuginfod *asked, const char *id)
{
	char path[PATH_MAX];
	struct stat st;
	snprintf(path, sizeof(path), "%s/%s/debuginfo", asked->cache, id);
	/* an empty one is libdebuginfod's note that nobody knows it */
	return !stat(path, &st) && st.st_size > 0;
}

/* What came, and what is to be asked for again after a pause. */
static const char *ended(struct cp_debuginfod *asked, int status, uint64_t now_ns)
{
	static const char *const why[] = {"answered", "the server does not answer",
					  "there is no libdebuginfod.so.1",
					  "there is no room for what it sends"};
	int end = WIFEXITED(status) ? WEXITSTATUS(status) : CP_FETCH_NO_SERVER;
	uint32_t came = 0, unknown = 0;
	end = end <= CP_FETCH_NO_ROOM ? end : CP_FETCH_NO_LIBRARY;
	for (uint32_t i = 0; i < asked->count; i++) {
		struct wanted *one = &asked->wanted[i];
		if (one->state != ON_ITS_WAY)
			continue;
		bool there = is_there(asked, one->id);
		one->state = there || end == CP_FETCH_ANSWERED ? ANSWERED : WANTED;
		came += there;
		unknown += !there;
	}
	asked->pid = 0;
	asked->arrivals += came > 0;
	if (end == CP_FETCH_ANSWERED) {
		snprintf(asked->line, sizeof(asked->line),
			 "debuginfod: %u debug files came, %u are not known there", came, unknown);
		return asked->line;
	}
	asked->pause_ns = now_ns + CP_PAUSE_NS;
	snprintf(asked->line, sizeof(asked->line),
		 "debuginfod: %s; %u debug files came, %u are asked for again in ten minutes",
		 why[end], came, unknown);
	return asked->line;
}

const char *cp_debuginfod_look(struct cp_debuginfod *asked, uint64_t now_ns, int start)
{
	int status = 0;
	if (asked->pid) {
		if (now_ns > asked->until_ns)
			kill(asked->pid, SIGKILL);
		pid_t done = waitpid(asked->pid, &status, now_ns > asked->until_ns ? 0 : WNOHANG);
		return done ? ended(asked, done > 0 ? status : 0, now_ns) : NULL;
	}
	if (start && now_ns >= asked->pause_ns)
		start_asking(asked, now_ns);
	return NULL;
}
