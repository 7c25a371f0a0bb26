/* probe.c - rt_sigprocmask reads the new set before it looks at `how`: EFAULT tells all. */
/* SPDX-License-Identifier: MIT */
#include "signal/probe.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
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

int cp_peek(void *to, const void *from, size_t n)
{
	struct iovec local = {.iov_base = to, .iov_len = n};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)from, .iov_len = n};
	int saved = errno, ok = 1;

	if (syscall(SYS_process_vm_readv, syscall(SYS_getpid), &local, 1L, &remote, 1L, 0L) !=
	    (long)n)
		ok = errno != EFAULT && n && cp_readable((uintptr_t)from) &&
		     cp_readable((uintptr_t)from + n - 1);
	else
		n = 0;
	if (ok && n)
		memcpy(to, from, n);
	errno = saved;
	return ok;
}
