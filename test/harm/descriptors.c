// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=512
// harm: within 40
// harm: exit 0
// SPDX-License-Identifier: MIT
// A daemon closes every descriptor and opens sockets under the same numbers; threads on new stacks
// exchange bytes through them. A profiler that remembers a number reads or writes there. It hangs
// when life/libunwind.c leaves libunwind's pipe to it (no patch()) and signal/unwind.c its
// access_mem.
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "test/harm/harm.h"

#define ROUNDS 40
#define PAIRS  2
#define BYTES  (16 * 1024)
#define CHUNK  512
#define STACK  (256 * 1024)

struct end {
	int fd;
	unsigned char out, in; /* the first byte each way */
	pthread_t thread;
	void *stack;
};

static void wait_for(int fd, short what)
{
	struct pollfd p = {.fd = fd, .events = what};

	while (poll(&p, 1, -1) < 0)
		HARM_UNLESS(errno == EINTR, "poll: errno %d", errno);
}

/* All n bytes, one way or the other. */
static void move(int fd, unsigned char *bytes, size_t n, int out)
{
	while (n) {
		ssize_t done = out ? write(fd, bytes, n) : read(fd, bytes, n);

		if (done < 0 && errno == EAGAIN) {
			wait_for(fd, out ? POLLOUT : POLLIN);
			continue;
		}
		HARM_UNLESS(done > 0, "descriptor %d: %zd, errno %d", fd, done, errno);
		bytes += done;
		n -= (size_t)done;
	}
}

TRUTH_FRAME static void deep(int n)
{
	void *volatile block = malloc(100);

	if (n)
		deep(n - 1);
	free(block);
	TRUTH_STAY();
}

static void *exchange(void *arg)
{
	struct end *e = arg;
	unsigned char bytes[CHUNK];

	for (size_t at = 0; at < BYTES; at += CHUNK) {
		for (size_t i = 0; i < CHUNK; i++)
			bytes[i] = (unsigned char)(e->out + (at + i) * 7 + (at + i) / 251);
		move(e->fd, bytes, CHUNK, 1);
		deep(20);
		move(e->fd, bytes, CHUNK, 0);
		for (size_t i = 0; i < CHUNK; i++)
			HARM_UNLESS(bytes[i] ==
					(unsigned char)(e->in + (at + i) * 7 + (at + i) / 251),
				    "descriptor %d: byte %zu is %d", e->fd, at + i, bytes[i]);
	}
	truth_burn(8);
	return NULL;
}

static void start(struct end *e)
{
	pthread_attr_t attr;

	e->stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	HARM_UNLESS(e->stack != MAP_FAILED, "no stack");
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, e->stack, STACK);
	HARM_UNLESS(pthread_create(&e->thread, &attr, exchange, e) == 0, "no thread");
	pthread_attr_destroy(&attr);
}

static void one_round(int number)
{
	struct end ends[2 * PAIRS];
	int flags = number % 2 ? SOCK_NONBLOCK : 0;

	for (int i = 0; i < PAIRS; i++) {
		unsigned char one = (unsigned char)(number * 3 + i),
			      other = (unsigned char)(one + 100);
		int fd[2];

		HARM_UNLESS(socketpair(AF_UNIX, SOCK_STREAM | flags, 0, fd) == 0, "no sockets");
		HARM_UNLESS(fd[0] == 3 + 2 * i && fd[1] == 4 + 2 * i, "%d, %d in use", fd[0],
			    fd[1]);
		ends[2 * i] = (struct end){.fd = fd[0], .out = one, .in = other};
		ends[2 * i + 1] = (struct end){.fd = fd[1], .out = other, .in = one};
	}
	for (int i = 0; i < 2 * PAIRS; i++)
		start(&ends[i]);
	for (int i = 0; i < 2 * PAIRS; i++)
		pthread_join(ends[i].thread, NULL);
	for (int i = 0; i < 2 * PAIRS; i++) {
		unsigned char more;

		/* Nothing is left over: nobody wrote a byte that was not ours. */
		HARM_UNLESS(recv(ends[i].fd, &more, 1, MSG_DONTWAIT) < 0, "a byte too many: %d",
			    more);
		munmap(ends[i].stack, STACK);
	}
	for (int i = 0; i < 2 * PAIRS; i++)
		close(ends[i].fd);
}

int main(void)
{
	deep(50);
	truth_burn(50);
	closefrom(3);
	for (int i = 0; i < ROUNDS; i++)
		one_round(i);
	return 0;
}
