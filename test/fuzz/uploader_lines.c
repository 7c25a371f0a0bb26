/* uploader_lines.c - fuzz: what the kernel says of processes, and other uploaders of themselves. */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "encoder/procmaps.h"
#include "uploader/await.h"
#include "uploader/oom.h"
#include "uploader/rendezvous.h"
#include "uploader/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
	if (!holds)
		abort();
}

/* The first line is one of mountinfo, the rest /proc/PID/cgroup; or all of it is a counter. */
static void try_cgroups(const char *text)
{
	char folder[64], *mount = strdup(text), *rest;
	int version = 0;
	must(mount != NULL && cp_oom_parse(text) >= -1);
	rest = mount + strcspn(mount, "\n");
	if (*rest)
		*rest++ = '\0';
	if (cp_oom_folder(mount, rest, folder, sizeof folder, &version))
		must((version == 1 || version == 2) && strlen(folder) < sizeof folder &&
		     !strstr(folder, "/.."));
	free(mount);
}

static void try_maps(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct cp_procmaps maps = {0};
	if (fd < 0)
		fd = memfd_create("maps", MFD_CLOEXEC);
	must(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
	for (int round = 0; round < 2; round++) {
		must(lseek(fd, 0, SEEK_SET) == 0);
		cp_procmaps_take(&maps, fd);
		must(maps.count <= CP_PROCMAPS_MAX);
		for (size_t i = 0; i < maps.count; i++)
			must(maps.maps[i].path[0] == '/' &&
			     cp_procmaps_find(&maps, maps.maps[i].start));
	}
	cp_procmaps_free(&maps);
}

/* /proc/net/unix. */
static void try_sockets(const uint8_t *data, size_t size)
{
	char name[32];
	FILE *stream = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
	while (stream && cp_rendezvous_next(stream, name))
		must(cp_rendezvous_is_name(name));
	if (stream)
		fclose(stream);
}

static void try_status(const char *text)
{
	static const char *const keys[] = {"pid", "name", "files", ""};
	struct cp_text out = {0};
	size_t lines = 0, len;
	for (const char *line = text; line; line = cp_status_next(line), lines++)
		for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
			char value[24] = "";
			if (!cp_status_field(line, keys[i], value, sizeof value))
				continue;
			must(strlen(value) < sizeof value && !strpbrk(value, "\t\n"));
			for (const char *at = value; (len = cp_await_file(at)); at += len)
				must(len >= 2 && len <= strlen(at));
		}
	must(lines <= strlen(text) + 1);
	cp_status_json(text, &out);
	must(out.data && out.len == strlen(out.data) && out.data[out.len - 1] == ']');
	cp_text_free(&out);
	cp_status_plain(text, 1, &out);
	cp_status_plain(text, 0, &out);
	cp_text_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	must(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	try_cgroups(text);
	try_maps(data, size);
	try_sockets(data, size);
	try_status(text);
	free(text);
	return 0;
}

#ifdef CP_FUZZ_MAIN
#include "test/fuzz/replay.h"
#endif
