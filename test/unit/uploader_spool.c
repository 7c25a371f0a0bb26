/* uploader_spool.c - proves spool, shelf and folder: order, cap, claims, hostile directories. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "encoder/image.h"
#include "spooled.h"
#include "uploader/fetch.h"
#include "uploader/folder.h"

static void make_old(const char *which)
{
	char command[200];
	snprintf(command, sizeof command, "touch -d '2 hours ago' %s/spool/%s", base, which);
	assert_int_equal(system(command), 0);
}

static void entries_come_back_oldest_first_to_their_destination(void **state)
{
	struct cp_spool spool;
	struct cp_claim claim, other;
	struct cp_parcel *got, *again, *like = parcel(0, "tcp://a:1", 1);
	uint64_t dropped = 0, entries = 0;
	(void)state;
	assert_int_equal(put(2, "tcp://a:1", 100, &dropped), 0);
	assert_int_equal(put(1, "tcp://a:1", 100, &dropped), 0);
	assert_int_equal(put(0, "tcp://b:1", 100, &dropped), 0);
	assert_int_equal(cp_spool_open(&spool, &like->config), 0);
	assert_int_equal(cp_spool_claim(&spool, &like->config, TO, &claim, &got), 0);
	assert_string_equal(got->stem, "app-9-20260413T120001Z-1");
	assert_string_equal(got->event.data, "{}\n");
	assert_int_equal(got->profiles[CP_PROFILE_CPU].data[0], 0x1f);
	assert_int_equal(got->profiles[CP_PROFILE_HEAP].len, 0);
	/* claimed: another sender gets the next one */
	assert_int_equal(cp_spool_claim(&spool, &like->config, TO, &other, &again), 0);
	assert_string_equal(again->stem, "app-9-20260413T120002Z-2");
	cp_spool_release(&other, 0);
	cp_spool_release(&claim, 1);
	cp_spool_bytes(&spool, &entries);
	assert_int_equal(entries, 2);
	cp_parcel_free(got);
	cp_parcel_free(again);
	cp_parcel_free(like);
}

static void the_oldest_make_room_and_are_counted(void **state)
{
	struct cp_spool spool;
	struct cp_claim claim;
	struct cp_parcel *got, *like = parcel(0, "tcp://a:1", 1);
	uint64_t dropped = 0, entries;
	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(put(i, "tcp://a:1", 3000, &dropped), 0);
	assert_int_equal(dropped, 2);
	assert_int_equal(put(9, "tcp://a:1", 20000, &dropped), -EFBIG);
	assert_int_equal(cp_spool_open(&spool, &like->config), 0);
	assert_true(cp_spool_bytes(&spool, &entries) <= 10000);
	assert_int_equal(entries, 3);
	assert_int_equal(cp_spool_claim(&spool, &like->config, TO, &claim, &got), 0);
	assert_string_equal(got->stem, "app-9-20260413T120002Z-2");
	cp_spool_release(&claim, 0);
	cp_parcel_free(got);
	cp_parcel_free(like);
}

/* One copy for all; each destination's mark goes when it has it, the entry with the last one. */
static void an_entry_stays_until_all_have_it(void **state)
{
	static const char *const to[] = {TO, "tcp://b:1", "dir:///c"};
	struct cp_spool spool;
	struct cp_claim claim;
	struct cp_parcel *got, *like = parcel(0, TO, 1);
	uint64_t dropped = 0, entries;
	(void)state;
	assert_int_equal(put(1, "tcp://a:1,tcp://b:1,dir:///c", 100, &dropped), 0);
	assert_int_equal(files("*.cpu.pprof"), 1);
	assert_int_equal(cp_spool_open(&spool, &like->config), 0);
	for (unsigned i = 0; i < 3; i++) {
		cp_spool_bytes(&spool, &entries);
		assert_int_equal(entries, 1);
		assert_int_equal(files("*.send-to.*"), 3 - i);
		assert_int_equal(cp_spool_waiting(&spool, cp_address_number(to[i])), 1);
		assert_int_equal(cp_spool_claim(&spool, &like->config, to[i], &claim, &got), 0);
		cp_spool_release(&claim, 1);
		cp_parcel_free(got);
		assert_int_equal(cp_spool_waiting(&spool, cp_address_number(to[i])), 0);
		assert_int_equal(cp_spool_claim(&spool, &like->config, to[i], &claim, &got),
				 -ENOENT);
	}
	/* it is known that it was there */
	assert_int_equal(files("*app*"), 0);
	assert_true(cp_spool_knows(&spool, "app-9-20260413T120001Z-1"));
	assert_false(cp_spool_knows(&spool, "app-9-20260413T120002Z-2"));
	make_old(".*.gone");
	assert_int_equal(put(2, TO, 100, &dropped), 0);
	assert_true(cp_spool_knows(&spool, "app-9-20260413T120002Z-2"));
	assert_int_equal(cp_spool_claim(&spool, &like->config, TO, &claim, &got), 0);
	cp_spool_release(&claim, 1);
	cp_parcel_free(got);
	assert_int_equal(files(".*.gone"), 1);
	assert_false(cp_spool_knows(&spool, "app-9-20260413T120001Z-1"));
	assert_true(cp_spool_knows(&spool, "app-9-20260413T120002Z-2"));
	cp_parcel_free(like);
}

