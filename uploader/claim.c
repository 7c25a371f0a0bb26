/* claim.c - one uploader of a name: who comes second hands over what it was started with. */
/* SPDX-License-Identifier: MIT */
#include "uploader/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "uploader/rendezvous.h"

#define PAUSE_NS 20000000L

/* The name is taken: its owner gets our descriptor 3, or, if it goes just now, we take the name.
 * Whoever holds the recording can write into it, so the owner must be root or our own user. */
static int hand_over(const char *name)
{
	pid_t pid = 0;
	uid_t uid = 0;
	int rival = cp_rendezvous_connect(name);
	if (rival < 0)
		return rival;
	int error = cp_rendezvous_peer(rival, &pid, &uid);
	if (!error && uid != 0 && uid != geteuid())
		error = -EACCES;
	if (!error)
		error = cp_rendezvous_send(rival, CP_PEER_HANDOVER, CP_CLAIM_INHERITED);
	close(rival);
	return error;
}

int cp_claim_elder(const char *elder)
{
	struct timespec pause = {.tv_nsec = PAUSE_NS};
	for (int i = 0; i < 25; i++) {
		if (!hand_over(elder))
			return 0;
		nanosleep(&pause, NULL);
	}
	return -ENOENT;
}

int cp_claim_name(const char *name, int inherited)
{
	struct timespec pause = {.tv_nsec = PAUSE_NS};
	int fd = -EADDRINUSE;
	for (int i = 0; i < 50; i++) {
		fd = cp_rendezvous_listen(name);
		if (fd != -EADDRINUSE)
			return fd;
		if (inherited && !hand_over(name))
			return -EALREADY;
		nanosleep(&pause, NULL);
	}
	return fd;
}

int cp_claim_has_inherited(void)
{
	int type = 0;
	socklen_t len = sizeof type;
	return !getsockopt(CP_CLAIM_INHERITED, SOL_SOCKET, SO_TYPE, &type, &len) &&
	       type == SOCK_SEQPACKET && !fcntl(CP_CLAIM_INHERITED, F_SETFD, FD_CLOEXEC);
}
