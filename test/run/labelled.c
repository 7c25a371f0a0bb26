// labelled.c - threads with names: some short, some called anew, ten thousand, two of one number.
// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "test/truth/truth.h"

#define BLOCKS 200
#define SHORT  40

struct task {
	const char *name, *later; // later: what it is called for its second half
	uint64_t ms;
	int stays;
};

static void *volatile keep;

static uint64_t tid(void)
{
	return (uint64_t)syscall(SYS_gettid);
}

static void print_of(const char *name, const char *what, uint64_t value)
{
	char text[40];

	snprintf(text, sizeof text, "%s_%s", name, what);
	for (char *at = text; *at; at++)
		if (*at == ' ')
			*at = '-';
	truth_print(text, value);
}

static void allocate(void)
{
	for (int i = 0; i < BLOCKS; i++) {
		keep = malloc(100000);
		free(keep);
	}
}

static void *run(void *arg)
{
	const struct task *task = arg;

	if (task->name)
		pthread_setname_np(pthread_self(), task->name);
	allocate();
	truth_burn(task->ms);
	if (task->later) {
		pthread_setname_np(pthread_self(), task->later);
		truth_burn(task->ms);
	}
	if (task->stays)
		truth_hold();
	if (task->ms > 10) {
		const char *name = task->later ? task->later : task->name ? task->name : "main";

		print_of(name, "tid", tid());
		print_of(name, "ns", truth_clock(CLOCK_THREAD_CPUTIME_ID));
	}
	return NULL;
}

// Each for itself, so that what is measured is one thread's.
static void one(const struct task *task)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, (void *)task) == 0)
		pthread_join(thread, NULL);
}

static int names(void)
{
	const struct task tasks[] = {{.name = "alpha", .ms = 60},
				     {.name = "fifteen letters", .ms = 80},
				     {.name = "caf\xc3\xa9 [1]:x", .ms = 100},
				     {.name = "bad \xff\x01", .ms = 120},
				     {.name = "as it began", .later = "as it ended", .ms = 70},
				     {.ms = 90}};

	for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
		one(&tasks[i]);
	for (int i = 0; i < SHORT; i++)
		one(&(struct task){.name = "short", .ms = 5});
	return 0;
}

// They live while the uploader looks.
static int living(void)
{
	static const struct task tasks[] = {{.name = "idle", .stays = 1},
					    {.name = "busy", .ms = 5, .stays = 1},
					    {.name = "busy", .ms = 5, .stays = 1}};
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, run, (void *)&tasks[i]);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static void *brief(void *arg)
{
	prctl(PR_SET_NAME, "brief");
	for (int i = 0; i < 100000; i++)
		__asm__ volatile("" : "+r"(i));
	*(uint64_t *)arg += truth_clock(CLOCK_THREAD_CPUTIME_ID);
	return NULL;
}

static int many(int count)
{
	uint64_t ns = 0;
	pthread_t thread;

	for (int i = 0; i < count; i++)
		if (pthread_create(&thread, NULL, brief, &ns) == 0)
			pthread_join(thread, NULL);
	truth_print("brief_ns", ns);
	return 0;
}

static void *again(void *arg)
{
	uint64_t *wanted = arg, mine = tid();

	if (*wanted && *wanted != mine)
		return NULL;
	prctl(PR_SET_NAME, *wanted ? "the second" : "the first");
	truth_burn(*wanted ? 90 : 60);
	print_of(*wanted ? "second" : "first", "ns", truth_clock(CLOCK_THREAD_CPUTIME_ID));
	print_of(*wanted ? "second" : "first", "tid", mine);
	*wanted = *wanted ? 0 : mine;
	return NULL;
}

// A second thread of the same number, as the kernel gives one when it has run round. 7: not
// allowed.
static int same_number(void)
{
	uint64_t wanted = 0;
	pthread_t thread;

	pthread_create(&thread, NULL, again, &wanted);
	pthread_join(thread, NULL);
	for (int i = 0; i < 1000 && wanted; i++) {
		int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);

		if (fd < 0 || dprintf(fd, "%d", (int)wanted - 1) < 0)
			return 7;
		close(fd);
		pthread_create(&thread, NULL, again, &wanted);
		pthread_join(thread, NULL);
	}
	return wanted ? 7 : 0;
}

// A child of the name that it was forked under, and of its own; each 256th event of a thread is one
// at which its name is looked at.
static int forked(void)
{
	pid_t child;
	int status;

	prctl(PR_SET_NAME, "the parent");
	truth_burn(50);
	keep = malloc(1 << 20);
	child = fork();
	if (child == 0) {
		truth_burn(50);
		prctl(PR_SET_NAME, "the child");
		truth_burn(50);
		for (int i = 0; i < 300; i++)
			free(keep = malloc(1 << 20));
		_exit(0);
	}
	truth_print("child", (uint64_t)child);
	waitpid(child, &status, 0);
	return status;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	truth_print("pid", (uint64_t)getpid());
	if (!strcmp(what, "names"))
		return names();
	if (!strcmp(what, "living"))
		return living();
	if (!strcmp(what, "many"))
		return many(atoi(argv[2]));
	if (!strcmp(what, "same"))
		return same_number();
	return forked();
}
