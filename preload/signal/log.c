/* log.c - a line for the log, by system calls alone. */
/* SPDX-License-Identifier: MIT */
#include "signal/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "signal/quiet.h"

#include "signal/law.h"

/* A pipe under that name that nobody reads must not hold us. */
int cp_log_open(const struct cp_config *config)
{
	long fd = -1;

	if (config->log_file[0])
		fd = syscall(SYS_openat, AT_FDCWD, config->log_file,
			     O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
			     0640);
	return fd < 0 ? STDERR_FILENO : (int)fd;
}

void cp_log_close(int fd)
{
	if (fd != STDERR_FILENO)
		syscall(SYS_close, fd);
}

static int may_grow(int fd, size_t len)
{
	struct rlimit limit;
	struct stat st;

	if (syscall(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit) != 0 ||
	    limit.rlim_cur == RLIM_INFINITY)
		return 1;
	return syscall(SYS_fstat, fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	       (rlim_t)st.st_size + len <= limit.rlim_cur;
}

/* Whoever read standard error may have gone: the program, which may write nothing there itself, is
 * not to die of our line. */
void cp_log_write(int fd, struct cp_line *line)
{
	uint64_t pipe = UINT64_C(1) << (SIGPIPE - 1), before;
	int saved = errno;

	if (!may_grow(fd, line->len + 1) ||
	    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &pipe, &before, sizeof before) != 0)
		return;
	errno = 0;
	cp_line_write(line, fd);
	if (errno == EPIPE)
		cp_quiet_discard(SIGPIPE);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
	errno = saved;
}
