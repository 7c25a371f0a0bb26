/* routes.c - which path of the listener leads to whom. */
/* SPDX-License-Identifier: MIT */
#include "uploader/routes.h"

#include <string.h>

#include "uploader/live.h"
#include "uploader/pull.h"

static const struct cp_route routes[] = {
    {"/", CP_GET, cp_live_page},
    {"/api/state", CP_GET, cp_live_told},
    {"/api/profile", CP_GET, cp_live_profile},
    {"/debug/pprof/*", CP_GET | CP_POST, cp_pull_serve},
    {"/debug/pprof", CP_GET, cp_pull_redirect},
    /* last: /PROGRAM/debug/pprof/ */
    {"/*", CP_GET | CP_POST, cp_pull_serve_mounted},
};

static int fits(const struct cp_route *route, const char *path)
{
	size_t len = strlen(route->path);
	if (route->path[len - 1] == '*')
		return strncmp(path, route->path, len - 1) == 0;
	return strcmp(path, route->path) == 0;
}

void cp_routes_serve(struct cp_family *family, struct cp_ask *ask)
{
	unsigned method = ask->method == CP_HEAD ? CP_GET : ask->method;
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		if (!fits(&routes[i], ask->path))
			continue;
		if (routes[i].methods & method)
			routes[i].serve(family, ask);
		else
			cp_ask_error(ask, 405, "405 Method Not Allowed");
		return;
	}
	cp_ask_error(ask, 404, "404 page not found");
}
