/* uploader_folder.c - profiles in folders of file systems that cannot do all that is asked. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test/unit/unit.h"
#include "uploader/address.h"
#include "uploader/folder.h"
#include "uploader/mailroom.h"

/* In libc's place: what it says of a folder, and of a file; 0: what the kernel says. */
static int of_folder, of_file;

int fsync(int fd)
{
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	int error = S_ISDIR(st.st_mode) ? of_folder : of_file;
	errno = error;
	return error ? -1 : (int)syscall(SYS_fsync, fd);
}

static struct cp_parcel *parcel_for(const char *dir)
{
	struct cp_parcel *parcel = cp_parcel_new();
	assert_non_null(parcel);
	strcpy(parcel->stem, "app-00000000-1-20260413T120000Z-0");
	snprintf(parcel->config.spool_dir, sizeof parcel->config.spool_dir, "%s/spool", dir);
	parcel->config.spool_max_bytes = 1 << 20;
	parcel->profiles[CP_PROFILE_CPU] = (struct cp_bytes){(uint8_t *)strdup("bare"), 4};
	cp_text_add(&parcel->event, "{\"attachments\":[\"cpu.pprof\"]}\n");
	return parcel;
}

/* SMB and 9p bring no folder to the disk, and say EINVAL. */
static void a_folder_need_not_come_to_the_disk(void **state)
{
	const char *dir = *state;
	struct cp_parcel *parcel = parcel_for(dir);
	char to[1][CP_DESTINATION_LEN + 1] = {"http://127.0.0.1:9"};
	struct cp_spool spool;
	struct cp_claim claim;
	of_folder = EINVAL;
	assert_int_equal(cp_folder_write(dir, 0750, parcel), 0);
	assert_int_equal(cp_spool_open(&spool, &parcel->config), 0);
	assert_int_equal(cp_spool_put(&spool, parcel, to, 1, 1, &claim), 0);
	assert_int_equal(cp_spool_settle(&claim), 0);
	cp_spool_release(&claim, 1);
	of_folder = EIO;
	assert_int_equal(cp_folder_write(dir, 0750, parcel), -EIO);
	of_folder = 0;
	cp_parcel_free(parcel);
}

/* An entry that is in the spool is not lost because a disk does not want to have it yet. */
static void what_is_there_is_not_lost(void **state)
{
	struct cp_mailroom room = {.log = cp_log_new()};
	struct cp_errand errand = {.parcel = parcel_for(*state)};
	char to[1][CP_DESTINATION_LEN + 1] = {"http://127.0.0.1:9"};
	struct cp_spool spool;
	cp_ledger_init(&room.ledger);
	pthread_mutex_init(&room.keeping, NULL);
	assert_int_equal(cp_spool_open(&spool, &errand.parcel->config), 0);
	assert_int_equal(cp_spool_put(&spool, errand.parcel, to, 1, 0, &errand.claim), 0);
	of_file = EIO;
	assert_int_equal(cp_mailroom_keep(&room, to[0], &errand), CP_LEDGER_SPOOLED);
	of_file = 0;
	assert_int_equal(cp_spool_waiting(&spool, cp_address_number(to[0])), 1);
	assert_int_equal(cp_ledger_get(&room.ledger, CP_LEDGER_DROPPED), 0);
	cp_ledger_destroy(&room.ledger);
	cp_log_free(room.log);
	cp_parcel_free(errand.parcel);
}

static int make(void **state)
{
	static char dir[] = "/tmp/conprof-folder-XXXXXX";
	*state = mkdtemp(dir);
	return *state ? 0 : -1;
}

static int clear(void **state)
{
	char command[64];
	snprintf(command, sizeof command, "rm -r %s", (const char *)*state);
	return system(command); /* NOLINT */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_folder_need_not_come_to_the_disk),
	    cmocka_unit_test(what_is_there_is_not_lost),
	};
	return cmocka_run_group_tests(tests, make, clear);
}
