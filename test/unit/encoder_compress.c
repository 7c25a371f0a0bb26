/* encoder_compress.c - what is compressed comes back the same. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "encoder/encoder.h"
#include "test/unit/unit.h"

#define LEN 300000u

static struct cp_bytes make_input(size_t len)
{
	struct cp_bytes in = {malloc(LEN), len};
	uint32_t state = 1;
	for (size_t i = 0; i < LEN; i++) {
		state = state * 1103515245u + 12345u;
		in.data[i] = (uint8_t)(i % 1000 < 500 ? 'a' : state >> 16);
	}
	return in;
}

static void gzip_comes_back(void **state)
{
	static const size_t lens[] = {0, 1, 1000, LEN};
	uint8_t *back = malloc(LEN + 1);
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct cp_bytes in = make_input(lens[i]), out;
		assert_int_equal(cp_gzip(&in, &out), 0);
		assert_int_equal(out.data[0], 0x1f);
		assert_int_equal(out.data[1], 0x8b);
		z_stream stream = {.next_in = out.data,
				   .avail_in = (uInt)out.len,
				   .next_out = back,
				   .avail_out = LEN + 1};
		assert_int_equal(inflateInit2(&stream, 31), Z_OK);
		assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
		assert_int_equal(stream.total_out, lens[i]);
		assert_int_equal(stream.avail_in, 0);
		assert_memory_equal(back, in.data, lens[i]);
		inflateEnd(&stream);
		free(in.data);
		free(out.data);
	}
	free(back);
}

static void zstd_comes_back(void **state)
{
	static const size_t lens[] = {0, 1, 1000, LEN};
	uint8_t *back = malloc(LEN + 1);
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct cp_bytes in = make_input(lens[i]), out;
		assert_int_equal(cp_zstd(&in, &out), 0);
		assert_memory_equal(out.data, "\x28\xb5\x2f\xfd", 4);
		assert_int_equal(ZSTD_decompress(back, LEN + 1, out.data, out.len), lens[i]);
		assert_memory_equal(back, in.data, lens[i]);
		free(in.data);
		free(out.data);
	}
	free(back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gzip_comes_back),
	    cmocka_unit_test(zstd_comes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
