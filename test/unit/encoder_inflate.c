/* encoder_inflate.c - what a file claims of its compressed sections, held against what comes. */
/* SPDX-License-Identifier: MIT */
#include <sys/resource.h>
#include <zlib.h>

#include "test/unit/packed.h"

/* The section's header, and where that stands in the file. */
static Elf64_Shdr header_of(int fd, const char *wanted, off_t *at)
{
	Elf64_Ehdr elf;
	Elf64_Shdr names, header = {0};
	char name[32];
	assert_int_equal(pread(fd, &elf, sizeof(elf), 0), sizeof(elf));
	*at = (off_t)(elf.e_shoff + elf.e_shstrndx * sizeof(names));
	assert_int_equal(pread(fd, &names, sizeof(names), *at), sizeof(names));
	for (int i = 1; i < elf.e_shnum; i++) {
		*at = (off_t)(elf.e_shoff + (size_t)i * sizeof(header));
		assert_int_equal(pread(fd, &header, sizeof(header), *at), sizeof(header));
		ssize_t len =
		    pread(fd, name, sizeof(name) - 1, (off_t)(names.sh_offset + header.sh_name));
		name[len > 0 ? len : 0] = 0;
		if (!strcmp(name, wanted))
			return header;
	}
	fake_die("no such section");
	return header;
}

struct claim {
	uint64_t size;	 /* 0: the true one */
	unsigned type;	 /* 0: zlib */
	unsigned pieces; /* streams that it is compressed to */
	size_t zeros;	 /* that it is made of, in place of the real one */
	size_t cut;	 /* bytes that are missing at its end */
	bool flipped;	 /* a byte in the middle */
	bool rubbish;	 /* behind its end */
	bool short_file; /* the file ends in the middle of it */
};

/* Another .debug_info at the end of a copy of packed.so: the real one, packed as the claim says. */
static void make_claim(const char *copy, const struct claim *claim)
{
	off_t at;
	int plain = open(path_of("plain.so"), O_RDONLY | O_CLOEXEC);
	const Elf64_Shdr real = header_of(plain, ".debug_info", &at);
	const size_t size = claim->zeros ? claim->zeros : (size_t)real.sh_size;
	uint8_t *bytes = calloc(1, size), *packed = calloc(1, 2 * size + 4096);
	if (!claim->zeros)
		assert_int_equal(pread(plain, bytes, size, (off_t)real.sh_offset), size);
	close(plain);
	Elf64_Chdr head = {.ch_type = claim->type ? claim->type : ELFCOMPRESS_ZLIB,
			   .ch_size = claim->size ? claim->size : size,
			   .ch_addralign = 1};
	memcpy(packed, &head, sizeof(head));
	size_t used = sizeof(head), done = 0;
	for (unsigned i = 0; i < claim->pieces; i++) {
		uLong len = i + 1 == claim->pieces ? size - done : size / claim->pieces;
		uLongf room = size + 1024;
		assert_int_equal(compress(packed + used, &room, bytes + done, len), Z_OK);
		used += room;
		done += len;
	}
	packed[used / 2] ^= claim->flipped ? 0x55 : 0;
	used += claim->rubbish ? 20 : 0;
	used -= claim->cut;
	shell("cp packed.so %s", copy);
	int fd = open(path_of(copy), O_RDWR | O_CLOEXEC);
	Elf64_Shdr header = header_of(fd, ".debug_info", &at);
	header.sh_offset = (uint64_t)lseek(fd, 0, SEEK_END);
	header.sh_size = used;
	header.sh_flags |= SHF_COMPRESSED;
	assert_int_equal(pwrite(fd, &header, sizeof(header), at), sizeof(header));
	used -= claim->short_file ? used / 2 : 0;
	assert_int_equal(pwrite(fd, packed, used, (off_t)header.sh_offset), used);
	close(fd);
	free(bytes);
	free(packed);
}

static void claims_are_held_against_what_comes(void **state)
{
	static const struct claim good[] = {{.pieces = 1}, {.pieces = 3}};
	static const struct claim bad[] = {
	    {.pieces = 1, .size = 100},
	    {.pieces = 1, .size = 1 << 20},
	    {.pieces = 2, .size = 1 << 20},
	    {.pieces = 1, .cut = 1},
	    {.pieces = 1, .cut = 30},
	    {.pieces = 2, .cut = 30},
	    {.pieces = 1, .flipped = true},
	    {.pieces = 1, .rubbish = true},
	    {.pieces = 1, .type = ELFCOMPRESS_ZLIB + 1}, /* zstd */
	    {.pieces = 1, .short_file = true},
	    {.pieces = 0, .size = 1 << 20},
	};
	(void)state;
	need_disk();
	const struct sums plain = plain_sums();
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct cp_symbols *symbols = symbols_with(0, MOST);
		make_claim("good.so", &good[i]);
		const struct sums sums = ask(symbols, "good.so");
		assert_memory_equal(&sums, &plain, sizeof(sums));
		assert_int_equal(symbols->scratches.files[0].how, CP_INFLATED);
		cp_symbols_free(symbols);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		make_claim("bad.so", &bad[i]);
		ask_refused(symbols_with(0, MOST), "bad.so",
			    "its debug information is damaged or of an old kind: no lines");
	}
}

/* A claim alone takes nothing, and more than may be is not begun. */
static void large_claims_are_not_begun(void **state)
{
	(void)state;
	make_claim("large.so", &(struct claim){.pieces = 1, .size = UINT64_C(900) << 30});
	ask_refused(
	    symbols_with(0, CP_UNPACK_MOST), "large.so",
	    "takes 921600 MB when it is unpacked, more than there may be on disk: no lines");
}

/* What comes beyond the claim is not written: at this limit that would be another failure. */
static void bombs_are_not_written(void **state)
{
	struct rlimit before, limit;
	(void)state;
	need_disk();
	make_claim("bomb.so", &(struct claim){.pieces = 1, .size = 100, .zeros = 64 << 20});
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 512 << 10;
	setrlimit(RLIMIT_FSIZE, &limit);
	ask_refused(symbols_with(0, MOST), "bomb.so", "its debug information is damaged or of an");
	setrlimit(RLIMIT_FSIZE, &before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(claims_are_held_against_what_comes),
	    cmocka_unit_test(large_claims_are_not_begun),
	    cmocka_unit_test(bombs_are_not_written),
	};
	return cmocka_run_group_tests(tests, make_library, workshop_close);
}
