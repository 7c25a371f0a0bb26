/* loader.c - dlclose: what was unloaded is noticed before other code takes its place. */
/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <errno.h>

#include "base/attrs.h"
#include "hook/real.h"
#include "signal/modules.h"
#include "signal/thread.h"
#include "signal/unwind.h"

#include "hook/law.h"

/* dlopen is left alone: it looks at its caller's address to find RUNPATH and $ORIGIN, and a wrapper
 * would change what the program loads. New code is noticed when a sample meets it, or here: what is
 * unloaded without having been noticed would be named as what comes to its place. */
static void look(int forget)
{
	if (cp_phase() != CP_RUNNING)
		return;
	CP_INSIDE (self) {
		if (cp_phase() != CP_RUNNING)
			break;
		cp_modules_look();
		if (forget)
			cp_unwind_forget();
	}
}

CP_EXPORT int dlclose(void *handle)
{
	int saved = errno, result;

	look(0);
	errno = saved;
	result = cp_real_calls()->dlclose(handle);
	saved = errno;
	look(1);
	errno = saved;
	return result;
}
