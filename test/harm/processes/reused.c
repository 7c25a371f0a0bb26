// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=2048
// harm: run closefrom closefrom
// harm: run range range
// harm: run loop loop
// harm: slow
// harm: within 60
// harm: same
// harm: exit 0
// SPDX-License-Identifier: MIT
// All descriptors from 3 on are closed, in three ways, over and over; under the same numbers a
// megabyte then goes through sockets, to a thread and to a child, and its sum must be right. Who
// keeps a descriptor writes or reads there. We keep none, so this cannot fail; libunwind
// would (life/libunwind.c), as descriptors.c shows.
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

#define BYTES  (1024 * 1024)
#define ROUNDS 4

static void close_all(const char *way)
{
	if (strcmp(way, "closefrom") == 0)
		closefrom(3);
	else if (strcmp(way, "range") == 0)
		HARM_UNLESS(close_range(3, ~0u, 0) == 0, "close_range: %d", errno);
	else
		for (int fd = 3; fd < 4096; fd++)
			close(fd);
}

TRUTH_FRAME static void deep(int n)
{
	void *volatile block = malloc(300);

	if (n)
		deep(n - 1);
	free(block);
	TRUTH_STAY();
}

struct end {
	int fd;
	unsigned sum;
};

static void *sender(void *arg)
{
	struct end *end = arg;
	unsigned char bytes[777];
	unsigned state = 12345;

	for (size_t left = BYTES; left;) {
		size_t n = left < sizeof bytes ? left : sizeof bytes;

		for (size_t i = 0; i < n; i++) {
			state = state * 1103515245u + 12345u;
			bytes[i] = (unsigned char)(state >> 16);
			end->sum = end->sum * 31u + bytes[i];
		}
		for (size_t at = 0; at < n;) {
			ssize_t did = write(end->fd, bytes + at, n - at);

			HARM_UNLESS(did > 0, "write: %zd, errno %d", did, errno);
			at += (size_t)did;
		}
		left -= n;
		if (left % 4 == 0)
			deep(15);
	}
	shutdown(end->fd, SHUT_WR);
	return NULL;
}

static unsigned receive(int fd)
{
	unsigned char bytes[1000];
	unsigned sum = 0;
	size_t all = 0;
	ssize_t did;

	while ((did = read(fd, bytes, sizeof bytes)) > 0) {
		for (ssize_t i = 0; i < did; i++)
			sum = sum * 31u + bytes[i];
		all += (size_t)did;
		if (all % 3 == 0)
			deep(15);
	}
	HARM_UNLESS(did == 0 && all == BYTES, "read: %zd, errno %d, after %zu bytes", did, errno,
		    all);
	return sum;
}

/* The receiver is this thread, or a child of its own. */
static void exchange(const char *way, int by_child)
{
	struct end end = {0, 0};
	unsigned sum = 0;
	pthread_t thread;
	int pair[2], status = 0;
	pid_t pid = 0;

	close_all(way);
	HARM_UNLESS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "no sockets");
	printf("%d and %d", pair[0], pair[1]);
	fflush(stdout);
	end.fd = pair[0];
	if (by_child) {
		pid = fork();
		if (pid == 0) {
			close(pair[0]);
			sum = receive(pair[1]);
			printf(": %u", sum);
			fflush(stdout);
			_exit(3);
		}
	}
	HARM_UNLESS(pthread_create(&thread, NULL, sender, &end) == 0, "no thread");
	if (!by_child)
		sum = receive(pair[1]);
	pthread_join(thread, NULL);
	if (by_child)
		HARM_UNLESS(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 3,
			    "the child ended with %#x", (unsigned)status);
	HARM_UNLESS(by_child || sum == end.sum, "%u was sent, %u came", end.sum, sum);
	printf(": %u sent, next %d\n", end.sum, dup(1));
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "closefrom";

	deep(50);
	truth_burn(30);
	for (int i = 0; i < ROUNDS; i++)
		exchange(way, i % 2);
	return 0;
}
