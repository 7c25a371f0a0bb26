/* minidebug.c - .gnu_debugdata: an ELF file of function symbols alone, xz inside a stripped file.
 */
/* SPDX-License-Identifier: MIT */
#include <gelf.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>

#include "encoder/elffile.h"
#include "encoder/guard.h"

/* Fedora's largest (a browser's) unpacks to 20 MB. xz says how much memory it wants: 9 MB for its
 * usual dictionary, 65 MB for the largest that it makes by itself. */
#define CP_MINI_MAX	    ((size_t)64 << 20)
#define CP_MINI_DICTIONARY  (UINT64_C(80) << 20)
#define CP_MINI_FIRST_GUESS ((size_t)256 << 10)

static Elf_Data *find_packed(Elf *elf)
{
	Elf_Scn *section = NULL;
	size_t names;
	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		const char *name =
		    gelf_getshdr(section, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;
		if (name && !strcmp(name, ".gnu_debugdata") && header.sh_type == SHT_PROGBITS)
			return elf_rawdata(section, NULL);
	}
	return NULL;
}

static bool make_room(lzma_stream *stream, uint8_t **memory, size_t *room)
{
	size_t used = *room - stream->avail_out, more = *room ? *room * 2 : CP_MINI_FIRST_GUESS;
	uint8_t *moved = more <= CP_MINI_MAX ? realloc(*memory, more) : NULL;
	if (!moved)
		return false;
	*memory = moved;
	*room = more;
	stream->next_out = moved + used;
	stream->avail_out = more - used;
	return true;
}

/* What it unpacks to, malloc'ed; NULL when it is damaged, or larger than such a thing is. */
static void *unpack(const Elf_Data *packed, size_t *size)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	uint8_t *memory = NULL;
	size_t room = 0;
	lzma_ret result = lzma_stream_decoder(&stream, CP_MINI_DICTIONARY, 0);
	stream.next_in = packed->d_buf;
	stream.avail_in = packed->d_size;
	while (result == LZMA_OK) {
		if (!stream.avail_out && !make_room(&stream, &memory, &room))
			break;
		result = lzma_code(&stream, LZMA_FINISH);
	}
	*size = room - stream.avail_out;
	lzma_end(&stream);
	if (result == LZMA_STREAM_END)
		return memory;
	free(memory);
	return NULL;
}

int cp_elf_mini(const struct cp_elf *own, struct cp_elf *file)
{
	size_t size = 0;
	*file = (struct cp_elf){.fd = -1, .guard = -1};
	cp_guard_enter();
	const Elf_Data *packed = own->elf ? find_packed(own->elf) : NULL;
	void *memory = packed && packed->d_buf ? unpack(packed, &size) : NULL;
	cp_guard_leave();
	return memory ? cp_elf_open_memory(memory, size, file) : -1;
}
