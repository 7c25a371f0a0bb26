/* oom.h - whether a process that was killed was killed because memory had run out.
 *
 * The kernel tells no one whom it killed but the log, which containers can't read. But each memory
 * cgroup counts its own: a counter that has moved just before one of its processes dies by SIGKILL
 * is as good as a name, as long as each of its steps is claimed by one process alone. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Text of memory.events(.local) or memory.oom_control: the counter, or -1 when it is not there. */
int64_t cp_oom_parse(const char *text);
/* One line of /proc/self/mountinfo and the text of /proc/PID/cgroup: the folder of that process's
 * memory cgroup, if it lies in this mount. *version is 1 or 2. Whether it fitted. */
int cp_oom_folder(const char *mount, const char *cgroups, char *out, size_t len, int *version);

struct cp_oom; /* one cgroup, shared by those in it */
struct cp_ooms {
	struct cp_oom *first;
	unsigned count;
	char *mounts; /* lines of mountinfo, those of memory cgroups alone; NULL: not looked at */
};
void cp_ooms_free(struct cp_ooms *ooms);

/* The cgroup of a living process, counted from now on; NULL when there is none to be seen, or too
 * many are. */
struct cp_oom *cp_oom_join(struct cp_ooms *ooms, pid_t pid);
/* The same by the text of its /proc/PID/cgroup; the mounts have been looked at. */
struct cp_oom *cp_oom_watch(struct cp_ooms *ooms, const char *cgroups);
void cp_oom_leave(struct cp_ooms *ooms, struct cp_oom *oom);
/* Once a second: what was counted longer ago than CP_OOM_NS belongs to nobody who dies now. */
#define CP_OOM_NS UINT64_C(5000000000)
void cp_oom_look(struct cp_ooms *ooms, uint64_t now_ns);
/* A process of it has died by SIGKILL, just now: whether a step of the counter is left for it,
 * which is then its own. */
int cp_oom_claim(struct cp_oom *oom, uint64_t now_ns);
