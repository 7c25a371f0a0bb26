/* probe.h - may this address be read? Asked of the kernel, without a descriptor. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

/* 1 if eight bytes at this address can be read now. Keeps errno. Runs anywhere. */
int cp_readable(uintptr_t address);
