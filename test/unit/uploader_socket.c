/* uploader_socket.c - proves socket: the file of a unix socket, and whose place it takes. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"
#include "uploader/socket.h"

static char folder[64];

static int open_path(const char *name, struct cp_socket *socket)
{
	struct cp_endpoint at;
	char text[128];
	snprintf(text, sizeof text, "unix://%s/%s", folder, name);
	assert_int_equal(cp_endpoint_parse(text, &at), 0);
	return cp_socket_open(socket, &at);
}

static void a_unix_socket_takes_nobodys_place(void **state)
{
	struct cp_socket one, two;
	const struct timespec pause = {.tv_nsec = 50000000};
	struct stat st;
	char path[128];
	(void)state;
	umask(0);
	strcpy(folder, "/tmp/conprof-unit-XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(open_path("s", &one), 0);
	snprintf(path, sizeof path, "%s/s", folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	assert_int_equal(open_path("s", &two), -EADDRINUSE);
	assert_int_equal(two.fd, -1);
	close(one.fd);		 /* killed: the file stays */
	nanosleep(&pause, NULL); /* of another time than the next */
	assert_int_equal(open_path("s", &two), 0);
	cp_socket_remove(&one); /* not its own any more */
	assert_int_equal(stat(path, &st), 0);
	cp_socket_remove(&two);
	assert_int_equal(stat(path, &st), -1);
	close(two.fd);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)); // NOLINT(android-*)
	assert_int_equal(open_path("s", &one), -EEXIST);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(open_path("nowhere/s", &one), -ENOENT);
	assert_int_equal(chmod(folder, 0777), 0); /* whoever likes may put another one there */
	assert_int_equal(open_path("t", &one), -EPERM);
	assert_int_equal(chmod(folder, 01777), 0);
	assert_int_equal(open_path("t", &one), 0);
	cp_socket_remove(&one);
	close(one.fd);
	unlink(path);
	assert_int_equal(rmdir(folder), 0);
}

static void a_port_is_taken_once(void **state)
{
	struct cp_endpoint at;
	struct cp_socket one, two;
	(void)state;
	assert_int_equal(cp_endpoint_parse("127.0.0.1:0", &at), 0);
	assert_int_equal(cp_socket_open(&one, &at), 0);
	assert_int_not_equal(one.is.at.v4.sin_port, 0);
	assert_true(fcntl(one.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(cp_socket_open(&two, &one.is), -EADDRINUSE);
	close(one.fd);
	assert_int_equal(cp_socket_open(&two, &one.is), 0);
	close(two.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_unix_socket_takes_nobodys_place),
	    cmocka_unit_test(a_port_is_taken_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
