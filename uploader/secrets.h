/* secrets.h - tokens and passwords: where they come from, and for how long they are here.
 *
 * No recording has them, only where they are: in the environment that this process was started
 * with, or in a file, which is read anew for each delivery, by our rights. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "base/config.h"
#include "base/secret.h"
#include "uploader/log.h"

/* For one delivery to one address; lies in the vault. What there is none of is empty. */
struct cp_secrets {
	char token[CP_SECRET_MAX];
	char user[CP_SECRET_MAX]; /* before the '@' of the address, decoded */
	char password[CP_SECRET_MAX];
};

/* Takes them out of our environment, where others would see them: once, before there is a second
 * thread. */
void cp_secrets_take(void);

/* shown: the address as the settings show it. NULL: they are to be had and can't, as why says;
 * then nothing may be sent. A file that anybody may read is told of in the log, once. */
struct cp_secrets *cp_secrets_open(const struct cp_config *config, const char *shown,
				   struct cp_log *log, char *why, size_t why_len);
/* What is told of them to a server; parts of secrets and config. What there is none of is empty. */
struct cp_login {
	const char *user, *password; /* Basic, both together */
	const char *bearer;	     /* instead */
};
/* What stands in the address goes before the settings; a user there without a password has the
 * token. A password or token without a user is a bearer's. */
struct cp_login cp_secrets_login(const struct cp_secrets *secrets, const struct cp_config *config);
void cp_secrets_close(struct cp_secrets **secrets); /* fits CP_CLEANUP */

/* The servers of debug files as they were written, in the vault, for the caller to give back; NULL
 * where that differs in nothing from what is shown, or can't be had. */
char *cp_secrets_urls(const struct cp_config *config);

/* A whole regular file in the vault, with a NUL behind it; NULL: why says it. max: its size. */
char *cp_secrets_file(const char *path, size_t max, size_t *len, char *why, size_t why_len);