/* What is kept for one more while another has it in hand is not taken away with him. */
static void who_comes_later_is_not_forgotten(void **state)
{
	struct cp_spool spool;
	struct cp_claim claim;
	struct cp_parcel *got, *like = parcel(0, TO, 1);
	uint64_t dropped = 0;
	(void)state;
	assert_int_equal(put(1, TO, 100, &dropped), 0);
	assert_int_equal(cp_spool_open(&spool, &like->config), 0);
	assert_int_equal(cp_spool_claim(&spool, &like->config, TO, &claim, &got), 0);
	cp_parcel_free(got);
	assert_int_equal(put(1, "tcp://b:1", 100, &dropped), 0);
	cp_spool_release(&claim, 1);
	assert_int_equal(cp_spool_claim(&spool, &like->config, "tcp://b:1", &claim, &got), 0);
	cp_spool_release(&claim, 1);
	cp_parcel_free(got);
	assert_int_equal(files("*app*"), 0);
	cp_parcel_free(like);
}

/* A name that another has taken before us is not written to, whatever it is; nobody waits there. */
static void names_taken_by_others_are_left_alone(void **state)
{
	struct cp_spool spool;
	struct cp_claim claim;
	struct cp_parcel *got, *like = parcel(1, TO, 1);
	uint64_t dropped = 0;
	char part[400], victim[100], note[200];
	struct stat st;
	glob_t found;
	(void)state;
	assert_int_equal(put(2, TO, 100, &dropped), 0);
	snprintf(victim, sizeof victim, "%s/victim", base);
	FILE *file = fopen(victim, "w");
	fputs("precious", file);
	fclose(file);
	snprintf(part, sizeof part, "%s/spool/.%s.event.json.part", base, like->stem);
	assert_int_equal(link(victim, part), 0);
	assert_int_equal(put(1, TO, 100, &dropped), -EBUSY);
	assert_int_equal(stat(victim, &st), 0);
	assert_int_equal(st.st_size, strlen("precious"));
	/* the note that an entry went */
	assert_int_equal(cp_spool_open(&spool, &like->config), 0);
	assert_int_equal(cp_spool_claim(&spool, &like->config, TO, &claim, &got), 0);
	cp_spool_release(&claim, 0);
	cp_parcel_free(got);
	snprintf(note, sizeof note, "%s/spool/.*.gone", base);
	assert_int_equal(glob(note, 0, NULL, &found), 0);
	assert_int_equal(unlink(found.gl_pathv[0]), 0);
	assert_int_equal(mkfifo(found.gl_pathv[0], 0600), 0);
	globfree(&found);
	alarm(10); /* else it would wait for a reader */
	assert_int_equal(cp_spool_claim(&spool, &like->config, TO, &claim, &got), 0);
	alarm(0);
	cp_spool_release(&claim, 0);
	cp_parcel_free(got);
	cp_parcel_free(like);
}

static void *asks_and_goes(void *held)
{
	struct timespec pause = {.tv_nsec = 5000000};
	const int *fd = held;
	nanosleep(&pause, NULL);
	close(*fd);
	return NULL;
}

/* Another uploader that tidies the spool holds each event to be for a moment. */
static void who_asks_whether_a_writer_lives_is_waited_for(void **state)
{
	struct cp_parcel *like = parcel(1, TO, 1);
	uint64_t dropped = 0;
	pthread_t other;
	char part[400];
	(void)state;
	assert_int_equal(put(2, TO, 100, &dropped), 0);
	snprintf(part, sizeof part, "%s/spool/.%s.event.json.part", base, like->stem);
	int fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(pthread_create(&other, NULL, asks_and_goes, &fd), 0);
	assert_int_equal(put(1, TO, 100, &dropped), 0);
	assert_int_equal(pthread_join(other, NULL), 0);
	cp_parcel_free(like);
}

