/* glance.h - a look over an uploader's shoulder, by its rendezvous: what a program does now. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/family.h"

/* What the token of a CP_PEER_GLANCE holds. The answer is a struct cp_join whose pid is 0 and whose
 * descriptor a memfd with the profile, bare, empty when it is not recorded; or -errno, without. */
struct cp_glance {
	uint32_t program;
	int32_t pid;	  /* 0: all processes of the program */
	uint32_t profile; /* enum cp_profile */
	uint32_t length_ms;
};
#define CP_GLANCE_MAX_MS 60000u

/* Answers at the end of the length; how long that is, in ns. The socket stays the caller's, who
 * says by cp_tap_leave() when this asker has gone. */
uint64_t cp_glance_answer(struct cp_family *family, uint64_t asker, int socket,
			  const uint8_t token[16]);
