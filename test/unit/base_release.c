/* base_release.c - proves base/release: kernels are told apart by number, not by letter. */
/* SPDX-License-Identifier: MIT */
#include "base/release.h"
#include "test/unit/unit.h"

static void older(void **state)
{
	const char *const releases[] = {
	    "5.8.18",	   "5.4.0-150-generic",	  "4.18.0-553.el8.x86_64",
	    "2.6.32",	   "3.10.0-1160.el7",	  "4.4.0",
	    "5.8",	   "5.8.99-gke.1+custom", "0.0",
	    "4.9999999999"};

	(void)state;
	for (size_t i = 0; i < sizeof releases / sizeof *releases; i++)
		assert_true(cp_release_before(releases[i], 5, 9));
}

static void enough(void **state)
{
	const char *const releases[] = {"5.9",	  "5.9.0-rc1",	      "5.10.0-8-amd64",
					"5.15",	  "6.1.0-18-cloud",   "6.18.44",
					"10.0.1", "99999999999999.0", "5.99999999999999999999"};

	(void)state;
	for (size_t i = 0; i < sizeof releases / sizeof *releases; i++)
		assert_false(cp_release_before(releases[i], 5, 9));
	assert_true(cp_release_before("5.15.0", 5, 16));
	assert_false(cp_release_before("5.16", 5, 16));
}

static void unreadable(void **state)
{
	const char *const releases[] = {"", "5", "5.", "v5.10", "-1.2", "Linux", " 6.1", "5,10"};

	(void)state;
	for (size_t i = 0; i < sizeof releases / sizeof *releases; i++)
		assert_true(cp_release_before(releases[i], 5, 9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(older),
	    cmocka_unit_test(enough),
	    cmocka_unit_test(unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
