/* encoder_hostile.c - a recording with flipped bits is refused or read, never a crash. */
/* SPDX-License-Identifier: MIT */
#include "test/unit/fake_recording.h"
#include "test/unit/unit.h"
#include "test/unit/unpacked.h"

#define ALL    (CP_BIT(CP_PROFILE_HEAP) | CP_BIT(CP_PROFILE_THREADS) | CP_BIT(CP_PROFILE_CPU))
#define ROUNDS 3000

static void fill(struct fake *fake)
{
	uint64_t frames[20];
	fake_new(fake);
	fake_module(fake, "/bin/fake", 0x400000, 0x500000, 0, 0x400000);
	fake_module(fake, "/lib/one.so", 0x500000, 0x600000, 0x1000, 0x500000);
	fake_build_id(fake, fake_module(fake, "/lib/two.so", 0x700000, 0x800000, 0, 0x700000),
		      "0123456789abcdefghij", 20);
	for (unsigned i = 0; i < 30; i++) {
		for (unsigned j = 0; j < 20; j++)
			frames[j] = 0x400000 + (uint64_t)(i * 37 + j * 4099) % 0x400000;
		uint32_t row = fake_row(fake, (enum cp_kind)(1 + i % 3), i % 4, frames, i % 20);
		for (unsigned j = 0; j < CP_COUNTERS; j++)
			fake_count(fake, row, j, 1000 + i * j);
	}
	fake->rec->lost[CP_KIND_CPU][CP_LOST_BUSY].n[0] = 5;
}

/* Everything that the uploader does with a recording. The profile must be sound; what it says is
 * the damaged recording's affair. */
static int use(const struct fake *fake, struct cp_symbols *symbols)
{
	char why[128] = "";
	struct cp_view *view;
	if (cp_view_open(fake->fd, &view, why, sizeof(why))) {
		assert_true(why[0]);
		return 0;
	}
	struct cp_batch *batch = cp_batch_new(symbols);
	cp_view_threads(view);
	cp_batch_take(batch, view, NULL, 1, ALL);
	cp_batch_skip_cpu(view, NULL);
	for (int i = 0; i < CP_PROFILES; i++) {
		Cp__Profile *profile = unpack(batch, (enum cp_profile)i);
		assert_true(is_valid(profile));
		cp__profile__free_unpacked(profile, NULL);
	}
	cp_batch_free(batch);
	cp_view_close(view);
	return 1;
}

static void flip(struct fake *fake, uint32_t *random, uint64_t at, uint64_t len)
{
	for (int i = 0; i < 3; i++) {
		*random = *random * 1103515245u + 12345u;
		uint64_t bit = (*random >> 4) % (len * 8);
		((uint8_t *)fake->rec)[at + bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void flipped_bits_do_no_harm(void **state)
{
	uint32_t random = 1;
	int used = 0;
	struct fake fake;
	(void)state;
	struct cp_symbols *symbols = cp_symbols_new();
	fill(&fake);
	uint8_t *good = malloc(fake.size);
	memcpy(good, fake.rec, fake.size);
	const struct cp_recording *at = (const struct cp_recording *)good;
	const uint64_t where[][2] = {{0, 256},
				     {offsetof(struct cp_recording, exe), 64},
				     {offsetof(struct cp_recording, strings_used), 600},
				     {at->modules.at, 3 * sizeof(struct cp_module)},
				     {at->rows.at, 30 * sizeof(struct cp_row)},
				     {at->frames.at, 8 * (uint64_t)at->frames_used},
				     {at->strings.at, at->strings_used}};
	for (int i = 0; i < ROUNDS; i++) {
		const uint64_t *here = where[i % 7];
		flip(&fake, &random, here[0], here[1]);
		used += use(&fake, symbols);
		/* the holes of the file stay holes: only what is filled is put back */
		memcpy(fake.rec, good, sizeof(struct cp_recording) + 65536);
		for (int j = 3; j < 7; j++)
			memcpy((char *)fake.rec + where[j][0], good + where[j][0], where[j][1]);
	}
	assert_true(used > ROUNDS / 2 && used < ROUNDS);
	free(good);
	fake_free(&fake);
	cp_symbols_free(symbols);
}

/* One row that says it is deeper than the table, a thousand rows with the same frames, and rows
 * that say they are more than there are. */
static void caps_hold(void **state)
{
	struct fake fake;
	(void)state;
	fill(&fake);
	fake_row_at(&fake, 0)->depth = UINT16_MAX;
	fake_row_at(&fake, 0)->frames_at = 1;
	for (uint32_t i = 1; i < 4096; i++) {
		memcpy(fake_row_at(&fake, i), fake_row_at(&fake, 0), sizeof(struct cp_row));
		fake_row_at(&fake, i)->frames_at = 1 + i;
	}
	fake.rec->rows_used = UINT32_MAX;
	fake.rec->modules_used = UINT32_MAX;
	assert_int_equal(use(&fake, NULL), 1);
	fake_free(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(flipped_bits_do_no_harm),
	    cmocka_unit_test(caps_hold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
