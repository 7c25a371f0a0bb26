/* tls.h - whom TLS trusts, and who we are to it: the files of the settings, into a curl handle. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <curl/curl.h>
#include <stddef.h>

#include "base/config.h"

/* config: NULL for the system's store and no certificate. 0; -1: a file can't be used, as why says,
 * and nothing may be sent. */
int cp_tls_set(CURL *curl, const struct cp_config *config, char *why, size_t why_len);
