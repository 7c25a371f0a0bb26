/* routes.h - which path of the listener leads to whom. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/mailbox.h"

/* Runs in the main loop. Answers now, or sets ask->gone and answers later, from the main loop. */
struct cp_route {
	const char *path; /* one that ends with '/' and '*' leads to all that begins like it */
	unsigned methods; /* CP_GET means CP_HEAD as well */
	cp_serve_fn *serve;
};

/* Answers what is asked, or says why not. The first route that fits is taken. */
cp_serve_fn cp_routes_serve;
