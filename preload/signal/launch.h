/* launch.h - starting the uploader so that the target has no child to see. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* Starts cp_home.program as "conprof uploader NAME [ELDER]" with this descriptor as its 3,
 * /dev/null as 0 to 2, and nothing else. 0, or -1 with errno of what failed, exec included. Takes
 * as long as an exec. Runs anywhere; all signals of this thread are blocked meanwhile. */
int cp_launch(int sock);

/* 1: the uploader that cp_launch started has ended; known only where it has a keeper (keeper.h). */
int cp_launch_ended(void);
