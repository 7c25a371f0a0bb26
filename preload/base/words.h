/* words.h - the settings that are small languages: the tenant, the types, the labels. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "base/mistakes.h"

/* Of all: the value is printable and fits into its field. */

/* A name that Pyroscope takes for a tenant. */
void cp_value_tenant(struct cp_config *config, const struct cp_value *value,
		     struct cp_mistakes *to);
/* cpu,heap,goroutine (or threads): a word that is none of them is left out, with a line. */
void cp_value_types(struct cp_config *config, const struct cp_value *value, struct cp_mistakes *to);
/* pid,tid,thread, or none: likewise. */
void cp_value_sample_labels(struct cp_config *config, const struct cp_value *value,
			    struct cp_mistakes *to);
/* key:value,key:value: a pair that is none, or whose key the profiler sets itself, is left out,
 * with a line. */
void cp_value_labels(struct cp_config *config, const struct cp_value *value,
		     struct cp_mistakes *to);
