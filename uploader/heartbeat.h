/* heartbeat.h - the thread that tells the targets once a second that somebody holds their
 * recording. It does nothing else, so neither a slow agent nor a large binary's symbols delay it.
 */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "base/recording.h"

struct cp_heartbeat;

struct cp_heartbeat *cp_heartbeat_new(void);
/* Beats at once, and from now on; the header must stay mapped until it is removed. 0 or -ENOMEM. */
int cp_heartbeat_add(struct cp_heartbeat *heartbeat, struct cp_recording *header);
void cp_heartbeat_remove(struct cp_heartbeat *heartbeat, const struct cp_recording *header);
/* Writes CP_HEARTBEAT_LEFT to all of them; no more beats. */
void cp_heartbeat_leave(struct cp_heartbeat *heartbeat);
void cp_heartbeat_free(struct cp_heartbeat *heartbeat);
