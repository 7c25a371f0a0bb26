/* search.h - where debug files are looked for beyond a module's own folder. */
/* SPDX-License-Identifier: MIT */
#pragma once

struct cp_search {
	char dirs[512]; /* absolute paths, with ':' between, before /usr/lib/debug */
};
