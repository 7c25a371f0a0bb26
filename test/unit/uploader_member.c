/* uploader_member.c - what a process costs those that deliver. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test/unit/fake_recording.h"
#include "test/unit/unit.h"
#include "uploader/member.h"

/* Where there are few descriptors, processes do not take those that deliver. */
static void descriptors_are_left(void **state)
{
	struct rlimit before, few;
	struct fake fake;
	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit){64, before.rlim_max};
	for (int number = 31; number <= 32; number++) {
		struct cp_view *view;
		char why[200];
		size_t room = CP_CODE_ROOM;
		fake_new(&fake);
		assert_int_equal(cp_view_open(fake.fd, &view, why, sizeof why), 0);
		int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
		int high = fcntl(pidfd, F_DUPFD_CLOEXEC, number);
		assert_int_equal(high, number);
		close(pidfd);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		struct cp_member *member = cp_member_new(view, getpid(), high, &room);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		assert_non_null(member);
		assert_int_equal(member->source.fd, number < 32 ? number : -1);
		assert_int_equal(fcntl(number, F_GETFD) >= 0, number < 32);
		assert_false(cp_member_is_over(member));
		cp_member_free(member);
		fake_free(&fake);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(descriptors_are_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
