/* home.c - own path, own code, the uploader's path and environment, the family's name. */
/* SPDX-License-Identifier: MIT */
#include "life/home.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/attrs.h"
#include "base/note.h"
#include "base/settings.h"
#include "libc/find.h"
#include "life/front.h"
#include "life/sanitizers.h"

#define SECRETS_ROOM 8192 /* a token, two texts of addresses, their names */

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static void find_own_code(void)
{
	const char *base = (const char *)&__ehdr_start;
	const ElfW(Phdr) *p = (const void *)(base + __ehdr_start.e_phoff);

	for (int i = 0; i < __ehdr_start.e_phnum; i++)
		if (p[i].p_type == PT_LOAD && (p[i].p_flags & PF_X)) {
			cp_state.own_start = (uint64_t)(base + p[i].p_vaddr);
			cp_state.own_end = cp_state.own_start + p[i].p_memsz;
		}
}

/* dir + tail, if that is a program (a folder of that name can be "executed", too). */
static int try_program(const char *dir, size_t dir_len, const char *tail)
{
	size_t tail_len = strlen(tail) + 1;
	struct stat st;

	if (dir_len + tail_len > sizeof cp_home.program)
		return 0;
	memcpy(cp_home.program, dir, dir_len);
	memcpy(cp_home.program + dir_len, tail, tail_len);
	return stat(cp_home.program, &st) == 0 && S_ISREG(st.st_mode) &&
	       access(cp_home.program, X_OK) == 0;
}

/* Beside the library: as built, as installed, as installed and reached by the link in lib, or by
 * those in lib/conprof that LD_PRELOAD with $LIB leads to. */
static int find_program(const char *own)
{
	static const char *const tails[] = {"/conprof",	       "/conprof/conprof",
					    "/../bin/conprof", "/../../bin/conprof",
					    "/../conprof",     "/../../conprof"};
	char cwd[512];
	const char *slash = strrchr(own, '/');
	size_t len = slash ? (size_t)(slash - own) : 0, cwd_len = 0;
	char dir[1024];

	if (own[0] != '/' && getcwd(cwd, sizeof cwd)) {
		cwd_len = strlen(cwd);
		memcpy(dir, cwd, cwd_len);
		dir[cwd_len++] = '/';
	}
	if (cwd_len + len >= sizeof dir)
		return 0;
	memcpy(dir + cwd_len, own, len);
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
		if (try_program(dir, cwd_len + len, tails[i]))
			return 1;
	cp_home.program[0] = 0;
	return 0;
}

/* Only what its own work needs: where homes are, how to name a time, whom TLS trusts. */
static void fill_env(void)
{
	static const char *const wanted[] = {"HOME", "XDG_STATE_HOME", "PATH",
					     "TZ",   "SSL_CERT_FILE",  "SSL_CERT_DIR"};
	size_t at = 0, n = 0;

	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		const char *value = cp_settings_env((const char *const *)__environ, wanted[i]);
		size_t name_len = strlen(wanted[i]), value_len = value ? strlen(value) + 1 : 0;

		if (!value || at + name_len + 1 + value_len > sizeof cp_home.env)
			continue;
		cp_home.envp[n++] = cp_home.env + at;
		memcpy(cp_home.env + at, wanted[i], name_len);
		cp_home.env[at + name_len] = '=';
		memcpy(cp_home.env + at + name_len + 1, value, value_len);
		at += name_len + 1 + value_len;
	}
	cp_home.envp[n] = NULL;
}

int cp_home_find(void)
{
	const char *own = cp_libc_own_path();
	Dl_info info;

	find_own_code();
	fill_env();
	if (!own && dladdr(&__ehdr_start, &info))
		own = info.dli_fname;
	return own && find_program(own) ? 0 : -1;
}

/* Its name is asked first: a link in /proc is made to be read, and taken away at the end. */
static int is_program(void)
{
	const char *named = (const char *)getauxval(AT_EXECFN), *base;
	char path[sizeof cp_home.program];
	ssize_t len;

	base = named ? strrchr(named, '/') : NULL;
	if (named && strcmp(base ? base + 1 : named, "conprof") != 0)
		return 0;
	len = readlink("/proc/self/exe", path, sizeof path - 1);
	path[len > 0 ? len : 0] = 0;
	return strcmp(path, cp_home.program) == 0;
}

/* Another libc (musl, by way of a name that it takes for its own) has no such function. */
extern const char *gnu_get_libc_version(void) __attribute__((weak));

int cp_home_stay_out(const char **why)
{
	*why = NULL;
	if (cp_home.program[0] && is_program())
		return 1;
	if (!gnu_get_libc_version)
		*why = "the program's libc is not glibc";
	else if (cp_sanitized())
		*why = "the program is built with a sanitizer, which owns malloc";
	else if (cp_under_valgrind())
		*why = "the program runs under valgrind";
	return *why != NULL;
}

