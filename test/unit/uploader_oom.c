/* uploader_oom.c - which cgroup counts, what its file says, and whose a step of the counter is. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"
#include "uploader/oom.h"

static void only_the_counter_is_read(void **state)
{
	static const struct {
		const char *text;
		int64_t count;
	} rows[] = {
	    {"low 0\nhigh 0\nmax 11\noom 2\noom_kill 1\noom_group_kill 0\n", 1},
	    {"oom_kill_disable 1\nunder_oom 0\noom_kill 34\n", 34},
	    {"oom_kill 0", 0},
	    {"oom_kill 999999999999999999\n", 999999999999999999},
	    {"oom_kill 9999999999999999999\n", -1},
	    {"oom_kill -1\n", -1},
	    {"oom_kill \n", -1},
	    {"oom_kill 1x\n", -1},
	    {"oom_kill 0x10\n", -1},
	    {"oom_kill  1\n", -1},
	    {"max_oom_kill 1\n", -1},
	    {"oom_kill\n1\n", -1},
	    {"\n\n\noom_kill 5\n\n", 5},
	    {"oom_kil", -1},
	    {"", -1},
	    {"\xff\xfe\x01", -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(cp_oom_parse(rows[i].text), rows[i].count);
}

static void the_memory_cgroup_is_found(void **state)
{
	static const char v1[] = "9:name=systemd:/s\n4:cpu,memory:/a/b\n0::/u\n";
	static const char v2[] = "0::/x/y.service\n";
	static const struct {
		const char *mount, *cgroups, *folder;
		int version;
	} rows[] = {
	    {"31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,cpu,memory\n", v1,
	     "/sys/fs/cgroup/memory/a/b", 1},
	    {"31 30 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n", v1, NULL, 1},
	    {"31 30 0:27 / /c rw - cgroup cgroup rw,xmemory,memoryx\n", v1, NULL, 1},
	    {"31 30 0:27 /a /c rw shared:3 - cgroup cgroup rw,memory\n", v1, "/c/b", 1},
	    {"31 30 0:27 /a/b /c rw - cgroup cgroup rw,memory\n", v1, "/c", 1},
	    {"31 30 0:27 /a/bc /c rw - cgroup cgroup rw,memory\n", v1, NULL, 1},
	    {"31 30 0:27 /a/ /c rw - cgroup cgroup rw,memory\n", v1, NULL, 1},
	    {"31 30 0:27 / /c\\040d rw - cgroup2 none rw\n", v1, "/c d/u", 2},
	    {"31 30 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n", v2,
	     "/sys/fs/cgroup/x/y.service", 2},
	    {"31 30 0:27 / /c rw - cgroup2 none rw", "0::/../../z\n", NULL, 2},
	    {"31 30 0:27 / /c rw - cgroup2 none rw", "0:/z\n1\n:\n::\n", NULL, 2},
	    {"31 30 0:27 / /c rw - cgroup2 none rw", "", NULL, 2},
	    {"31 30 0:27 / /c rw - tmpfs tmpfs rw,memory", v1, NULL, 0},
	    {" - cgroup2", v1, NULL, 0},
	    {"cgroup2", v1, NULL, 0},
	    {"", v1, NULL, 0},
	};
	char folder[64];
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int version = 0;
		int found =
		    cp_oom_folder(rows[i].mount, rows[i].cgroups, folder, sizeof folder, &version);
		assert_int_equal(found, rows[i].folder != NULL);
		if (!found)
			continue;
		assert_string_equal(folder, rows[i].folder);
		assert_int_equal(version, rows[i].version);
	}
	char tight[8];
	int version;
	assert_false(cp_oom_folder(rows[0].mount, v1, tight, sizeof tight, &version));
}

static void count_to(const char *folder, int n)
{
	char path[96];
	snprintf(path, sizeof path, "%s/memory.events", folder);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file, "oom 7\noom_kill %d\n", n);
	fclose(file);
}

static void a_step_belongs_to_one(void **state)
{
	char folder[] = "/tmp/conprof-oom-XXXXXX", mounts[128], path[96];
	struct cp_ooms ooms = {0};
	(void)state;
	assert_non_null(mkdtemp(folder));
	count_to(folder, 5);
	snprintf(mounts, sizeof mounts, "1 1 0:1 / %s rw - cgroup2 none rw\n", folder);
	ooms.mounts = strdup(mounts);
	struct cp_oom *oom = cp_oom_watch(&ooms, "0::/\n");
	assert_non_null(oom);
	assert_ptr_equal(cp_oom_watch(&ooms, "0::/\n"), oom);
	assert_ptr_not_equal(cp_oom_watch(&ooms, "0::/nowhere\n"), oom);
	assert_int_equal(ooms.count, 2);
	/* what was counted before it came is not its own */
	assert_false(cp_oom_claim(oom, 1));
	count_to(folder, 7);
	assert_true(cp_oom_claim(oom, 2));
	cp_oom_look(&ooms, 3);
	assert_true(cp_oom_claim(oom, 4));
	assert_false(cp_oom_claim(oom, 5));
	/* nor is what was counted long ago */
	count_to(folder, 8);
	cp_oom_look(&ooms, 10);
	cp_oom_look(&ooms, 11 + CP_OOM_NS);
	assert_false(cp_oom_claim(oom, 12 + CP_OOM_NS));
	/* the cgroup is gone */
	count_to(folder, 9);
	snprintf(path, sizeof path, "%s/memory.events", folder);
	assert_int_equal(truncate(path, 0), 0);
	assert_false(cp_oom_claim(oom, 20 + CP_OOM_NS));
	assert_false(cp_oom_claim(NULL, 1));
	cp_oom_leave(&ooms, oom);
	assert_int_equal(ooms.count, 2);
	cp_oom_leave(&ooms, oom);
	cp_oom_leave(&ooms, ooms.first);
	assert_int_equal(ooms.count, 0);
	cp_ooms_free(&ooms);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

static void our_own_is_looked_at(void **state)
{
	struct cp_ooms ooms = {0};
	(void)state;
	struct cp_oom *oom = cp_oom_join(&ooms, getpid());
	assert_false(cp_oom_claim(oom, 1));
	cp_oom_leave(&ooms, oom);
	assert_null(cp_oom_join(&ooms, 0x7ffffffe));
	cp_ooms_free(&ooms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_the_counter_is_read),
	    cmocka_unit_test(the_memory_cgroup_is_found),
	    cmocka_unit_test(a_step_belongs_to_one),
	    cmocka_unit_test(our_own_is_looked_at),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
