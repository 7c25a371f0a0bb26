/* uploader_delivery.c - who could not deliver in a hurry tries again when there is time. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>

#include "spooled.h"
#include "uploader/delivery.h"

static void nap(void)
{
	const struct timespec ts = {.tv_nsec = 10000000};
	nanosleep(&ts, NULL);
}

/* A file stands where the folder is to be; then the family lives on, and the file is gone. */
static void a_hurry_that_is_over_is_told(void **state)
{
	int done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct cp_log *log = cp_log_new();
	struct cp_delivery *delivery = cp_delivery_new(log, done_fd);
	char to[100], *place = to + strlen("dir://");
	struct stat st;
	(void)state;
	snprintf(to, sizeof to, "dir://%s/out", base);
	FILE *file = fopen(place, "w");
	assert_non_null(file);
	fclose(file);
	struct cp_parcel *p = parcel(1, to, 100);
	p->config.upload_timeout_s = 10;
	p->ticket = cp_delivery_ticket(delivery);
	cp_delivery_hurry(delivery, 1);
	cp_delivery_push(delivery, p);
	while (!cp_delivery_idle(delivery))
		nap();
	assert_int_equal(cp_delivery_done(delivery), 1);
	assert_int_equal(files("*.event.json"), 1);
	assert_int_equal(unlink(place), 0);
	cp_delivery_hurry(delivery, 0);
	for (int i = 0; i < 3000 && files("*.event.json"); i++)
		nap();
	assert_int_equal(files("*.event.json"), 0);
	assert_int_equal(stat(place, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	cp_delivery_finish(delivery, 1000);
	cp_log_free(log);
	close(done_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_hurry_that_is_over_is_told, make_base, drop_base),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
