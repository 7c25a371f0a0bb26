/* filter.h - building a seccomp filter: a list of system calls, and what becomes of the others. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#else
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#endif
#define FILTER_MAX 1024

struct filter {
	struct sock_filter code[FILTER_MAX];
	struct sock_fprog program;
};

/* `listed` for the calls of the list, `others` for the rest. A negative number is listed unless its
 * first argument is AF_UNIX. */
static inline struct sock_fprog *filter_make(struct filter *f, const long *calls, size_t n,
					     uint32_t listed, uint32_t others)
{
	size_t at = 0;

	f->code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						     offsetof(struct seccomp_data, arch));
	f->code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 1, 0);
	f->code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	f->code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						     offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < n && at < FILTER_MAX - 6; i++) {
		int family = calls[i] < 0;

		f->code[at++] = (struct sock_filter)BPF_JUMP(
		    BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)labs(calls[i]), 0, family ? 4 : 1);
		if (family) {
			f->code[at++] = (struct sock_filter)BPF_STMT(
			    BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args));
			f->code[at++] =
			    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 0, 1);
			f->code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, others);
		}
		f->code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, listed);
	}
	f->code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, others);
	f->program.len = (unsigned short)at;
	f->program.filter = f->code;
	return &f->program;
}
