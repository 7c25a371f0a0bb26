/* chosen.c - one start of so many is recorded: a fleet of equals pays for some of them. */
/* SPDX-License-Identifier: MIT */
#include "life/chosen.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/draw.h"
#include "base/note.h"
#include "base/settings.h"
#include "life/home.h"
#include "life/settings.h"
#include "signal/state.h"

/* Who has the library and no recording has decided that it has none. (Where a fraction is set, no
 * image that is recorded sleeps.) */
enum { STRANGER, RECORDED, UNRECORDED };

static int look_at_parent(void)
{
	struct cp_line path = {0};

	cp_line_add(&path, "/proc/");
	cp_line_number(&path, (uint64_t)getppid());
	cp_line_add(&path, "/maps");
	if (!cp_life_file_has(path.text, "/libconprof.so\n"))
		return STRANGER;
	return cp_life_file_has(path.text, "/memfd:conprof ") ? RECORDED : UNRECORDED;
}

/* When the process began, in the kernel's ticks: the 22nd word of its line; the second one, its
 * name, may hold anything but ends last with ')'. An exec changes neither this nor the pid. */
static uint64_t began(void)
{
	char text[1024];
	size_t len = cp_home_read("/proc/self/stat", text, sizeof text);
	const char *at = len ? strrchr(text, ')') : NULL;
	uint64_t ticks = 0;
	int word = 2;

	for (; at && *at && word < 22; at++)
		word += at[1] == ' ';
	for (at = at && *at ? at + 1 : ""; *at >= '0' && *at <= '9'; at++)
		ticks = ticks * 10 + (uint64_t)(*at - '0');
	return ticks;
}

static uint64_t mixed(uint64_t state, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		state ^= (unsigned char)text[i];
		state = cp_random(&state);
	}
	return state;
}

/* A number that nothing in the process's life changes, and that no two processes have alike, on
 * whatever machine and in whatever container: each draws from it what it would draw again. */
static uint64_t lot(void)
{
	char boot[64], names[64];
	size_t len = cp_home_read("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
	long links = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/ns/pid", names, sizeof names);
	uint64_t state = (uint64_t)getpid(), from = began();

	if (!from) /* there is no /proc: then an exec draws again */
		from = cp_now_ns();
	state = cp_random(&state) ^ from;
	state = mixed(cp_random(&state), boot, len);
	return mixed(state, names, links > 0 ? (size_t)links : 0);
}

int cp_chosen(const struct cp_config *config)
{
	if (config->instance_ppm >= CP_WHOLE_FRACTION)
		return 1;
	if (!config->instance_ppm)
		return 0;
	switch (look_at_parent()) {
	case RECORDED:
		return 1;
	case UNRECORDED:
		return 0;
	default:
		return lot() % CP_WHOLE_FRACTION < config->instance_ppm;
	}
}
