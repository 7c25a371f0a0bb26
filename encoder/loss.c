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

#define LEFT_OUT(n) "[conprof: " #n " frames or more left out]"
static const char *const gaps[CP_GAP_MAX + 1] = {
    LEFT_OUT(1),     LEFT_OUT(2),     LEFT_OUT(4),    LEFT_OUT(8),    LEFT_OUT(16),
    LEFT_OUT(32),    LEFT_OUT(64),    LEFT_OUT(128),  LEFT_OUT(256),  LEFT_OUT(512),
    LEFT_OUT(1024),  LEFT_OUT(2048),  LEFT_OUT(4096), LEFT_OUT(8192), LEFT_OUT(16384),
    LEFT_OUT(32768), LEFT_OUT(65536),
};

static const char *const notes[CP_NOTES] = {
    [CP_NOTE_REST] = "[conprof: after the last tick]",
    [CP_NOTE_TICKS] = "[conprof: the ticks themselves]",
};

const char *cp_word_text(uint32_t word)
{
	if (word >= CP_WORD_NOTE && word < CP_WORDS)
		return notes[word - CP_WORD_NOTE];
	if (word >= CP_WORD_GAP && word < CP_WORD_NOTE)
		return gaps[word - CP_WORD_GAP];
	if (word >= CP_WORD_LOST && word - CP_WORD_LOST < CP_LOSSES)
		return losses[word - CP_WORD_LOST].text;
	if (word == CP_WORD_TRUNCATED)
		return "[conprof: stack truncated]";
	return word == CP_WORD_ENDED_EARLY ? "[conprof: stack ended early]"
					   : "[conprof: no frames]";
}
