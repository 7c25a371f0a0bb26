/* uploader_spool.c - proves that no kill between two system calls, and no call that fails, loses
 * half a profile: each arrives, or is in the spool, or was given up by somebody who could say so.
 */
/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "test/unit/spooled.h"
#include "tracer.h"
#include "uploader/delivery.h"
#include "uploader/folder.h"
#include "uploader/intact.h"
#include "uploader/shelf.h"

#define PROFILES 2
#define FOLDERS	 2

/* What the child has got to, seen from outside. */
static struct {
	_Atomic int safe[PROFILES];	      /* it was told that the profile outlives it */
	_Atomic int given[PROFILES][FOLDERS]; /* so often was it handed over */
	_Atomic int lost;		      /* given up, and said so */
} * seen;

static char to[FOLDERS][CP_ADDRESS_LEN];

static void begin(void)
{
	char list[2 * CP_ADDRESS_LEN];
	strcpy(base, "/tmp/conprof-fault-XXXXXX");
	assert_non_null(mkdtemp(base));
	for (int i = 0; i < FOLDERS; i++)
		snprintf(to[i], sizeof to[i], "dir://%s/d%d", base, i);
	snprintf(list, sizeof list, "%s", to[0]);
	memset(seen, 0, sizeof *seen);
}

static const char *path_of(int folder)
{
	return to[folder] + strlen("dir://");
}

static struct cp_parcel *make(int seq)
{
	char list[2 * CP_ADDRESS_LEN + 1];
	snprintf(list, sizeof list, "%s,%s", to[0], to[1]);
	srand((unsigned)seq + 1);
	struct cp_parcel *p = parcel(seq, list, 300);
	p->config.spool_max_bytes = 1 << 20;
	p->config.upload_timeout_s = 2;
	cp_text_free(&p->event);
	cp_text_add(&p->event, "{\"attachments\":[\"cpu.pprof\"]}\n");
	return p;
}

/* The writer's life, step by step: one profile for both, at once; another, for one of them later.
 */
static void steps(void)
{
	for (int s = 0; s < PROFILES; s++) {
		struct cp_parcel *p = make(s);
		struct cp_spool spool;
		struct cp_claim claims[FOLDERS];
		int error = cp_spool_open(&spool, &p->config);
		if (!error)
			error = cp_spool_put(&spool, p, to, FOLDERS, s, claims);
		seen->safe[s] = !error;
		for (int d = 0; d < FOLDERS; d++) {
			int later = s && d && !error;
			int failed = later || cp_folder_write(path_of(d), 0700, p);
			seen->given[s][d] += !failed;
			seen->lost |= failed && error;
			if (!error)
				cp_spool_release(&claims[d], !failed);
		}
	}
}

/* The same by the threads that do it. */
static void delivery(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	struct cp_delivery *d = cp_delivery_new(NULL, fd);
	for (int s = 0; d && s < PROFILES; s++) {
		struct cp_parcel *p = make(s);
		uint64_t ticket = p->ticket = cp_delivery_ticket(d);
		cp_delivery_push(d, p);
		seen->safe[s] = cp_delivery_durable(d) >= ticket;
	}
	struct pollfd done = {.fd = fd, .events = POLLIN};
	for (int i = 0; d && i < 100 && cp_delivery_done(d) < PROFILES; i++) {
		uint64_t n;
		if (poll(&done, 1, 100) > 0 && read(fd, &n, sizeof n) < 0)
			continue;
	}
	seen->lost |= !d || cp_delivery_dropped(d) > 0;
	cp_delivery_finish(d, 1000);
}

/* The next uploader: all that is there for each. */
static void carry_on(void)
{
	struct cp_parcel *like = make(0);
	for (int d = 0; d < FOLDERS; d++) {
		struct cp_spool spool;
		struct cp_claim claim;
		struct cp_parcel *p;
		assert_int_equal(cp_spool_open(&spool, &like->config), 0);
		while (!cp_spool_claim(&spool, &like->config, to[d], &claim, &p)) {
			int s = atoi(strrchr(p->stem, '-') + 1);
			assert_int_equal(cp_folder_write(path_of(d), 0700, p), 0);
			seen->given[s][d]++;
			cp_spool_release(&claim, 1);
			cp_parcel_free(p);
		}
		assert_int_equal(spool.damaged, 0);
	}
	cp_parcel_free(like);
}

/* Whether the profile is there; whole, if it is. */
static int arrived(int s, int d)
{
	char file[600];
	struct stat st;
	struct cp_parcel *p = make(s);
	snprintf(file, sizeof file, "%.300s/%.200s.cpu.pprof", path_of(d), p->stem);
	cp_parcel_free(p);
	int fd = open(file, O_RDONLY);
	if (fd < 0)
		return 0;
	assert_int_equal(fstat(fd, &st), 0);
	uint8_t *data = malloc((size_t)st.st_size + 1);
	assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
	close(fd);
	if (!cp_intact_gzip(data, (size_t)st.st_size))
		fail_msg("%s is half a file", file);
	free(data);
	return 1;
}

/* A minute later nothing of an entry is left. */
static void nothing_stays(void)
{
	struct cp_spool spool;
	struct cp_claim claim;
	struct cp_parcel *p, *like = make(0);
	char command[300];
	snprintf(command, sizeof command, "%s/spool/*app*", base);
	if (files("*app*") + files(".*app*")) {
		snprintf(command, sizeof command,
			 "find %s -type f -exec touch -d '2 minutes ago' {} +", base);
		assert_int_equal(system(command), 0);
	}
	assert_int_equal(cp_spool_open(&spool, &like->config), 0);
	assert_int_equal(cp_spool_claim(&spool, &like->config, to[0], &claim, &p), -ENOENT);
	assert_int_equal(files("*app*") + files(".*app*"), 0);
	assert_int_equal(files("../d?/.*app*"), 0);
	cp_parcel_free(like);
}

