/* signal_ledger.c - which entry of the ledger an object gets that comes to a place. */
/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <unistd.h>

#include "signal/ledger.h"
#include "signal/recording.h"
#include "test/unit/unit.h"

static _Alignas(4096) char place[8192];
static const ElfW(Phdr) headers[] = {
    {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_memsz = sizeof place},
    {.p_type = PT_NOTE, .p_memsz = 20},
};

/* An object at the place, of this build-id. */
static struct dl_phdr_info object(unsigned char id)
{
	const ElfW(Nhdr) note = {.n_namesz = 4, .n_descsz = 4, .n_type = NT_GNU_BUILD_ID};

	memcpy(place, &note, sizeof note);
	memcpy(place + sizeof note, "GNU", 4);
	memset(place + sizeof note + 4, id, 4);
	return (struct dl_phdr_info){
	    .dlpi_addr = (uintptr_t)place, .dlpi_phdr = headers, .dlpi_phnum = 2};
}

static struct cp_recording *make(void **state)
{
	int fd;
	struct cp_recording *rec = cp_recording_make(&fd);

	(void)state;
	assert_non_null(rec);
	close(fd);
	return rec;
}

static void test_the_same_again_is_the_old_entry(void **state)
{
	struct cp_recording *rec = make(state);
	struct dl_phdr_info info = object(1);
	uint64_t pc = (uintptr_t)place + 100;

	cp_ledger_add(rec, &info, "/a");
	assert_true(cp_ledger_knows(rec, pc));
	cp_ledger_end(rec, info.dlpi_addr);
	assert_false(cp_ledger_knows(rec, pc));
	assert_true(cp_ledger_misleads(rec, pc));
	cp_ledger_add(rec, &info, "/a");
	assert_true(cp_ledger_knows(rec, pc));
	assert_false(cp_ledger_misleads(rec, pc));
	assert_int_equal(rec->modules_used, 1);
	assert_int_equal(rec->epoch, 0);
	cp_recording_drop(rec);
}

static void test_a_file_built_anew_is_another(void **state)
{
	struct cp_recording *rec = make(state);
	struct dl_phdr_info info = object(1);

	cp_ledger_add(rec, &info, "/a");
	cp_ledger_end(rec, info.dlpi_addr);
	info = object(2);
	cp_ledger_add(rec, &info, "/a");
	assert_int_equal(rec->modules_used, 2);
	assert_int_equal(rec->epoch, 1);
	cp_recording_drop(rec);
}

/* A segment may say that it is all notes, and be all zeros: that many are not looked at. */
static void test_notes_without_end(void **state)
{
	struct cp_recording *rec = make(state);
	const struct cp_module *m = (const void *)((const char *)rec + rec->modules.at);
	ElfW(Phdr) some[2] = {headers[0], headers[1]};
	struct dl_phdr_info info;

	for (unsigned notes = 0; notes < 500; notes += 125) {
		size_t empty = notes * sizeof(ElfW(Nhdr));

		info = object(1);
		memmove(place + empty, place, 20);
		memset(place, 0, empty);
		info.dlpi_phdr = some;
		some[1].p_memsz = empty + 20;
		rec->modules_used = 0;
		cp_ledger_add(rec, &info, "/a");
		assert_int_equal(m->build_id_len, notes <= 250 ? 4 : 0);
	}
	some[1].p_memsz = UINT64_MAX - 100; /* it ends before it begins */
	rec->modules_used = 0;
	cp_ledger_add(rec, &info, "/a");
	assert_int_equal(m->build_id_len, 0);
	cp_recording_drop(rec);
}

static void test_what_ended_before_the_epoch_misleads_nobody(void **state)
{
	struct cp_recording *rec = make(state);
	struct dl_phdr_info info = object(1);
	uint64_t pc = (uintptr_t)place + 100;

	cp_ledger_add(rec, &info, "/a");
	cp_ledger_end(rec, info.dlpi_addr);
	cp_ledger_turn(rec);
	assert_false(cp_ledger_misleads(rec, pc));
	cp_recording_drop(rec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_same_again_is_the_old_entry),
	    cmocka_unit_test(test_a_file_built_anew_is_another),
	    cmocka_unit_test(test_notes_without_end),
	    cmocka_unit_test(test_what_ended_before_the_epoch_misleads_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
