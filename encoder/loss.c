/* loss.c - the names of what was lost, for people and for programs. */
/* SPDX-License-Identifier: MIT */
#include "encoder/batch.h"

static const struct {
	const char *name, *text;
} losses[CP_LOSSES] = {
    [CP_LOST_BUSY] = {"busy", "[conprof lost: inside the profiler]"},
    [CP_LOST_STACK_ROOM] = {"stack_room", "[conprof lost: no room on the stack]"},
    [CP_LOST_UNWIND] = {"unwind", "[conprof lost: stack not unwound]"},
    [CP_LOST_ROWS] = {"table_full", "[conprof lost: table of stacks full]"},
    [CP_LOST_FRAMES] = {"frames_full", "[conprof lost: pool of frames full]"},
    [CP_LOST_LIVE] = {"live_full", "[conprof lost: table of live blocks full]"},
    [CP_LOST_PAUSED] = {"paused", "[conprof lost: while the recording was moved]"},
};

const char *cp_loss_name(enum cp_loss cause)
{
	return (unsigned)cause < CP_LOSSES ? losses[cause].name : "unknown";
}

const char *cp_word_text(uint32_t word)
{
	if (word >= CP_WORD_LOST && word - CP_WORD_LOST < CP_LOSSES)
		return losses[word - CP_WORD_LOST].text;
	return word == CP_WORD_NO_FRAMES ? "[conprof: no frames]" : "[conprof: stack truncated]";
}
