/* encoder_view.c - a recording that is not what it should be is refused, with a reason. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "encoder/view.h"
#include "test/unit/fake_recording.h"
#include "test/unit/unit.h"

static int open_error(struct fake *fake, const char *reason)
{
	char why[128] = "";
	struct cp_view *view = NULL;
	int error = cp_view_open(fake->fd, &view, why, sizeof(why));
	if (error) {
		assert_null(view);
		assert_non_null(strstr(why, reason));
		assert_null(strchr(why, '\n'));
	}
	cp_view_close(view);
	return error;
}

static void good_recording_opens(void **state)
{
	struct fake fake;
	struct cp_view *view;
	char why[128];
	(void)state;
	fake_new(&fake);
	assert_int_equal(cp_view_open(fake.fd, &view, why, sizeof(why)), 0);
	assert_string_equal(cp_view_header(view)->exe, "/bin/fake");
	cp_view_header(view)->heartbeat_ns = 7;
	assert_int_equal(fake.rec->heartbeat_ns, 7); /* shared, not copied */
	cp_view_close(view);
	fake_free(&fake);
}

static void header_is_checked(void **state)
{
	struct fake fake;
	(void)state;
	fake_new(&fake);
	fake.rec->magic++;
	assert_int_equal(open_error(&fake, "magic"), -EINVAL);
	fake.rec->magic--;
	fake.rec->abi++;
	assert_int_equal(open_error(&fake, "version"), -EPROTONOSUPPORT);
	fake.rec->abi--;
	fake.rec->header_size--;
	assert_int_equal(open_error(&fake, "header"), -EPROTONOSUPPORT);
	fake.rec->header_size++;
	fake.rec->size = fake.size + 1;
	assert_int_equal(open_error(&fake, "larger"), -EINVAL);
	fake.rec->size = fake.size;
	assert_int_equal(open_error(&fake, ""), 0);
	fake_free(&fake);
}

static void tables_are_checked(void **state)
{
	struct fake fake;
	(void)state;
	fake_new(&fake);
	struct cp_table *tables[] = {&fake.rec->strings, &fake.rec->modules, &fake.rec->rows,
				     &fake.rec->frames,	 &fake.rec->marks,   &fake.rec->moves};
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		const struct cp_table good = *tables[i];
		const struct cp_table bad[] = {{good.at + 1, 1},
					       {0, 1},
					       {UINT64_MAX - 63, 1},
					       {good.at, UINT64_MAX},
					       {good.at, UINT64_MAX / 8 + 2},
					       {good.at, fake.size - good.at + 1},
					       {fake.size + 63, 0}};
		for (size_t j = 0; j < sizeof(bad) / sizeof(*bad); j++) {
			*tables[i] = bad[j];
			assert_int_equal(open_error(&fake, "outside"), -EINVAL);
		}
		*tables[i] = good;
	}
	assert_int_equal(open_error(&fake, ""), 0);
	fake_free(&fake);
}

static void file_is_checked(void **state)
{
	(void)state;
	struct fake fake = {.fd = memfd_create("t", MFD_ALLOW_SEALING)};
	assert_int_equal(ftruncate(fake.fd, 1 << 20), 0);
	assert_int_equal(open_error(&fake, "sealed"), -EPERM);
	fcntl(fake.fd, F_ADD_SEALS, F_SEAL_GROW);
	assert_int_equal(open_error(&fake, "sealed"), -EPERM);
	fcntl(fake.fd, F_ADD_SEALS, F_SEAL_SHRINK);
	assert_int_equal(open_error(&fake, "magic"), -EINVAL);
	close(fake.fd);
	fake.fd = memfd_create("t", MFD_ALLOW_SEALING);
	fcntl(fake.fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK);
	assert_int_equal(open_error(&fake, "short"), -EINVAL);
	close(fake.fd);
	fake.fd = memfd_create("t", MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(fake.fd, (INT64_C(1) << 30) + 1), 0);
	fcntl(fake.fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK);
	assert_int_equal(open_error(&fake, "large"), -EFBIG);
	close(fake.fd);
	fake.fd = open("/dev/null", O_RDONLY);
	assert_int_equal(open_error(&fake, "memfd"), -EINVAL);
	close(fake.fd);
	assert_int_equal(open_error(&fake, "memfd"), -EINVAL);
}

static void rows_and_strings_are_checked(void **state)
{
	struct fake fake;
	struct cp_view *view;
	struct cp_view_row row;
	struct cp_view_module module;
	uint64_t copy[CP_VIEW_DEPTH];
	char text[16];
	const uint64_t frames[] = {1, 2, 3};
	(void)state;
	fake_new(&fake);
	uint32_t number = fake_row(&fake, CP_KIND_CPU, 0, frames, 3);
	uint32_t library = fake_module(&fake, "/lib/a_long_name_of_a_library", 4096, 8192, 0, 0);
	assert_int_equal(cp_view_open(fake.fd, &view, text, sizeof(text)), 0);
	assert_int_equal(cp_view_rows(view), 1);
	assert_int_equal(cp_view_row(view, number, &row), 0);
	assert_int_equal(row.depth, 3);
	struct cp_row *shared = fake_row_at(&fake, number);
	const uint32_t at = shared->frames_at;
	const uint32_t bad[] = {0, UINT32_MAX, 65536 - 2, 65536};
	for (size_t i = 0; i < 4; i++) {
		shared->frames_at = bad[i];
		assert_true(cp_view_row(view, number, &row) != 0 ||
			    cp_view_frames(view, &row, copy) != 0);
	}
	shared->frames_at = at;
	shared->kind = 200;
	assert_int_equal(cp_view_row(view, number, &row), -1);
	fake.rec->rows_used = UINT32_MAX;
	assert_int_equal(cp_view_rows(view), 4096);
	fake.rec->modules_used = 1000;
	assert_int_equal(cp_view_modules(view), 256);
	assert_int_equal(cp_view_module(view, library, &module), 0);
	fake_module_at(&fake, library)->build_id_len = 37;
	assert_int_equal(cp_view_module(view, library, &module), -1);
	assert_int_equal(cp_view_module(view, library + 1, &module), -1);
	cp_view_string(view, module.path_at, text, sizeof(text));
	assert_string_equal(text, "/lib/a_long_nam");
	cp_view_string(view, 65536, text, sizeof(text));
	assert_string_equal(text, "");
	memset((char *)fake.rec + fake.rec->strings.at, 'x', 65536);
	cp_view_string(view, 65535, text, sizeof(text));
	assert_string_equal(text, "x");
	cp_view_close(view);
	fake_free(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_recording_opens),	    cmocka_unit_test(header_is_checked),
	    cmocka_unit_test(tables_are_checked),	    cmocka_unit_test(file_is_checked),
	    cmocka_unit_test(rows_and_strings_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
