/* encoder_scratch.c - compressed debug information unpacked on disk: the same lines, once, and no
 * more than there is room for. */
/* SPDX-License-Identifier: MIT */
#include <sys/resource.h>

#include "test/unit/packed.h"

static void same_lines_as_uncompressed(void **state)
{
	static const char *const names[] = {"packed.so", "bare.so"};
	(void)state;
	need_disk();
	const struct sums plain = plain_sums();
	for (int i = 0; i < 2; i++) {
		struct cp_symbols *symbols = symbols_with(0, MOST);
		const struct sums sums = ask(symbols, names[i]);
		assert_memory_equal(&sums, &plain, sizeof(sums));
		assert_int_equal(sayings, 1);
		assert_non_null(strstr(said, "is unpacked on disk: 0 MB, "));
		assert_int_equal(symbols->scratches.files[0].readers, 1);
		assert_true(symbols->cpu_ns >= symbols->scratches.cpu_ns);
		assert_true(symbols->scratches.cpu_ns > 0);
		assert_int_equal(count_files(), 0);
		cp_symbols_free(symbols);
		assert_int_equal(count_files(), 0);
	}
}

/* Below the bound, and without a folder, it is libdw that unpacks. */
static void small_ones_are_left_to_libdw(void **state)
{
	const struct sums plain = plain_sums();
	struct cp_symbols *symbols = symbols_with(CP_UNPACK_ABOVE, CP_UNPACK_MOST);
	(void)state;
	const struct sums sums = ask(symbols, "packed.so");
	assert_memory_equal(&sums, &plain, sizeof(sums));
	assert_int_equal(sayings, 0);
	assert_int_equal(symbols->scratches.files[0].inode, 0);
	cp_symbols_free(symbols);
	symbols = symbols_with(0, MOST);
	cp_symbols_unpack(symbols, "", 0, MOST);
	assert_int_equal(ask(symbols, "packed.so").lines, 0);
	assert_non_null(strstr(said, "takes 0 MB when it is unpacked: no lines"));
	cp_symbols_free(symbols);
}

/* Closed and opened again it is not unpacked again, until nobody wanted it for an hour. */
static void it_is_done_once(void **state)
{
	(void)state;
	need_disk();
	struct cp_symbols *symbols = symbols_with(0, MOST);
	const struct cp_scratch *first = &symbols->scratches.files[0];
	const struct sums sums = ask(symbols, "packed.so");
	forget(symbols);
	cp_symbols_rest(symbols, HOUR);
	assert_int_equal(first->readers, 0);
	assert_true(first->size > 0 && symbols->scratches.size == first->size);
	assert_int_equal(ask(symbols, "packed.so").inlined, sums.inlined);
	assert_int_equal(first->readers, 1);
	assert_int_equal(sayings, 1);
	cp_symbols_rest(symbols, 3 * HOUR);
	forget(symbols);
	cp_symbols_rest(symbols, 4 * HOUR);
	assert_true(first->size > 0);
	cp_symbols_rest(symbols, 4 * HOUR + 1);
	assert_int_equal(first->inode, 0);
	assert_int_equal(symbols->scratches.size, 0);
	assert_int_equal(ask(symbols, "packed.so").inlined, sums.inlined);
	assert_int_equal(sayings, 2);
	cp_symbols_free(symbols);
}

static void no_more_than_is_allowed(void **state)
{
	struct rlimit before, limit;
	(void)state;
	need_disk();
	ask_refused(symbols_with(0, 4096), "packed.so", ", more than there may be on disk: no");
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 4096;
	setrlimit(RLIMIT_FSIZE, &limit);
	ask_refused(symbols_with(0, MOST), "packed.so", ", and the spool's disk has no room for");
	setrlimit(RLIMIT_FSIZE, &before);
	struct cp_symbols *symbols = symbols_with(0, MOST);
	cp_symbols_unpack(symbols, path_of("nowhere"), 0, MOST);
	ask_refused(symbols, "packed.so", ", and the spool's disk has no room for it: no lines");
	symbols = symbols_with(0, MOST);
	cp_symbols_limit(symbols, 1 << 20, 0);
	assert_int_equal(ask(symbols, "packed.so").lines, 0);
	assert_non_null(strstr(said, ", and that takes too long: no lines"));
	assert_int_equal(symbols->scratches.size, 0);
	cp_symbols_free(symbols);
}

static void memory_is_no_disk(void **state)
{
	struct statfs disk;
	(void)state;
	if (statfs("/dev/shm", &disk) || disk.f_type != TMPFS_MAGIC || access("/dev/shm", W_OK))
		skip();
	struct cp_symbols *symbols = symbols_with(0, MOST);
	cp_symbols_unpack(symbols, "/dev/shm", 0, MOST);
	ask_refused(symbols, "packed.so", ", and the spool's disk has no room for it: no lines");
}

/* Of what nobody reads the oldest makes room; what is read is left. */
static void oldest_makes_room(void **state)
{
	(void)state;
	need_disk();
	shell("cp packed.so 1.so && cp packed.so 2.so && cp packed.so 3.so");
	struct cp_elf source[3], file[3];
	struct cp_scratch *at[3];
	enum cp_inflated how;
	struct cp_symbols *symbols = symbols_with(0, MOST);
	struct cp_scratches *all = &symbols->scratches;
	all->cpu_ns_max = all->spent_ns_max = 10 * SECOND;
	for (int i = 0; i < 3; i++) {
		char name[] = {(char)('1' + i), '.', 's', 'o', 0};
		assert_int_equal(cp_elf_open(path_of(name), &source[i]), 0);
	}
	at[0] = cp_scratch_open(all, &source[0], &file[0], &how);
	at[1] = cp_scratch_open(all, &source[1], &file[1], &how);
	assert_non_null(at[0]);
	assert_non_null(at[1]);
	all->most = all->size + at[0]->size / 2;
	assert_null(cp_scratch_open(all, &source[2], &file[2], &how));
	assert_int_equal(how, CP_INFLATE_NO_ROOM);
	/* that is remembered until it is looked for as another file */
	assert_int_equal(futimens(source[2].fd, NULL), 0);
	cp_scratch_close(at[1], &file[1]);
	at[2] = cp_scratch_open(all, &source[2], &file[2], &how);
	assert_non_null(at[2]);
	assert_int_equal(at[1]->inode, 0);
	assert_true(at[0]->inode && at[0]->size == at[2]->size);
	assert_int_equal(all->size, 2 * at[0]->size);
	cp_scratch_close(at[0], &file[0]);
	cp_scratch_close(at[2], &file[2]);
	for (int i = 0; i < 3; i++)
		cp_elf_close(&source[i]);
	cp_symbols_free(symbols);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(same_lines_as_uncompressed),
	    cmocka_unit_test(small_ones_are_left_to_libdw),
	    cmocka_unit_test(it_is_done_once),
	    cmocka_unit_test(no_more_than_is_allowed),
	    cmocka_unit_test(memory_is_no_disk),
	    cmocka_unit_test(oldest_makes_room),
	};
	return cmocka_run_group_tests(tests, make_library, workshop_close);
}
