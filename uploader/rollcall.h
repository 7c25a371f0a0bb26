/* rollcall.h - the processes that sleep: who has said hello, and who of them is still there.
 *
 * Most of those that a shell starts are over before anything happens in them. They are written on a
 * slip, and forgotten when it is read a second later; who is there by then gets a seat. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/family.h"

/* Hears all hellos that wait at the socket. */
void cp_rollcall_hear(struct cp_family *family, int socket);
/* Whether such a one said hello in whose place nobody has joined yet: it may have another uid now.
 */
int cp_rollcall_expects(const struct cp_family *family, pid_t pid);
/* Looks after those that said hello at least so long ago. Who still sleeps is recorded by us. */
void cp_rollcall_look(struct cp_family *family, uint64_t ago_ns);
