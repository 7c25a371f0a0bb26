/* encoder_demangle.c - fuzz: any name is written in all ways, whole, cut to fit, and in time. */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "encoder/demangle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The text ends within its room, and nothing behind it is touched. */
static void write_in(const char *name, enum cp_demangling how, size_t room)
{
	char text[4097];
	memset(text, '#', sizeof(text));
	cp_demangle(name, how, text, room);
	if (!memchr(text, 0, room) || text[room] != '#')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name = malloc(size + 3);
	if (!name)
		return 0;
	for (int mangled = 0; mangled < 3; mangled++) {
		static const char *const begin[] = {"", "_Z", "_R"};
		size_t before = strlen(begin[mangled]);
		memcpy(name, begin[mangled], before);
		memcpy(name + before, data, size);
		name[before + size] = 0;
		for (int how = CP_DEMANGLE_SHORT; how <= CP_DEMANGLE_NONE; how++) {
			write_in(name, (enum cp_demangling)how, 4096);
			write_in(name, (enum cp_demangling)how, 16);
			write_in(name, (enum cp_demangling)how, 1);
		}
	}
	name[size] = 0;
	memcpy(name, data, size);
	cp_demangle_shorten(name);
	free(name);
	return 0;
}

#ifdef CP_FUZZ_MAIN
#include "test/fuzz/replay.h"
#endif
