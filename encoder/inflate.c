/* inflate.c - the DWARF of an ELF file whose sections are compressed, as another file, in pieces.
 *
 * libelf unpacks a section wholly, into memory. Here it passes through two buffers on its way into
 * a file, which is then mapped like any other. All sizes are claims of the file: they are held
 * against what really comes. */
/* SPDX-License-Identifier: MIT */
#include "encoder/inflate.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define CP_PIECE     ((size_t)1 << 20)
#define CP_ALIGNMENT 16u
#define CP_SECOND    UINT64_C(1000000000)

static uint64_t read_ns(clockid_t clock)
{
	struct timespec now = {0};
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * CP_SECOND + (uint64_t)now.tv_nsec;
}

static bool has_time(struct cp_inflating *it)
{
	it->taken_cpu_ns = read_ns(CLOCK_THREAD_CPUTIME_ID) - it->began_cpu_ns;
	it->taken_ns = read_ns(CLOCK_MONOTONIC) - it->began_ns;
	return it->taken_cpu_ns < it->cpu_ns_max && it->taken_ns < it->spent_ns_max;
}

static bool read_at(int fd, void *bytes, size_t size, uint64_t at)
{
	for (ssize_t len; size; size -= (size_t)len, at += (uint64_t)len) {
		len = pread(fd, bytes, size, (off_t)at);
		if (len <= 0)
			return false;
		bytes = (char *)bytes + len;
	}
	return true;
}

static bool write_at(int fd, const void *bytes, size_t size, uint64_t at)
{
	for (ssize_t len; size; size -= (size_t)len, at += (uint64_t)len) {
		len = pwrite(fd, bytes, size, (off_t)at);
		if (len <= 0)
			return false;
		bytes = (const char *)bytes + len;
	}
	return true;
}

/* All sections of the kind, so that libdw finds in the file what it found in the other. */
static bool is_wanted(const char *name)
{
	return !strncmp(name, ".debug_", 7) || !strncmp(name, ".zdebug_", 8) ||
	       !strcmp(name, ".gnu_debugaltlink");
}

/* What becomes of a section that is written. */
static enum cp_inflated plan_section(struct cp_inflating *it, size_t i, uint64_t most)
{
	const Elf64_Shdr *from = &it->from[i];
	Elf64_Shdr *to = &it->to[i];
	Elf64_Chdr packed;
	if (from->sh_offset > INT64_MAX || from->sh_size > INT64_MAX - from->sh_offset)
		return CP_INFLATE_DAMAGED;
	if (from->sh_flags & SHF_COMPRESSED) {
		if (from->sh_size < sizeof(packed) ||
		    !read_at(it->of->fd, &packed, sizeof(packed), from->sh_offset) ||
		    packed.ch_type != ELFCOMPRESS_ZLIB)
			return CP_INFLATE_DAMAGED;
		to->sh_size = packed.ch_size;
		to->sh_flags &= ~(Elf64_Xword)SHF_COMPRESSED;
	}
	to->sh_addralign = 1;
	to->sh_offset = it->size;
	if (to->sh_size > most || it->size + to->sh_size > most)
		return CP_INFLATE_LARGE;
	it->size += (to->sh_size + CP_ALIGNMENT - 1) / CP_ALIGNMENT * CP_ALIGNMENT;
	return CP_INFLATED;
}

static enum cp_inflated plan_sections(struct cp_inflating *it, uint64_t most)
{
	Elf *elf = it->of->elf;
	for (size_t i = 1; i < it->count; i++) {
		Elf_Scn *section = elf_getscn(elf, i);
		/* struct GElf_Shdr is that of 64 bits */
		if (!section || !gelf_getshdr(section, &it->from[i]))
			return CP_INFLATE_DAMAGED;
		it->to[i] = it->from[i];
		const char *name = elf_strptr(elf, it->header.e_shstrndx, it->from[i].sh_name);
		bool wanted = i == it->header.e_shstrndx || (name && is_wanted(name));
		if (!wanted)
			it->to[i].sh_type = SHT_NOBITS;
		if (it->to[i].sh_type == SHT_NOBITS)
			continue;
		enum cp_inflated how = plan_section(it, i, most);
		if (how != CP_INFLATED)
			return how;
	}
	it->header.e_shoff = it->size;
	it->size += it->count * sizeof(*it->to);
	return it->size > most ? CP_INFLATE_LARGE : CP_INFLATED;
}

enum cp_inflated cp_inflate_plan(struct cp_inflating *it, const struct cp_elf *of, uint64_t most)
{
	const uint16_t one = 1;
	const unsigned char native = *(const char *)&one ? ELFDATA2LSB : ELFDATA2MSB;
	GElf_Ehdr header;
	it->of = of;
	it->began_cpu_ns = read_ns(CLOCK_THREAD_CPUTIME_ID);
	it->began_ns = read_ns(CLOCK_MONOTONIC);
	if (of->fd < 0 || !gelf_getehdr(of->elf, &header) || header.e_ident[EI_DATA] != native ||
	    header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum >= SHN_LORESERVE ||
	    header.e_shstrndx >= header.e_shnum)
		return CP_INFLATE_DAMAGED;
	it->header = header;
	it->header.e_phoff = it->header.e_entry = 0;
	it->header.e_phnum = 0;
	it->count = header.e_shnum;
	it->size = sizeof(it->header);
	it->from = calloc(it->count, sizeof(*it->from));
	it->to = calloc(it->count, sizeof(*it->to));
	return it->from && it->to ? plan_sections(it, most) : CP_INFLATE_NO_ROOM;
}

