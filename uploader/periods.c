/* periods.c - when programs of a family hand in what they did: at a period's end, at a farewell. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "uploader/control.h"

#define LOOK_NS UINT64_C(1000000000)
/* So long after its last snapshot somebody may still ask what became of a process. */
#define ASKED_NS UINT64_C(10000000000)

/* What was taken of each living process is in this film now: so its marks may move when that is
 * safe. One whose last film is not will have both in the next. */
static void note_film(const struct cp_family *family, struct cp_program *program,
		      struct cp_parcel *parcel)
{
	cp_custody_drop(program->custody);
	program->custody = parcel->custody = cp_custody_new(program->living);
	for (struct cp_member *m = family->members; m && program->custody; m = m->next)
		if (m->program == program && !cp_marks_film(m->marks, parcel->stem))
			cp_custody_add(program->custody, m->view);
}

static void send_period(struct cp_family *family, struct cp_program *program)
{
	struct cp_film *film =
	    cp_program_close_period(program, family->log, cp_delivery_dropped(family->delivery));
	if (film)
		note_film(family, program, film->parcel);
	uint64_t ticket = film ? cp_encoding_push(family->encoding, film) : 0;
	if (ticket)
		program->making = ticket;
	program->wanted = 0;
	uint64_t last = ticket ? ticket : cp_delivery_done(family->delivery);
	for (unsigned i = 0; i < CP_ENDED_KEPT; i++)
		if (program->ended[i].pid && !program->ended[i].ticket)
			program->ended[i].ticket = last ? last : 1;
	for (struct cp_member *m = family->members; m; m = m->next)
		if (m->program == program && m->farewell && !m->ticket) {
			m->ticket = last ? last : 1;
			if (!ticket) /* there is nothing to be delivered */
				cp_member_tell_delivered(m);
		}
}

/* A window closes before the snapshots: what is met in between is of the time until the next one,
 * which that begins by passing over. */
static void end_period(struct cp_family *family, struct cp_program *program)
{
	if (program->schedule.cpu_ns < program->schedule.period_ns)
		cp_control_tell(family, program, 0);
	for (struct cp_member *m = family->members; m; m = m->next)
		if (m->program == program)
			cp_program_take(program, m, family->log, 0);
	send_period(family, program);
	cp_control_tell(family, program, program->schedule.cpu_open);
}

/* A program's last film is not made yet, or, where there is no spool, not delivered: its next
 * period goes on meanwhile, so that there are never more than the one and what becomes the other.
 * Counters only grow: nothing is lost by it. */
static int is_busy(const struct cp_family *family, const struct cp_program *program)
{
	return program->making > cp_encoding_made(family->encoding) ||
	       !cp_custody_is_over(program->custody);
}

static void end_period_soon(struct cp_family *family, struct cp_program *program)
{
	if (is_busy(family, program))
		program->wanted = 1;
	else
		end_period(family, program);
}

int cp_family_idle(const struct cp_family *family)
{
	for (const struct cp_program *p = family->programs; p; p = p->next)
		if (p->wanted)
			return 0;
	return cp_encoding_idle(family->encoding) && cp_delivery_idle(family->delivery);
}

/* Who waits for its delivery waits about as long as an upload may take. A quarter of that may be
 * CPU time for symbols, of its profile and of one that stands before it. */
static void hurry(struct cp_family *family, int hurried)
{
	uint64_t ns = family->upload_timeout_s * UINT64_C(250000000);
	family->hurried = hurried;
	cp_symbols_limit(family->symbols, family->symbol_bytes,
			 hurried && ns < CP_SYMBOLS_NS ? ns : CP_SYMBOLS_NS);
}

static int somebody_waits(const struct cp_family *family)
{
	uint64_t done = cp_delivery_done(family->delivery);
	for (const struct cp_member *m = family->members; m; m = m->next)
		if (m->farewell && (!m->ticket || m->ticket > done))
			return 1;
	return 0;
}

/* It says so itself, and how; or somebody says it for one that has ended, but was not seen to. */
static void note_farewell(const struct cp_member *member)
{
	/* acquire: pairs with the target's release before it says farewell */
	uint32_t said =
	    atomic_load_explicit(&cp_view_header(member->view)->ended, memory_order_acquire);
	struct cp_ending ending = {.number = cp_ended_status(said), .at_ns = cp_text_now()};
	if ((said & CP_ENDED_HOW) == CP_ENDED_EXIT)
		ending.how = CP_END_EXIT;
	cp_endings_add(&member->program->endings, &ending, member->pid);
	cp_program_note_end(member->program, member->pid, &ending, 0);
}

