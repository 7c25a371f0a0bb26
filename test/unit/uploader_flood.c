/* uploader_flood.c - who sends without end does not keep an uploader from all else. */
/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/unit/unit.h"
#include "uploader/peers.h"
#include "uploader/rendezvous.h"
#include "uploader/rollcall.h"

/* The kernel's, for this test: there is always one more, up to where nobody would wait. */
#define NO_END 1000000
static unsigned heard;

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	static const struct cp_join join = {
	    .magic = CP_MAGIC, .abi = CP_ABI, .pid = CP_PEER_COMMAND};
	(void)fd;
	(void)flags;
	if (++heard > NO_END)
		return -1;
	message->msg_controllen = 0;
	message->msg_flags = 0;
	memcpy(message->msg_iov->iov_base, &join, message->msg_iov->iov_len);
	return (ssize_t)message->msg_iov->iov_len;
}

static void hellos(void **state)
{
	struct cp_family family = {0};
	(void)state;
	heard = 0;
	cp_rollcall_hear(&family, -1);
	assert_true(heard > 100 && heard < NO_END);
	assert_int_equal(family.refused, heard);
}

static void messages(void **state)
{
	struct cp_family family = {0};
	struct cp_peers peers = {.family = &family, .epoll = epoll_create1(EPOLL_CLOEXEC)};
	int pair[2];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	heard = 0;
	cp_peers_add(&peers, pair[0]);
	assert_true(heard > 100 && heard < NO_END);
	assert_int_equal(peers.count, 1);
	cp_peers_close(&peers);
	close(pair[1]);
	close(peers.epoll);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hellos),
	    cmocka_unit_test(messages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