/* As they were before there could be several: one mark, which holds the address. */
static void old_entries_are_read(void **state)
{
	struct cp_spool spool;
	struct cp_claim claim;
	struct cp_parcel *got, *like = parcel(0, TO, 1);
	uint64_t dropped = 0;
	char command[400];
	(void)state;
	assert_int_equal(put(1, TO, 100, &dropped), 0);
	snprintf(command, sizeof command,
		 "cd %s/spool && rm *.send-to.* && printf %s >app-9-20260413T120001Z-1.send-to",
		 base, TO);
	assert_int_equal(system(command), 0);
	assert_int_equal(cp_spool_open(&spool, &like->config), 0);
	assert_int_equal(cp_spool_claim(&spool, &like->config, "tcp://b:1", &claim, &got), -ENOENT);
	assert_int_equal(cp_spool_claim(&spool, &like->config, TO, &claim, &got), 0);
	cp_spool_release(&claim, 1);
	cp_parcel_free(got);
	assert_int_equal(files("*app*"), 0);
	cp_parcel_free(like);
}

static void a_link_or_a_file_is_no_spool(void **state)
{
	struct cp_spool spool;
	struct cp_config config = {.spool_max_bytes = 1};
	char target[128];
	(void)state;
	snprintf(target, sizeof target, "%s/real", base);
	snprintf(config.spool_dir, sizeof config.spool_dir, "%s/link", base);
	assert_int_equal(mkdir(target, 0700), 0);
	assert_int_equal(symlink(target, config.spool_dir), 0);
	assert_int_not_equal(cp_spool_open(&spool, &config), 0);
	snprintf(config.spool_dir, sizeof config.spool_dir, "/proc/self/exe");
	assert_int_not_equal(cp_spool_open(&spool, &config), 0);
	snprintf(config.spool_dir, sizeof config.spool_dir, "relative");
	assert_int_not_equal(cp_spool_open(&spool, &config), 0);
}

static void a_folder_gets_whole_files(void **state)
{
	struct cp_parcel *p = parcel(3, "", 100);
	char folder[128], file[512];
	struct stat st;
	(void)state;
	snprintf(folder, sizeof folder, "%s/a/b", base);
	mode_t old = umask(077);
	assert_int_equal(cp_folder_write(folder, 0750, p), 0);
	umask(old);
	assert_int_equal(stat(folder, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0750);
	snprintf(file, sizeof file, "%s/%s.cpu.pprof", folder, p->stem);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_true(st.st_size > 100);
	assert_int_equal(cp_folder_write("/proc/none", 0750, p) < 0, 1);
	cp_parcel_free(p);
}

static void names_are_tame(void **state)
{
	char out[8];
	(void)state;
	cp_parcel_name("../a b", out, sizeof out);
	assert_string_equal(out, "_._a_b");
	cp_parcel_name("", out, sizeof out);
	assert_string_equal(out, "_");
	cp_parcel_name("long-name-is-cut", out, sizeof out);
	assert_string_equal(out, "long-na");
}

/* Large debug information is unpacked where the spool is, unless nothing may be put there. */
static void spool_is_where_symbols_are_unpacked(void **state)
{
	struct cp_parcel *p = parcel(1, "", 10);
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct cp_symbols *symbols = cp_symbols_new();
		p->config.spool_max_bytes = i ? 10000 : 0;
		cp_fetch_settings(symbols, &p->config);
		assert_string_equal(symbols->scratches.folder, i ? p->config.spool_dir : "");
		assert_true(symbols->scratches.most == (i ? CP_UNPACK_MOST : 0));
		assert_true(symbols->scratches.above == CP_UNPACK_ABOVE);
		cp_symbols_free(symbols);
	}
	cp_parcel_free(p);
}

int main(void)
{
#define WITH_BASE(test) cmocka_unit_test_setup_teardown(test, make_base, drop_base)
	const struct CMUnitTest tests[] = {
	    WITH_BASE(entries_come_back_oldest_first_to_their_destination),
	    WITH_BASE(the_oldest_make_room_and_are_counted),
	    WITH_BASE(an_entry_stays_until_all_have_it),
	    WITH_BASE(who_comes_later_is_not_forgotten),
	    WITH_BASE(names_taken_by_others_are_left_alone),
	    WITH_BASE(who_asks_whether_a_writer_lives_is_waited_for),
	    WITH_BASE(old_entries_are_read),
	    WITH_BASE(a_link_or_a_file_is_no_spool),
	    WITH_BASE(a_folder_gets_whole_files),
	    cmocka_unit_test(names_are_tame),
	    WITH_BASE(spool_is_where_symbols_are_unpacked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
