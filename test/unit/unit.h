/* unit.h - cmocka, with the headers that must stand before it, in their order. */
/* SPDX-License-Identifier: MIT */
#pragma once
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
