/* uploader_spool_place.c - proves of where a spool lies: beside what has arrived, on a full disk,
 * gone. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "touched.h"
#include "uploader/outlet.h"

/* Another program's profiles may arrive in the folder that is our spool. */
static void what_has_arrived_here_stays(void **state)
{
	struct cp_spool spool;
	uint64_t dropped = 0, entries;
	(void)state;
	assert_int_equal(put(1, TO, 4000, &dropped), 0);
	in_spool("head -c 9000 /dev/urandom >other-7-20260413T120000Z-1.heap.pprof;"
		 "head -c 9000 /dev/urandom >.other-7-20260413T120000Z-2.cpu.pprof.part;"
		 "touch -d '1 day ago' *other* .other*");
	assert_int_equal(next(&spool), 1);
	assert_int_equal(spool.unfinished + spool.full, 0);
	assert_int_equal(files("*other*"), 2);
	assert_true(cp_spool_bytes(&spool, &entries) < 9000);
	assert_int_equal(entries, 1);
}

/* Else the end of an entry would take the profiles of the same name that have arrived. */
static void a_spool_is_no_destination(void **state)
{
	struct cp_spool spool;
	char list[200], inner[100];
	uint64_t dropped = 0;
	(void)state;
	snprintf(list, sizeof list, TO ",dir://%s/./spool/", base);
	snprintf(inner, sizeof inner, "%s/spool/spool", base);
	assert_int_equal(put(1, list, 100, &dropped), 0);
	assert_int_equal(files("app*"), 0);
	assert_int_equal(files("spool/app*"), 4);
	struct cp_parcel *like = parcel(1, list, 100);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(cp_spool_open(&spool, &like->config), 0);
		assert_string_equal(spool.dir, inner);
	}
	/* and if that one is a destination, too */
	snprintf(like->config.agent_socket, sizeof like->config.agent_socket,
		 "dir://%s/spool,dir://%s", base, inner);
	assert_int_equal(cp_spool_open(&spool, &like->config), 0);
	assert_string_equal(spool.dir + strlen(inner), "/spool");
	in_spool("rm -r spool; : >spool");
	assert_int_equal(cp_spool_open(&spool, &like->config), -ENOTDIR);
	cp_parcel_free(like);
}

/* A link shows only when somebody goes there: nothing arrives, and it is said why. */
static void the_spool_by_another_name_takes_nothing(void **state)
{
	struct cp_spool spool;
	struct cp_outcome outcome;
	static struct cp_outlet outlet;
	struct cp_log *log = cp_log_new();
	struct cp_parcel *one = parcel(1, TO, 100);
	char to[CP_ADDRESS_LEN];
	(void)state;
	assert_int_equal(cp_spool_open(&spool, &one->config), 0);
	in_spool("ln -s spool ../alias");
	snprintf(to, sizeof to, "dir://%s/alias", base);
	cp_outlet_init(&outlet, &one->config, to, log);
	cp_outlet_send(&outlet, log, one, -1, 1000, &outcome);
	assert_int_equal(outcome.verdict, CP_AGAIN);
	assert_non_null(strstr(outcome.told.why, "by another name"));
	assert_int_equal(files("app*"), 0);
	outlet.config.spool_max_bytes = 0; /* then nothing waits there */
	cp_outlet_send(&outlet, log, one, -1, 1000, &outcome);
	assert_int_equal(outcome.verdict, CP_SENT);
	assert_int_equal(files("app*"), 1);
	cp_parcel_free(one);
	cp_log_free(log);
}

/* A disk without room, in the shape of a limit on files: nothing of it stays, and it works again.
 */
static void a_full_disk_is_survived(void **state)
{
	struct rlimit before, small = {.rlim_cur = 2000};
	struct cp_spool spool;
	uint64_t dropped = 0;
	(void)state;
	assert_int_equal(put(1, TO, 100, &dropped), 0);
	void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	int error = put(2, TO, 5000, &dropped);
	setrlimit(RLIMIT_FSIZE, &before);
	signal(SIGXFSZ, old);
	assert_int_equal(error, -EFBIG);
	assert_int_equal(files("*T120002Z*"), 0);
	assert_int_equal(next(&spool), 1);
	assert_int_equal(put(2, TO, 5000, &dropped), 0);
}

static void a_spool_that_is_gone_comes_again(void **state)
{
	struct cp_spool spool;
	struct cp_claim claim;
	struct cp_parcel *got, *like = parcel(0, TO, 1);
	uint64_t dropped = 0;
	(void)state;
	assert_int_equal(put(1, TO, 100, &dropped), 0);
	assert_int_equal(cp_spool_open(&spool, &like->config), 0);
	assert_int_equal(cp_spool_claim(&spool, &like->config, TO, &claim, &got), 0);
	assert_true(cp_spool_holds(&claim));
	in_spool("rm -rf ../spool");
	assert_false(cp_spool_holds(&claim));
	assert_int_equal(cp_spool_settle(&claim) < 0, 1);
	cp_spool_release(&claim, 1);
	assert_int_equal(next(&spool), -1);
	assert_int_equal(put(2, TO, 100, &dropped), 0);
	assert_int_equal(next(&spool), 2);
	cp_parcel_free(got);
	cp_parcel_free(like);
}

int main(void)
{
#define WITH_BASE(test) cmocka_unit_test_setup_teardown(test, make_base, drop_base)
	const struct CMUnitTest tests[] = {
	    WITH_BASE(what_has_arrived_here_stays),
	    WITH_BASE(a_spool_is_no_destination),
	    WITH_BASE(the_spool_by_another_name_takes_nothing),
	    WITH_BASE(a_full_disk_is_survived),
	    WITH_BASE(a_spool_that_is_gone_comes_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