int cp_family_farewell(struct cp_family *family, pid_t pid)
{
	struct cp_member *member = cp_family_member(family, pid);
	if (member && cp_member_is_over(member)) {
		cp_family_ended(family, member);
		member = NULL;
	}
	if (member) {
		if (!member->farewell) {
			member->farewell = 1;
			member->ticket = 0;
			note_farewell(member);
			hurry(family, 1);
			end_period_soon(family, member->program);
		}
		return 0;
	}
	for (struct cp_program *p = family->programs; p; p = p->next)
		for (unsigned i = 0; i < CP_ENDED_KEPT; i++) {
			if (p->ended[i].pid != pid)
				continue;
			if (!p->ended[i].ticket)
				end_period_soon(family, p);
			return 0;
		}
	return -ESRCH;
}

static void look_at_all(struct cp_family *family)
{
	struct cp_member *next;
	for (struct cp_member *m = family->members; m; m = next) {
		next = m->next;
		cp_perfmap_look(m->names);
		int replaced = cp_member_is_replaced(m);
		if (replaced)
			cp_perfmap_replaced(m->names);
		if (replaced || (m->source.fd < 0 && cp_member_is_over(m)))
			cp_family_ended(family, m);
	}
}

/* What is there until now was met rarely, or late: it is of the time between two windows. */
static void open_cpu_window(struct cp_family *family, struct cp_program *program)
{
	for (struct cp_member *m = family->members; m; m = m->next)
		if (m->program == program)
			cp_batch_skip_cpu(m->view, m->marks);
	cp_pause_window(&program->pause, cp_text_monotonic());
	cp_control_tell(family, program, 1);
}

/* Programs of which nobody lives and nothing is pending are forgotten. */
static void forget_programs(struct cp_family *family)
{
	for (struct cp_program **at = &family->programs; *at;) {
		struct cp_program *program = *at;
		if (program->living || program->taken || program->wanted ||
		    program->making > cp_delivery_done(family->delivery) ||
		    cp_text_monotonic() - program->taken_mono_ns < ASKED_NS) {
			at = &program->next;
			continue;
		}
		*at = program->next;
		cp_program_free(program);
	}
}

int cp_family_tick(struct cp_family *family, uint64_t now_ns)
{
	int turned = 0, looked = 0;
	cp_control_look(family, now_ns);
	if (now_ns >= family->looked_ns + LOOK_NS) {
		family->looked_ns = now_ns;
		cp_oom_look(&family->ooms, now_ns);
		look_at_all(family);
		looked = 1;
	}
	for (struct cp_program *p = family->programs; p; p = p->next) {
		if (is_busy(family, p))
			continue;
		if (p->wanted)
			end_period(family, p);
		switch (cp_schedule_due(&p->schedule, now_ns)) {
		case CP_DUE_NOTHING:
			break;
		case CP_DUE_CPU_WINDOW:
			open_cpu_window(family, p);
			break;
		case CP_DUE_PERIOD_END:
			end_period(family, p);
			turned = 1;
			break;
		}
	}
	cp_taps_due(family, now_ns);
	if (family->hurried && !somebody_waits(family))
		hurry(family, 0);
	if (turned && family->living)
		forget_programs(family);
	return looked;
}

uint64_t cp_family_next(const struct cp_family *family)
{
	uint64_t next = family->looked_ns + LOOK_NS, control = cp_control_next(family);
	next = control < next ? control : next;
	for (const struct cp_program *p = family->programs; p; p = p->next)
		if (!is_busy(family, p) && cp_schedule_next(&p->schedule) < next)
			next = cp_schedule_next(&p->schedule);
	uint64_t tap = cp_taps_next(family);
	return tap < next ? tap : next;
}

void cp_family_flush(struct cp_family *family)
{
	for (struct cp_program *p = family->programs; p; p = p->next)
		end_period(family, p);
	cp_taps_due(family, UINT64_MAX);
}

void cp_family_delivered(struct cp_family *family, uint64_t ticket)
{
	for (struct cp_member *m = family->members; m; m = m->next)
		cp_marks_settle(m->marks);
	for (struct cp_member *m = family->members; m; m = m->next)
		if (m->farewell && m->ticket && m->ticket <= ticket)
			cp_member_tell_delivered(m);
}
