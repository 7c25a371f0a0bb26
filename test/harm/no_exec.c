// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: run thread CONPROF_CPU_TIMER=thread
// harm: run itimer CONPROF_CPU_TIMER=itimer
// harm: within 40
// harm: cpu total = printed cpu_ns +-8%
// harm: exit 0
// SPDX-License-Identifier: MIT
// Every exec fails, and the process lives on, as recorded as before. It is not when undo() in
// hook/exec.c does not take back what prepare() did.
#include <errno.h>

#include "test/harm/harm.h"

int main(void)
{
	char *const nobody[] = {"nobody", NULL};

	for (int i = 0; i < 100; i++) {
		truth_burn(10);
		errno = 0;
		if (i % 2)
			HARM_UNLESS(execv("/nobody", nobody) == -1, "?");
		else
			HARM_UNLESS(execlp("no/body", "nobody", (char *)NULL) == -1, "?");
		HARM_UNLESS(errno == ENOENT, "errno %d", errno);
	}
	truth_print_cpu();
	return 0;
}
