/* glance.c - a look over an uploader's shoulder, by its rendezvous: what a program does now. */
/* SPDX-License-Identifier: MIT */
#include "uploader/glance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "uploader/rendezvous.h"

#define MS UINT64_C(1000000)

/* Who waits for it; made by the main loop, then the encoding thread's. */
struct watcher {
	int socket;
	enum cp_profile profile;
};

static int memfd_of(const struct cp_bytes *bytes)
{
	int fd = memfd_create("conprof-glance", MFD_CLOEXEC);
	size_t done = 0;
	while (fd >= 0 && done < bytes->len) {
		ssize_t n = write(fd, bytes->data + done, bytes->len - done);
		if (n <= 0) {
			close(fd);
			return -ENOMEM;
		}
		done += (size_t)n;
	}
	return fd < 0 ? -errno : fd;
}

/* Who asked may be gone: then nobody hears it. */
static void deliver(void *ctx, struct cp_bytes profiles[CP_PROFILES], int error)
{
	struct watcher *watcher = ctx;
	int fd = error ? error : memfd_of(&profiles[watcher->profile]);
	cp_rendezvous_send(watcher->socket, fd < 0 ? fd : 0, fd < 0 ? -1 : fd);
	if (fd >= 0)
		close(fd);
	close(watcher->socket);
	free(watcher);
}

static int order(struct cp_family *family, uint64_t asker, int socket,
		 const struct cp_glance *glance)
{
	if (glance->profile >= CP_PROFILES || glance->length_ms < 1 ||
	    glance->length_ms > CP_GLANCE_MAX_MS)
		return -EINVAL;
	struct watcher *watcher = calloc(1, sizeof *watcher);
	if (!watcher)
		return -ENOMEM;
	watcher->profile = (enum cp_profile)glance->profile;
	watcher->socket = fcntl(socket, F_DUPFD_CLOEXEC, 3);
	if (watcher->socket < 0) {
		free(watcher);
		return -EMFILE;
	}
	const struct cp_tap_order order = {.program = glance->program,
					   .pid = glance->pid,
					   .profiles = CP_BIT(glance->profile),
					   .length_ns = glance->length_ms * MS,
					   .deliver = deliver,
					   .ctx = watcher,
					   .asker = asker};
	int error = cp_tap_open(family, &order);
	if (error) {
		close(watcher->socket);
		free(watcher);
	}
	return error;
}

uint64_t cp_glance_answer(struct cp_family *family, uint64_t asker, int socket,
			  const uint8_t token[16])
{
	struct cp_glance glance;
	_Static_assert(sizeof glance == sizeof((struct cp_join *)0)->token, "it is the token");
	memcpy(&glance, token, sizeof glance);
	int error = order(family, asker, socket, &glance);
	if (error)
		cp_rendezvous_send(socket, error, -1);
	return error ? 0 : glance.length_ms * MS;
}
