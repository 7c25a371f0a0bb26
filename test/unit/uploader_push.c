/* uploader_push.c - proves push against a server: what has arrived is not sent again. */
/* SPDX-License-Identifier: MIT */
#include "pushed.h"

static void what_has_arrived_is_not_sent_again(void **state)
{
	struct cp_parcel *parcel = make_parcel();
	struct cp_push_progress progress = {0};
	struct cp_secrets secrets = {0};
	struct server server;
	struct cp_told told = {0};
	(void)state;
	start(&server, "obboo"); /* the third attempt needs one request, a new start two */
	assert_int_equal(cp_push_send(&server.address, &secrets, parcel,
				      ((struct cp_push_how){9000, -1}), &progress, &told),
			 CP_AGAIN);
	assert_int_equal(told.after_s, 7);
	assert_int_equal(server.asked, 2);
	assert_int_equal(cp_push_send(&server.address, &secrets, parcel,
				      ((struct cp_push_how){9000, -1}), &progress, &told),
			 CP_AGAIN);
	assert_int_equal(server.asked, 3);
	assert_int_equal(cp_push_send(&server.address, &secrets, parcel,
				      ((struct cp_push_how){9000, -1}), &progress, &told),
			 CP_SENT);
	assert_int_equal(server.asked, 4);
	assert_int_equal(server.sum, WHOLE);
	stop(&server);
	cp_parcel_free(parcel);
}

static void the_rest_of_what_is_refused_is_sent(void **state)
{
	struct cp_parcel *parcel = make_parcel();
	struct cp_push_progress progress = {0};
	struct cp_secrets secrets = {0};
	struct server server;
	struct cp_told told = {0};
	(void)state;
	start(&server, "ro");
	assert_int_equal(cp_push_send(&server.address, &secrets, parcel,
				      ((struct cp_push_how){9000, -1}), &progress, &told),
			 CP_REFUSED);
	assert_non_null(strstr(told.why, "answered 400: no"));
	assert_int_equal(server.asked, 2);
	assert_in_range(server.sum, 1, WHOLE - 1);
	stop(&server);
	cp_parcel_free(parcel);
}

static void a_damaged_profile_spoils_no_other(void **state)
{
	struct cp_parcel *parcel = cp_parcel_new();
	struct cp_push_progress progress = {0};
	struct cp_secrets secrets = {0};
	struct server server;
	struct cp_told told = {0};
	(void)state;
	cp_text_add(&parcel->event, "{}");
	snprintf(parcel->stem, sizeof parcel->stem, "stem");
	parcel->profiles[CP_PROFILE_HEAP] =
	    (struct cp_bytes){(uint8_t *)strdup("\x1f\x8bgarbage"), 9};
	struct cp_bytes plain = make_profile(99);
	assert_int_equal(cp_gzip(&plain, &parcel->profiles[CP_PROFILE_CPU]), 0);
	free(plain.data);
	start(&server, "oo");
	assert_int_equal(cp_push_send(&server.address, &secrets, parcel,
				      ((struct cp_push_how){9000, -1}), &progress, &told),
			 CP_REFUSED);
	assert_string_equal(told.why, "stem: 1 damaged profile");
	assert_int_equal(server.sum, 99 * 100 / 2);
	stop(&server);
	cp_parcel_free(parcel);
}

static int begin(void **state)
{
	(void)state;
	return cp_http_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_has_arrived_is_not_sent_again),
	    cmocka_unit_test(the_rest_of_what_is_refused_is_sent),
	    cmocka_unit_test(a_damaged_profile_spoils_no_other),
	};
	return cmocka_run_group_tests(tests, begin, NULL);
}
