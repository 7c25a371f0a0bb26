/* entry.h - one entry of the spool, read back and brought to the disk. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/parcel.h"

/* Into a parcel, whose config is the given one. 0; -EBADMSG: it is not what was put there; else
 * -errno. */
int cp_entry_load(int dir, const char *stem, const struct cp_config *config,
		  struct cp_parcel **parcel);
/* All its files, and their names. 0 or -errno. */
int cp_entry_sync(int dir, const char *stem);
