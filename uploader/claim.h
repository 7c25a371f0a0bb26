/* claim.h - one uploader of a name: who comes second hands over what it was started with. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* The socketpair with the first message, from the library that started us. */
#define CP_CLAIM_INHERITED 3

int cp_claim_has_inherited(void);
/* A target that has become another user while its first user's uploader is being started: that one
 * comes in a moment, and knows the target's token. 0: it has our message; -ENOENT. */
int cp_claim_elder(const char *elder);
/* A listening socket; -EALREADY when another uploader has taken our message; -errno. */
int cp_claim_name(const char *name, int inherited);
