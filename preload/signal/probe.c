/* probe.c - rt_sigprocmask reads the new set before it looks at `how`: EFAULT tells all. */
/* SPDX-License-Identifier: MIT */
#include "signal/probe.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "signal/law.h"

/* The kernel copies the set in first (kernel/signal.c, since 2.x; the same on every architecture),
 * so an invalid `how` changes nothing and answers EINVAL, an unreadable set EFAULT. */
int cp_readable(uintptr_t address)
{
	int saved = errno, ok;

	if (address < 4096) /* NULL would be "no set", and is never mapped */
		return 0;
	ok = syscall(SYS_rt_sigprocmask, -1, address & ~(uintptr_t)7, NULL, (size_t)8) == 0 ||
	     errno != EFAULT;
	errno = saved;
	return ok;
}