static struct traced traced; /* the last life */

static long check(void (*life)(void), struct fault fault)
{
	void *nothing = NULL;
	begin();
	traced = run_faulty(life, fault);
	if (traced.crashed)
		fail_msg("crashed with errno %d at call %ld", fault.error, fault.at);
	carry_on();
	for (int s = 0; s < PROFILES; s++) {
		int first = arrived(s, 0), second = arrived(s, 1);
		if (seen->safe[s] && (!first || !second))
			fail_msg("profile %d is lost (%d, %d) after errno %d at call %ld", s, first,
				 second, fault.error, fault.at);
		if (!fault.error && first != second && !seen->given[s][0])
			fail_msg("profile %d was half an entry after a kill at call %ld", s,
				 fault.at);
		if (fault.error && (!first || !second) && !seen->lost)
			fail_msg(
			    "profile %d is lost (%d, %d), which nobody said, after errno %d at "
			    "call %ld",
			    s, first, second, fault.error, fault.at);
	}
	if (!fault.error)
		nothing_stays();
	drop_base(&nothing);
	return traced.calls;
}

/* How many kills lead to a second delivery: those between what has been handed over and its mark.
 */
static unsigned twice(void)
{
	unsigned count = 0;
	for (int s = 0; s < PROFILES; s++)
		for (int d = 0; d < FOLDERS; d++)
			count += seen->given[s][d] > 1;
	return count;
}

static void killed_at_each_call(void **state)
{
	unsigned again = 0;
	long k = 0;
	(void)state;
	check(steps, (struct fault){0, 0});
	assert_int_equal(twice(), 0);
	do {
		check(steps, (struct fault){++k, 0});
		/* nobody can close that: what was handed over, and its mark that is still there */
		if (twice() && traced.number != SYS_unlinkat)
			fail_msg("a kill at call %ld, number %ld, makes a profile arrive twice", k,
				 traced.number);
		again += twice();
	} while (traced.killed);
	print_message("%ld system calls; %u kills make one profile arrive twice\n", k - 1, again);
	assert_true(k > 50);
	assert_in_range(again, 1, PROFILES * FOLDERS - 1); /* one per hand-over */
}

static void each_call_fails(void **state)
{
	static const int errors[] = {ENOSPC, EIO, EINTR, EROFS};
	(void)state;
	if (!can_fail())
		skip();
	long calls = check(steps, (struct fault){0, ENOSPC});
	for (size_t e = 0; e < sizeof errors / sizeof errors[0]; e++)
		for (long k = 1; k <= calls; k++)
			check(steps, (struct fault){k, errors[e]});
}

/* Threads take turns as they like, so the calls are not the same ones each time; the rules are. */
static void threads_killed_at_each_call(void **state)
{
	(void)state;
	long calls = check(delivery, (struct fault){0, 0});
	for (long k = 1; k <= calls + calls / 4; k += 2)
		check(delivery, (struct fault){k, 0});
}

static void each_call_of_the_threads_fails(void **state)
{
	static const int errors[] = {ENOSPC, EIO};
	(void)state;
	if (!can_fail())
		skip();
	long calls = check(delivery, (struct fault){0, EIO});
	for (long k = 1; k <= calls; k++)
		check(delivery, (struct fault){k, errors[k % 2]});
}

/* Who tidies: an entry that is damaged, what a dead writer left, and one that is too old. */
static void tidying(void)
{
	struct cp_parcel *got, *like = make(0);
	struct cp_claim claim;
	struct cp_spool spool;
	assert_int_equal(cp_spool_open(&spool, &like->config), 0);
	for (int i = 0; i < 2; i++) {
		if (!cp_spool_claim(&spool, &like->config, to[0], &claim, &got)) {
			cp_spool_release(&claim, 0);
			cp_parcel_free(got);
		}
		spool.max_age_s = 1;
	}
	cp_parcel_free(like);
}

static void untidy(void)
{
	struct cp_parcel *p = make(0);
	struct cp_claim claims[FOLDERS];
	struct cp_spool spool;
	char command[300];
	assert_int_equal(cp_spool_open(&spool, &p->config), 0);
	for (int i = 0; i < 3; i++) {
		snprintf(p->stem, sizeof p->stem, "app-9-20260413T12000%dZ-%d", i, i);
		assert_int_equal(cp_spool_put(&spool, p, to, FOLDERS, 0, claims), 0);
		for (int d = 0; d < FOLDERS; d++)
			cp_spool_release(&claims[d], 0);
	}
	cp_parcel_free(p);
	snprintf(command, sizeof command,
		 "cd %s/spool && d=$(echo app-*-0.event.json) e=$(echo app-*-1.event.json) && "
		 "printf x >>$d && mv $e .$e.part && touch -d '2 minutes ago' app* .app*",
		 base);
	assert_int_equal(system(command), 0);
}

/* The next one finishes it: nothing stays but what is aside. */
static void killed_while_tidying(void **state)
{
	long k = 0;
	do {
		begin();
		untidy();
		traced = run_faulty(tidying, (struct fault){++k, 0});
		assert_false(traced.crashed);
		tidying();
		tidying();
		nothing_stays();
		drop_base(state);
	} while (traced.killed);
	assert_true(k > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(killed_at_each_call),
	    cmocka_unit_test(killed_while_tidying),
	    cmocka_unit_test(each_call_fails),
	    cmocka_unit_test(threads_killed_at_each_call),
	    cmocka_unit_test(each_call_of_the_threads_fails),
	};
	seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return seen == MAP_FAILED ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
