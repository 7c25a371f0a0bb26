/* control.h - what is wanted of the targets: their words, and the switch that stops them all. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/family.h"

/* What a person may ask for (conprof ctl). */
enum cp_order { CP_ORDER_STOP, CP_ORDER_START, CP_ORDER_RATE, CP_ORDERS };
/* Of one process, of a program's, of all that this uploader has and will have. */
enum cp_scope { CP_SCOPE_PROCESS, CP_SCOPE_PROGRAM, CP_SCOPE_FAMILY, CP_SCOPES };

struct cp_command {
	uint8_t order;	 /* enum cp_order */
	uint8_t scope;	 /* enum cp_scope */
	uint8_t zero[2]; /* these three fit into a join's token */
	int32_t number;	 /* a pid; of CP_SCOPE_PROGRAM its id, as status has it */
	uint32_t hz;	 /* CP_ORDER_RATE; 0: what the settings say */
};

/* "stop", "start", "rate". */
const char *cp_control_word(enum cp_order order);
/* How many processes it was for; 0: there is none such here. */
unsigned cp_control_obey(struct cp_family *family, const struct cp_command *command);

/* What somebody has asked of the one before it in the same process; 0: nothing. */
uint64_t cp_control_asked(const struct cp_member *member);
/* Its process goes on with another image, which has not joined yet. */
void cp_control_keep(struct cp_family *family, const struct cp_member *member);
/* It has joined, in the place of one of whom this was asked. */
void cp_control_welcome(struct cp_family *family, struct cp_member *member, uint64_t asked);
/* It is over: what is left may all be stopped. */
void cp_control_left(struct cp_family *family, struct cp_program *program);

/* Tells all of a program's what is wanted now; `open`: whether its CPU window is. */
void cp_control_tell(struct cp_family *family, struct cp_program *program, int open);

/* CPU is recorded, whatever the windows say: somebody looks on; and no more. */
void cp_control_lend(struct cp_family *family, int lent);

/* Looks whether the switch is there: twice a second. */
void cp_control_look(struct cp_family *family, uint64_t now_ns);
uint64_t cp_control_next(const struct cp_family *family);

/* "running", "stopped" (somebody asked for it), "off" (the switch): for status. */
const char *cp_control_state(const struct cp_family *family, const struct cp_member *member);
/* The CPU rate that is wanted of it, in Hz. */
unsigned cp_control_rate(const struct cp_member *member);
