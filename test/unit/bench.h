/* bench.h - a recording of a test's own, and what is taken of it as a profile. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/batch.h"
#include "test/unit/fake_recording.h"
#include "test/unit/unit.h"
#include "test/unit/unpacked.h"

#define ALL (CP_BIT(CP_PROFILE_HEAP) | CP_BIT(CP_PROFILE_THREADS) | CP_BIT(CP_PROFILE_CPU))

struct bench {
	struct fake fake;
	struct cp_view *view;
};

static inline void set_up(struct bench *bench)
{
	char why[128];
	fake_new(&bench->fake);
	fake_module(&bench->fake, "/bin/fake", 0x400000, 0x500000, 0, 0x400000);
	fake_module(&bench->fake, "/opt/lib/libconprof.so", 0x7f0000000000, 0x7f0000010000, 0x1000,
		    0x7f0000000000);
	assert_int_equal(cp_view_open(bench->fake.fd, &bench->view, why, sizeof(why)), 0);
}

static inline void tear_down(struct bench *bench)
{
	cp_view_close(bench->view);
	fake_free(&bench->fake);
}

/* Objects of this process's first row are rounded to the nearest, since its rest is a half. */
#define PID 1024

static inline Cp__Profile *take(struct bench *bench, enum cp_profile which)
{
	struct cp_batch *batch = cp_batch_new(NULL);
	assert_int_equal(cp_batch_take(batch, bench->view, NULL, PID, CP_BIT(which)), 0);
	Cp__Profile *profile = unpack(batch, which);
	assert_true(is_valid(profile));
	cp_batch_free(batch);
	return profile;
}
