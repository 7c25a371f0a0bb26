/* limits.h - the target's limits, which are not meant for us. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* Runs work(arg) with all that the limits allow, on a stack that suffices. */
int cp_limits_run(int (*work)(void *), void *arg);
