// harm: build -lrt
// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: within 90
// harm: slow
// harm: cpu total = printed cpu_ns +-20%
// harm: exit 0
// SPDX-License-Identifier: MIT
// The rest of the calls that are never started again: System V's messages and semaphores, sleeps,
// io_getevents; and futexes, named semaphores, message queues. A quarter of a million, under a
// thousand ticks a second, and none ends with EINTR. It fails when arm_own of signal/timer.c takes
// CLOCK_MONOTONIC.
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <semaphore.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

#include "test/harm/eintr/eintr.h"

#define TIMES 27000

/* ---- System V ---- */

struct message {
	long type;
	char text[8];
};

/* Room for two, so both sides wait for each other. */
static void queue(struct lane *l)
{
	struct msqid_ds limits;

	l->fd[0] = msgget(IPC_PRIVATE, 0600);
	HARM_UNLESS(l->fd[0] >= 0 && msgctl(l->fd[0], IPC_STAT, &limits) == 0, "no queue");
	limits.msg_qbytes = 16;
	HARM_UNLESS(msgctl(l->fd[0], IPC_SET, &limits) == 0, "no limit");
}

static void remove_queue(struct lane *l)
{
	msgctl(l->fd[0], IPC_RMID, NULL);
}

static int do_msgrcv(struct lane *l)
{
	struct message message;

	return failed(msgrcv(l->fd[0], &message, sizeof message.text, 0, 0));
}

/* In the control nobody takes them, so the third waits. */
static int do_msgsnd(struct lane *l)
{
	struct message message = {.type = 1};
	int error = 0;

	for (int i = 0; i < (l->us == LONG ? 3 : 1) && !error; i++)
		error = failed(msgsnd(l->fd[0], &message, sizeof message.text, 0));
	return error;
}

static void sends(struct lane *l)
{
	while (do_msgsnd(l) == 0)
		;
}

static void takes(struct lane *l)
{
	while (do_msgrcv(l) == 0)
		;
}

static void semaphores(struct lane *l)
{
	l->fd[0] = semget(IPC_PRIVATE, 2, 0600);
	HARM_UNLESS(l->fd[0] >= 0, "no semaphores");
}

static void remove_semaphores(struct lane *l)
{
	semctl(l->fd[0], 0, IPC_RMID);
}

static int down(struct lane *l, unsigned short number, const struct timespec *t)
{
	struct sembuf by = {number, -1, 0};

	return failed(t ? semtimedop(l->fd[0], &by, 1, t) : semop(l->fd[0], &by, 1));
}

static int up(struct lane *l, unsigned short number)
{
	struct sembuf by = {number, 1, 0};

	return failed(semop(l->fd[0], &by, 1));
}

static void answers(struct lane *l)
{
	while (down(l, 0, NULL) == 0 && up(l, 1) == 0)
		;
}

static int do_semop(struct lane *l)
{
	if (l->us != LONG)
		up(l, 0);
	return down(l, 1, NULL);
}

static int do_semtimedop(struct lane *l)
{
	struct timespec t = span(LONG);

	if (l->us != LONG)
		up(l, 0);
	return down(l, 1, &t);
}

/* ---- sleeps ---- */

static int do_nanosleep(struct lane *l)
{
	struct timespec t = span(l->us), rest;

	return failed(nanosleep(&t, &rest));
}

static int do_clock_nanosleep(struct lane *l)
{
	struct timespec t = span(l->us);

	if (l->turn % 2 == 0)
		return clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += 2000;
	if (t.tv_nsec >= 1000000000)
		t = (struct timespec){t.tv_sec + 1, 0};
	return clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL);
}

static int do_usleep(struct lane *l)
{
	return failed(usleep((useconds_t)l->us));
}

static int do_sleep(struct lane *l)
{
	return sleep(l->us == LONG ? LONG / 1000000 : 1) ? EINTR : 0;
}

/* ---- and others ---- */

static void aio(struct lane *l)
{
	aio_context_t context = 0;

	l->fd[0] = l->fd[1] = 0;
	if (syscall(SYS_io_setup, 8, &context) == 0)
		memcpy(l->fd, &context, sizeof context);
}

/* Where there is no asynchronous I/O, another sleep. */
static int do_io_getevents(struct lane *l)
{
	struct timespec t = span(l->us);
	aio_context_t context;
	struct io_event event;

	memcpy(&context, l->fd, sizeof context);
	if (!context)
		return do_nanosleep(l);
	return failed(syscall(SYS_io_getevents, context, 1, 1, &event, &t));
}

static int do_futex(struct lane *l)
{
	struct timespec t = span(l->us);
	uint32_t word = 7;
	int error = failed(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 7, &t, NULL, 0));

	return error == ETIMEDOUT ? 0 : error;
}

static struct timespec from_now(long us)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += us / 1000000 + (t.tv_nsec + us % 1000000 * 1000) / 1000000000;
	t.tv_nsec = (t.tv_nsec + us % 1000000 * 1000) % 1000000000;
	return t;
}

static int do_sem_timedwait(struct lane *l)
{
	struct timespec t = from_now(l->us);
	sem_t semaphore;
	int error;

	sem_init(&semaphore, 0, 0);
	error = failed(sem_timedwait(&semaphore, &t));
	return error == ETIMEDOUT ? 0 : error;
}

static void mail(struct lane *l)
{
	struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 8};
	char name[40];

	snprintf(name, sizeof name, "/harm-%d-%ld", (int)getpid(), syscall(SYS_gettid));
	l->fd[0] = mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attr);
	mq_unlink(name);
}

static int do_mq_timedreceive(struct lane *l)
{
	struct timespec t = from_now(l->us);
	char text[8];
	int error;

	if (l->fd[0] < 0)
		return do_nanosleep(l);
	error = failed(mq_timedreceive(l->fd[0], text, sizeof text, NULL, &t));
	return error == ETIMEDOUT ? 0 : error;
}

int main(void)
{
	const struct call calls[] = {
	    {"msgrcv", TIMES, do_msgrcv, queue, sends, remove_queue},
	    {"msgsnd", TIMES, do_msgsnd, queue, takes, remove_queue},
	    {"semop", TIMES, do_semop, semaphores, answers, remove_semaphores},
	    {"semtimedop", TIMES, do_semtimedop, semaphores, answers, remove_semaphores},
	    {"nanosleep", TIMES, do_nanosleep, NULL, NULL, NULL},
	    {"clock_nanosleep", TIMES, do_clock_nanosleep, NULL, NULL, NULL},
	    {"usleep", TIMES, do_usleep, NULL, NULL, NULL},
	    {"sleep", 4, do_sleep, NULL, NULL, NULL},
	    {"io_getevents", TIMES, do_io_getevents, aio, NULL, NULL},
	    {"futex", TIMES, do_futex, NULL, NULL, NULL},
	    {"sem_timedwait", TIMES, do_sem_timedwait, NULL, NULL, NULL},
	    {"mq_timedreceive", TIMES, do_mq_timedreceive, mail, NULL, NULL},
	};

	return eintr_main(calls, sizeof calls / sizeof *calls);
}