/* What is on its way: from one buffer into the other, or by one alone. */
struct pipe {
	struct cp_inflating *it;
	int fd;
	uint64_t at, left; /* of the section, as it stands in the file */
	uint64_t to, room; /* as it comes out */
	z_stream stream;
	unsigned char in[CP_PIECE], out[CP_PIECE];
};

static bool fill(struct pipe *pipe)
{
	size_t size = pipe->left < CP_PIECE ? (size_t)pipe->left : CP_PIECE;
	if (!size || !read_at(pipe->it->of->fd, pipe->in, size, pipe->at))
		return false;
	pipe->at += size;
	pipe->left -= size;
	pipe->stream.next_in = pipe->in;
	pipe->stream.avail_in = (uInt)size;
	return true;
}

static enum cp_inflated drain(struct pipe *pipe, const void *bytes, size_t size)
{
	if (size > pipe->room)
		return CP_INFLATE_DAMAGED;
	if (!write_at(pipe->fd, bytes, size, pipe->to))
		return CP_INFLATE_NO_ROOM;
	pipe->to += size;
	pipe->room -= size;
	return CP_INFLATED;
}

static enum cp_inflated copy_section(struct pipe *pipe)
{
	enum cp_inflated how = CP_INFLATED;
	while (pipe->left && how == CP_INFLATED) {
		if (!has_time(pipe->it))
			return CP_INFLATE_SLOW;
		if (!fill(pipe))
			return CP_INFLATE_DAMAGED;
		how = drain(pipe, pipe->in, pipe->stream.avail_in);
	}
	return how;
}

/* One stream behind another is one section, as libelf has it. */
static enum cp_inflated inflate_section(struct pipe *pipe)
{
	z_stream *stream = &pipe->stream;
	int state = Z_OK;
	stream->avail_in = 0;
	while (state != Z_STREAM_END || stream->avail_in || pipe->left) {
		if (!has_time(pipe->it))
			return CP_INFLATE_SLOW;
		if (state == Z_STREAM_END && inflateReset(stream) != Z_OK)
			return CP_INFLATE_DAMAGED;
		/* without more the rest of what is in its window still comes */
		if (!stream->avail_in && pipe->left && !fill(pipe))
			return CP_INFLATE_DAMAGED;
		stream->next_out = pipe->out;
		stream->avail_out = CP_PIECE;
		state = inflate(stream, Z_NO_FLUSH);
		if (state != Z_OK && state != Z_STREAM_END)
			return CP_INFLATE_DAMAGED;
		enum cp_inflated how = drain(pipe, pipe->out, CP_PIECE - stream->avail_out);
		if (how != CP_INFLATED)
			return how;
	}
	return pipe->room ? CP_INFLATE_DAMAGED : CP_INFLATED;
}

static enum cp_inflated write_section(struct pipe *pipe, const Elf64_Shdr *from,
				      const Elf64_Shdr *to)
{
	pipe->at = from->sh_offset;
	pipe->left = from->sh_size;
	pipe->to = to->sh_offset;
	pipe->room = to->sh_size;
	if (!(from->sh_flags & SHF_COMPRESSED))
		return copy_section(pipe);
	pipe->at += sizeof(Elf64_Chdr);
	pipe->left -= sizeof(Elf64_Chdr);
	if (inflateReset(&pipe->stream) != Z_OK)
		return CP_INFLATE_DAMAGED;
	return inflate_section(pipe);
}

enum cp_inflated cp_inflate_write(struct cp_inflating *it, int fd)
{
	enum cp_inflated how = CP_INFLATED;
	struct pipe *pipe = calloc(1, sizeof(*pipe));
	if (!pipe || inflateInit(&pipe->stream) != Z_OK) {
		free(pipe);
		return CP_INFLATE_NO_ROOM;
	}
	pipe->it = it;
	pipe->fd = fd;
	for (size_t i = 1; i < it->count && how == CP_INFLATED; i++)
		if (it->to[i].sh_type != SHT_NOBITS)
			how = write_section(pipe, &it->from[i], &it->to[i]);
	if (how == CP_INFLATED &&
	    !(write_at(fd, &it->header, sizeof(it->header), 0) &&
	      write_at(fd, it->to, it->count * sizeof(*it->to), it->header.e_shoff)))
		how = CP_INFLATE_NO_ROOM;
	inflateEnd(&pipe->stream);
	free(pipe);
	has_time(it);
	return how;
}

void cp_inflate_end(struct cp_inflating *it)
{
	free(it->from);
	free(it->to);
	it->from = it->to = NULL;
}