size_t cp_home_read(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd >= 0 ? read(fd, text, room - 1) : 0;

	if (fd >= 0)
		close(fd);
	len = len > 0 ? len : 0;
	text[len] = 0;
	return (size_t)len;
}

/* The name that a setting has in this environment. */
static const char *variable(uint32_t secret)
{
	for (size_t i = 0; i < cp_settings_count; i++)
		for (size_t j = 0; cp_settings[i].secret == secret && j < CP_SETTING_NAMES; j++)
			if (cp_settings[i].names[j] &&
			    cp_settings_env((const char *const *)__environ,
					    cp_settings[i].names[j]))
				return cp_settings[i].names[j];
	return NULL;
}

/* Where the next text goes, over the NUL of this one. */
static char *add_text(char *to, const char *text)
{
	size_t len = strlen(text);

	memcpy(to, text, len + 1);
	return to + len;
}

/* What the environment has of secrets goes to the uploader in its environment, even to one that is
 * started when the program has long since overwritten its own. Until then it is kept where no core
 * dump has it. What a file has is not kept: the uploader reads it there. */
static void keep_secrets(const struct cp_config *config)
{
	uint32_t here = config->secrets & ~(config->secrets >> CP_SECRET_IN_FILE) & CP_SECRETS;
	size_t at = 0, n = 0;
	char *room = here ? cp_room(SECRETS_ROOM) : NULL;

	if (!room)
		return;
	madvise(room, SECRETS_ROOM, MADV_DONTDUMP);
	while (cp_home.envp[n])
		n++;
	for (uint32_t secret = 1; secret & CP_SECRETS; secret <<= 1) {
		const char *name = here & secret ? variable(secret) : NULL;
		const char *value =
		    name ? cp_settings_env((const char *const *)__environ, name) : NULL;
		size_t name_len = name ? strlen(name) : 0, len = value ? strlen(value) + 1 : 0;

		if (!len || at + name_len + 1 + len > SECRETS_ROOM)
			continue;
		cp_home.envp[n++] = room + at;
		add_text(add_text(add_text(room + at, name), "="), value);
		at += name_len + 1 + len;
	}
	cp_home.envp[n] = NULL;
}

static uint64_t mix_word(uint64_t h, uint64_t word)
{
	h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

/* By words, each with its place: most of the settings are empty room, which is passed over. */
static uint64_t mix(uint64_t h, const void *bytes, size_t len)
{
	typedef uint64_t any_word __attribute__((may_alias, aligned(1)));
	const char *from = bytes;
	uint64_t last = 0;
	size_t at = 0;

	for (; at + sizeof last <= len; at += sizeof last)
		if (*(const any_word *)(from + at))
			h = mix_word(mix_word(h, at), *(const any_word *)(from + at));
	memcpy(&last, from + at, len - at);
	return mix_word(mix_word(h, at), last);
}

/* One uploader for all processes of a user in a cgroup with the same settings. Everybody can read
 * the name: no more than sixteen bits of it come from what is secret. */
static void name_family(const struct cp_config *config)
{
	const uint32_t abi = CP_ABI;
	const uint16_t print = (uint16_t)(config->secret_print >> 48);
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	struct cp_line line = {0};

	cp_home.uid = (uint32_t)syscall(SYS_geteuid);
	h = mix(h, &cp_home.uid, sizeof cp_home.uid);
	h = mix(h, &abi, sizeof abi); /* another version has an uploader of its own */
	h = mix(h, cp_home.cgroup, strlen(cp_home.cgroup));
	h = mix(h, cp_home.program, strlen(cp_home.program));
	h = mix(h, config, offsetof(struct cp_config, secret_print));
	h = mix(h, &print, sizeof print);
	cp_line_add(&line, "conprof-");
	for (int shift = 60; shift >= 0; shift -= 4) {
		char digit[2] = {"0123456789abcdef"[h >> shift & 15], 0};

		cp_line_add(&line, digit);
	}
	memcpy(cp_home.name, line.text, line.len + 1);
}

void cp_home_describe(const struct cp_config *config, const char *argv0)
{
	size_t len = argv0 ? strlen(argv0) : 0;

	len = len < sizeof cp_home.argv0 ? len : sizeof cp_home.argv0 - 1;
	if (argv0)
		memcpy(cp_home.argv0, argv0, len);
	if (!getcwd(cp_home.cwd, sizeof cp_home.cwd))
		cp_home.cwd[0] = 0;
	cp_home_read("/proc/self/cgroup", cp_home.cgroup, sizeof cp_home.cgroup);
	cp_home.config = config;
	cp_home.foreign_malloc = cp_state.heap_interval && cp_front_taken(config);
	keep_secrets(config);
	name_family(config);
}
