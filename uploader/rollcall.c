/* rollcall.c - the processes that sleep: who has said hello, and who of them is still there. */
/* SPDX-License-Identifier: MIT */
#include "uploader/rollcall.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "uploader/control.h"
#include "uploader/rendezvous.h"
#include "uploader/standin.h"

#define SLEEPERS_MAX 16384u
/* More than can wait at one time: who says hello faster than we hear shall not keep us from others.
 */
#define AT_ONCE 4096

struct cp_sleeper {
	struct cp_sleeper *next;
	pid_t pid;
	uint64_t start_ns; /* of its image, by its own word */
	uint64_t heard_ns;
};

/* A later image in a process that we know: what the one before did is taken now. An earlier one:
 * its hello was late, it has joined by itself. */
static void hello(struct cp_family *family, pid_t pid, uint64_t start_ns)
{
	struct cp_member *member = cp_family_member(family, pid);
	if (member && member->start_ns >= start_ns)
		return;
	if (member) {
		cp_perfmap_replaced(member->names);
		cp_control_keep(family, member);
		cp_family_ended(family, member);
	}
	struct cp_sleeper *one = family->sleeping < SLEEPERS_MAX ? calloc(1, sizeof *one) : NULL;
	if (!one)
		return;
	one->pid = pid;
	one->start_ns = start_ns;
	one->heard_ns = cp_text_monotonic();
	one->next = family->sleepers;
	family->sleepers = one;
	family->sleeping++;
}

void cp_rollcall_hear(struct cp_family *family, int socket)
{
	for (int i = 0; i < AT_ONCE; i++) {
		pid_t pid = 0;
		uid_t uid = 0;
		uint64_t start_ns = 0;
		int got = cp_rendezvous_hello(socket, &pid, &uid, &start_ns);
		if (got == -EBADMSG || (got == 1 && uid != geteuid() && uid != 0))
			family->refused++;
		else if (got == 1)
			hello(family, pid, start_ns);
		else
			return;
	}
}

int cp_rollcall_expects(const struct cp_family *family, pid_t pid)
{
	const struct cp_member *member = cp_family_member(family, pid);
	if (member)
		return member->standin;
	for (const struct cp_sleeper *one = family->sleepers; one; one = one->next)
		if (one->pid == pid)
			return 1;
	return 0;
}

static void seat(struct cp_family *family, const struct cp_sleeper *one)
{
	int pidfd = (int)syscall(SYS_pidfd_open, one->pid, 0);
	if (pidfd < 0 && errno == ESRCH)
		return;
	int fd = cp_standin_make(one->pid, one->start_ns, family->like);
	if (fd < 0) {
		if (pidfd >= 0)
			close(pidfd);
		return;
	}
	int failed = cp_family_join(family, fd, one->pid, pidfd, 0);
	struct cp_member *member = failed ? NULL : cp_family_member(family, one->pid);
	if (member)
		member->standin = 1;
	close(fd);
}

void cp_rollcall_look(struct cp_family *family, uint64_t ago_ns)
{
	uint64_t now = cp_text_monotonic();
	for (struct cp_sleeper **at = &family->sleepers; *at;) {
		struct cp_sleeper *one = *at;
		if (one->heard_ns + ago_ns > now) {
			at = &one->next;
			continue;
		}
		*at = one->next;
		family->sleeping--;
		/* the newest comes first: the images before it in the same process are over */
		if (family->like && !cp_family_member(family, one->pid))
			seat(family, one);
		free(one);
	}
}
