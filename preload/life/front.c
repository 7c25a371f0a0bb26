/* front.c - who it is that everybody finds under the name of malloc. */
/* SPDX-License-Identifier: MIT */
#include "life/front.h"

#include <link.h>
#include <stdint.h>
#include <stdlib.h>

#include "libc/find.h"
#include "life/object.h"
#include "life/settings.h"
#include "signal/state.h"

/* As the loader has bound the name for everyone, this library included. */
static uintptr_t the_malloc(void)
{
	return (uintptr_t)malloc;
}

struct owner {
	const char *name;
	int defines; /* or it has but a stub, to which its own pointers to malloc lead */
};

static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct owner *owner = arg;

	(void)size;
	if (!cp_object_holds(info, the_malloc()))
		return 0;
	owner->defines = cp_libc_defines(info->dlpi_addr, "malloc");
	owner->name = info->dlpi_name[0] ? info->dlpi_name : "the program itself";
	return 1;
}

int cp_front_taken(const struct cp_config *config)
{
	struct owner owner = {.name = "another", .defines = 1};

	if (the_malloc() >= cp_state.own_start && the_malloc() < cp_state.own_end)
		return 0;
	dl_iterate_phdr(look, &owner);
	if (!owner.defines)
		return 0;
	cp_life_complain(
	    config, 2,
	    "of allocations only those are profiled which are handed on by the malloc of ",
	    owner.name);
	return 1;
}
