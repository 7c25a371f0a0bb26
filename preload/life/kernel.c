/* kernel.c - what this kernel cannot keep us from doing to the application. */
/* SPDX-License-Identifier: MIT */
#include "life/kernel.h"

#include <string.h>
#include <sys/utsname.h>

#include "base/note.h"
#include "base/release.h"
#include "life/settings.h"

/* Since then a CPU timer expires on its thread's way back to user mode, where no call is left to be
 * broken off (POSIX_CPU_TIMERS_TASK_WORK; x86 and arm64 always have it, it is no choice of who
 * builds the kernel). */
#if defined(__aarch64__)
#define SINCE 5, 16
#else
#define SINCE 5, 9
#endif

void cp_life_kernel(const struct cp_config *config)
{
	struct utsname kernel;
	struct cp_line detail = {0};

	if (!(config->types & CP_TYPE_CPU) || uname(&kernel) != 0 ||
	    !cp_release_before(kernel.release, SINCE))
		return;
	cp_line_quote(&detail, kernel.release, strlen(kernel.release), 40);
	cp_line_add(&detail, " a tick of the CPU clock may end a waiting call (poll, nanosleep, "
			     "recv with a timeout) with EINTR; CONPROF_PROFILE_TYPES="
			     "heap,goroutine avoids it");
	cp_life_complain(config, 2, "under kernel ", detail.text);
}
