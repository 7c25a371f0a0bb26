/* series.h - what a time series of profiles is called at a server that keeps series: its labels. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

#include "uploader/text.h"

/* Pyroscope takes 30 labels, names of 1024 bytes and values of 2048. Ours are cut sooner. */
#define CP_SERIES_LABELS 30
#define CP_LABEL_NAME	 128
#define CP_LABEL_VALUE	 512

struct cp_label {
	char name[CP_LABEL_NAME], value[CP_LABEL_VALUE];
};

/* Sorted by name, each name once, all of them valid UTF-8. */
struct cp_series {
	struct cp_label labels[CP_SERIES_LABELS];
	size_t count;
};

/* Adds a label at its place. One whose name is there already, or that finds no room, is left out;
 * so is one without a name or a value. */
void cp_series_add(struct cp_series *series, const char *name, const char *value);

/* How a server wants names: letters, digits and _ always; */
#define CP_SERIES_DOTS 1 /* . as well, by OpenTelemetry's convention */
/* What event.json says, as labels: service_name, hostname, what made the profile, and whatever
 * CONPROF_LABELS adds. What differs from one process or one upload to the next is none of a series.
 * stem: names the service when the event does not. */
void cp_series_of_event(struct cp_series *series, const char *event, size_t len, const char *stem,
			unsigned how);
