/* control.c - what is wanted of the targets: by the clock, by people, by a switch for all. */
/* SPDX-License-Identifier: MIT */
#include "uploader/control.h"

#include <sys/stat.h>

#include "base/control.h"

#define LOOK_NS UINT64_C(500000000)
/* What people asked for: it goes wherever a process goes, and is remembered in its word. */
#define ASKED (CP_WANT_ASKED | UINT32_MAX)

uint64_t cp_control_asked(const struct cp_member *member)
{
	return cp_control(cp_view_header(member->view)) & ASKED;
}

static int is_stopped(const struct cp_family *family, const struct cp_member *member)
{
	return family->off || (cp_control_asked(member) & CP_WANT_ASKED);
}

static void tell(const struct cp_family *family, struct cp_member *member, uint64_t asked, int open)
{
	open |= family->lent;
	struct cp_recording *header = cp_view_header(member->view);
	uint64_t word = CP_WANT_SAID | (asked & ASKED);
	if (!family->off && !(asked & CP_WANT_ASKED))
		word |= CP_WANT_HEAP | (open ? CP_WANT_CPU : CP_WANT_RARELY);
	/* relaxed: the word stands alone; it is on the line of every tick, so no needless writes */
	if (cp_control(header) != word)
		atomic_store_explicit(&header->control, word, memory_order_relaxed);
}

/* A program is paused when none of its processes may be sampled. */
static void note_pause(struct cp_family *family, struct cp_program *program)
{
	int stopped = family->off;
	for (const struct cp_member *m = family->members; m && !family->off; m = m->next)
		if (m->program == program) {
			stopped = is_stopped(family, m);
			if (!stopped)
				break;
		}
	cp_pause_set(&program->pause, stopped, cp_text_monotonic());
}

void cp_control_tell(struct cp_family *family, struct cp_program *program, int open)
{
	for (struct cp_member *m = family->members; m; m = m->next)
		if (m->program == program)
			tell(family, m, cp_control_asked(m), open);
	note_pause(family, program);
}

void cp_control_keep(struct cp_family *family, const struct cp_member *member)
{
	uint64_t asked = cp_control_asked(member);
	struct cp_kept *kept = &family->kept[family->kept_next % CP_ORDERS_KEPT];
	if (!asked)
		return;
	*kept = (struct cp_kept){member->pid, asked};
	family->kept_next++;
}

static uint64_t take_kept(struct cp_family *family, pid_t pid)
{
	uint64_t asked = 0;
	for (unsigned i = 0; i < CP_ORDERS_KEPT; i++)
		if (family->kept[i].pid == pid) {
			asked = family->kept[i].asked;
			family->kept[i].pid = 0;
		}
	return asked;
}

void cp_control_welcome(struct cp_family *family, struct cp_member *member, uint64_t asked)
{
	uint64_t own = cp_control_asked(member);
	if (!asked)
		asked = take_kept(family, member->pid);
	if (!own)
		own = asked ? asked : family->asked;
	tell(family, member, own, member->program->schedule.cpu_open);
	note_pause(family, member->program);
}

void cp_control_left(struct cp_family *family, struct cp_program *program)
{
	if (program->living)
		note_pause(family, program);
}

/* ---- the switch ---- */

static int is_there(const char *path)
{
	struct stat st;
	return path[0] && !lstat(path, &st);
}

static void tell_all(struct cp_family *family)
{
	for (struct cp_program *p = family->programs; p; p = p->next)
		cp_control_tell(family, p, p->schedule.cpu_open);
}

void cp_control_lend(struct cp_family *family, int lent)
{
	if (family->lent == lent)
		return;
	family->lent = lent;
	tell_all(family);
}

void cp_control_look(struct cp_family *family, uint64_t now_ns)
{
	if (!family->programs || now_ns < family->switch_ns + LOOK_NS)
		return;
	family->switch_ns = now_ns;
	/* all of a family have the same settings */
	const char *path = family->programs->config.kill_switch;
	int off = is_there(path);
	if (off == family->off)
		return;
	family->off = off;
	tell_all(family);
	cp_log_line(family->log, CP_INFO,
		    off ? "%s is there: sampling stops" : "%s is gone: sampling goes on", path);
}

uint64_t cp_control_next(const struct cp_family *family)
{
	return family->living ? family->switch_ns + LOOK_NS : UINT64_MAX;
}

/* ---- what people ask ---- */

static uint64_t after(uint64_t asked, const struct cp_command *command)
{
	switch (command->order) {
	case CP_ORDER_STOP:
		return asked | CP_WANT_ASKED;
	case CP_ORDER_START:
		return asked & ~CP_WANT_ASKED;
	default:
		return (asked & CP_WANT_ASKED) |
		       (command->hz ? UINT64_C(1000000000) / command->hz : 0);
	}
}

static int is_meant(const struct cp_member *member, const struct cp_command *command)
{
	switch (command->scope) {
	case CP_SCOPE_PROCESS:
		return member->pid == command->number;
	case CP_SCOPE_PROGRAM:
		return member->program->id == (uint64_t)command->number;
	default:
		return 1;
	}
}

const char *cp_control_word(enum cp_order order)
{
	static const char *const words[CP_ORDERS] = {"stop", "start", "rate"};
	return order < CP_ORDERS ? words[order] : "?";
}

static int is_here(const struct cp_family *family, pid_t pid)
{
	for (const struct cp_member *m = family->members; m; m = m->next)
		if (m->pid == pid)
			return 1;
	return 0;
}

unsigned cp_control_obey(struct cp_family *family, const struct cp_command *command)
{
	unsigned count = 0;
	if (command->order >= CP_ORDERS || command->scope >= CP_SCOPES || command->hz > 10000)
		return 0;
	if (command->scope == CP_SCOPE_FAMILY) {
		if (!is_here(family, command->number))
			return 0;
		family->asked = after(family->asked, command);
	}
	for (struct cp_member *m = family->members; m; m = m->next) {
		if (!is_meant(m, command))
			continue;
		tell(family, m, after(cp_control_asked(m), command), m->program->schedule.cpu_open);
		count++;
	}
	for (struct cp_program *p = family->programs; p && count; p = p->next)
		note_pause(family, p);
	return count;
}

const char *cp_control_state(const struct cp_family *family, const struct cp_member *member)
{
	return family->off ? "off" : is_stopped(family, member) ? "stopped" : "running";
}

unsigned cp_control_rate(const struct cp_member *member)
{
	const struct cp_recording *header = cp_view_header(member->view);
	uint64_t set_ns = __atomic_load_n(&header->cpu_period_ns, __ATOMIC_RELAXED);
	uint64_t ns = cp_control_period(cp_control(header), set_ns);
	return ns ? (unsigned)((UINT64_C(1000000000) + ns / 2) / ns) : 0;
}
