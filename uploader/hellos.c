/* hellos.c - the sockets that hear the hellos of processes that sleep, and when they wake us. */
/* SPDX-License-Identifier: MIT */
#include "uploader/hellos.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "uploader/rendezvous.h"
#include "uploader/rollcall.h"

/* Once: the source that has woken us is silent until it is asked to do so again. */
static int wake(struct cp_hellos *hellos, int how)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = &hellos->source};
	hellos->rest_ns = 0;
	return epoll_ctl(hellos->epoll, how, hellos->source.fd, &event) ? -errno : 0;
}

int cp_hellos_open(struct cp_hellos *hellos, const char *name, int epoll)
{
	int lines = epoll_create1(EPOLL_CLOEXEC);
	*hellos =
	    (struct cp_hellos){.source = {CP_SOURCE_HELLO, lines}, .epoll = epoll, .is_open = 1};
	int error = lines < 0 ? -errno : 0;
	/* a stranger may sit on that name: then who sleeps is not seen until it wakes */
	for (int i = 0; i < CP_HELLO_LINES; i++) {
		struct epoll_event event = {.events = EPOLLIN};
		hellos->line[i] = error ? -1 : cp_rendezvous_hear(name, i);
		if (hellos->line[i] >= 0 &&
		    epoll_ctl(lines, EPOLL_CTL_ADD, hellos->line[i], &event))
			error = -errno;
	}
	return error ? error : wake(hellos, EPOLL_CTL_ADD);
}

unsigned cp_hellos_hear(const struct cp_hellos *hellos, struct cp_family *family)
{
	unsigned heard = 0;
	for (int i = 0; i < CP_HELLO_LINES; i++)
		heard += cp_rollcall_hear(family, hellos->line[i]);
	return heard;
}

void cp_hellos_woken(struct cp_hellos *hellos, struct cp_family *family, uint64_t now)
{
	if (cp_hellos_hear(hellos, family) > CP_HELLOS_MANY)
		hellos->busy_ns = now + CP_HELLOS_BUSY_NS;
	hellos->rest_ns = now < hellos->busy_ns ? now : now + CP_HELLOS_REST_NS;
	cp_hellos_tick(hellos, now);
}

int cp_hellos_first(struct cp_hellos *hellos, struct cp_family *family)
{
	if (!hellos->rest_ns)
		return 0;
	cp_hellos_hear(hellos, family);
	wake(hellos, EPOLL_CTL_MOD);
	return 1;
}

uint64_t cp_hellos_next(const struct cp_hellos *hellos)
{
	return hellos->rest_ns ? hellos->rest_ns : UINT64_MAX;
}

void cp_hellos_tick(struct cp_hellos *hellos, uint64_t now)
{
	if (hellos->rest_ns && now >= hellos->rest_ns)
		wake(hellos, EPOLL_CTL_MOD);
}

void cp_hellos_close(struct cp_hellos *hellos)
{
	if (!hellos->is_open)
		return;
	for (int i = 0; i < CP_HELLO_LINES; i++)
		if (hellos->line[i] >= 0)
			close(hellos->line[i]);
	if (hellos->source.fd >= 0)
		close(hellos->source.fd);
	*hellos = (struct cp_hellos){0};
}
