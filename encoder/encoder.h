/* encoder.h - recordings in, pprof out: all that the uploader may ask of this folder. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/recording.h"

/* The files that are made of a recording, in the order in which Go's profiler attaches them. */
enum cp_profile { CP_PROFILE_HEAP, CP_PROFILE_THREADS, CP_PROFILE_CPU, CP_PROFILES };

/* ---- a recording, mapped and checked ---- */
struct cp_view;

/* Maps the memfd read-write and checks it: sealed against shrinking and growing, magic, ABI, every
 * table inside the file. 0, or -errno with one line for the log in why. Does not keep or close fd.
 */
int cp_view_open(int fd, struct cp_view **view, char *why, size_t why_len);
void cp_view_close(struct cp_view *view);
/* Holds what leads to the files of this process (as the uploader sees it), so that they can be read
 * when it is gone: to be called while it lives. */
void cp_view_know(struct cp_view *view, pid_t pid);
/* One user more, and less: a closed view is mapped until the last has gone. Any thread. */
void cp_view_hold(struct cp_view *view);
void cp_view_let_go(struct cp_view *view);
/* The header, in shared memory: strings in it need not end with NUL, numbers may change. */
struct cp_recording *cp_view_header(const struct cp_view *view);
/* Living threads by the counters of the recording. */
uint64_t cp_view_threads(const struct cp_view *view);
/* How full the tables of stacks and of their words are; [1]: the room. */
void cp_view_fill(const struct cp_view *view, uint64_t stacks[2], uint64_t words[2]);

/* ---- names of code that a process makes as it runs, from /tmp/perf-PID.map ---- */
struct cp_perfmap;
/* Ranges of code that the maps of a family may hold in memory together: 24 bytes each. */
#define CP_CODE_ROOM ((size_t)4 << 20)
struct cp_perfmap_counts {
	uint64_t refused;   /* lines that say nothing, or are too long */
	uint64_t forgotten; /* ranges, the oldest, for want of room */
	uint64_t unread;    /* bytes beyond what one look may read */
};
/* pid as we see it, own_pid as it sees itself. Touches no file. room begins as CP_CODE_ROOM and
 * outlives the map. NULL when memory is out. */
struct cp_perfmap *cp_perfmap_new(pid_t pid, pid_t own_pid, size_t *room);
/* The process was forked, without exec, by the one that the other map is of: what that has written
 * until now holds here, too. */
void cp_perfmap_inherit(struct cp_perfmap *map, struct cp_perfmap *parent);
void cp_perfmap_free(struct cp_perfmap *map);
/* Once a second while the process lives: opens the file if there is one, so that it can still be
 * read when the process, and perhaps the file, is gone. */
void cp_perfmap_look(struct cp_perfmap *map);
/* Another program runs under this pid now and may write a file of the same name: no more is read.
 */
void cp_perfmap_replaced(struct cp_perfmap *map);
/* From now on the view's process has its names from there; NULL: nowhere. */
void cp_view_names(struct cp_view *view, struct cp_perfmap *map);

/* ---- symbols, shared by all batches, kept by build-id, bounded ---- */
struct cp_symbols;
struct cp_symbols *cp_symbols_new(void);
void cp_symbols_free(struct cp_symbols *symbols);
/* How many bytes all that was looked up may take, and how much CPU time, or four times that by the
 * clock, from one rest to the next: what is then new has its name, and its lines the next time. Any
 * thread. */
void cp_symbols_limit(struct cp_symbols *symbols, uint64_t bytes, uint64_t ns);
/* On the thread that encodes: until this is said again the time is at most that; 0: as set. */
void cp_symbols_brief(struct cp_symbols *symbols, uint64_t ns);
/* Lines for the log: that it takes long, that something was put off. */
void cp_symbols_listen(struct cp_symbols *symbols, void (*say)(void *ctx, const char *line),
		       void *ctx);
/* Between two batches, with a time that grows: closes files not asked for in 100 s. */
void cp_symbols_rest(struct cp_symbols *symbols, uint64_t now_ns);
/* Words alone: they are copied one by one. */
struct cp_symbols_status {
	uint64_t bytes, max;	    /* of what was looked up */
	uint64_t images, addresses; /* that are known */
	uint64_t asked, looked_up;  /* addresses that profiles asked for; that were not known */
	uint64_t opens;		    /* how often a module's files were opened */
	uint64_t open;		    /* modules whose files are open now */
	uint64_t evictions;	    /* images that made room */
};
/* Any thread. */
void cp_symbols_status(const struct cp_symbols *symbols, struct cp_symbols_status *status);

/* Where debug files are looked for: in these folders (with ':' between) as well, and, when urls is
 * not NULL, at debuginfod servers; that text stays the caller's, for good. What those send is put
 * into the folder cache by `PROGRAM fetch`, in its own time; it counts from the next profile on. */
void cp_symbols_search(struct cp_symbols *symbols, const char *dirs, const char *urls,
		       const char *cache, const char *program);
/* Compressed debug information that takes more than this when it is unpacked, */
#define CP_UNPACK_ABOVE ((uint64_t)128 << 20)
/* is unpacked into files without names in this folder, if that is on a disk with room: at most so
 * much together, half of it for one. Without a folder it is not read. */
#define CP_UNPACK_MOST ((uint64_t)4 << 30)
void cp_symbols_unpack(struct cp_symbols *symbols, const char *folder, uint64_t above,
		       uint64_t most);

/* ---- what one program did in one period, over all its processes ---- */
struct cp_batch;
struct cp_batch *cp_batch_new(struct cp_symbols *symbols);
void cp_batch_free(struct cp_batch *batch);
/* What this machine takes to bring a signal to a handler and back, and for a look at a thread's CPU
 * clock. With it ticks are taken out of the CPU time of the stacks that they met (doc/why/013). */
void cp_batch_signals(struct cp_batch *batch, uint64_t signal_ns, uint64_t clock_ns);

#define CP_BIT(profile) (1u << (profile))
/* Beside the profiles: the process is over, /proc knows nothing of its threads. */
#define CP_TAKE_OVER CP_BIT(CP_PROFILES)
/* In the mask: another recording of the same process follows. What is alive stands there, and the
 * process is counted there. */
#define CP_TAKE_REST (2 * CP_TAKE_OVER)
/* In the mask: no label tells one process or thread from another, so that what one did stays where
 * it was when another takes its place; and what objects are rounded with follows from the stack
 * alone, so that a total never falls. For all that is taken into a batch, or nothing. */
#define CP_TAKE_TOGETHER (2 * CP_TAKE_REST)

/* ---- what a reader of a recording has taken ----
 * Counters only grow; what is new is what lies beyond a reader's marks. */
struct cp_marks;
/* For one reader more of this recording: to it, all is new that was ever counted there. To be freed
 * before the view is closed, or of no use from then on. NULL: no memory. */
struct cp_marks *cp_marks_new(struct cp_view *view);
/* Nothing of it is new: only what comes from now on. 0 or -ENOMEM. */
int cp_marks_now(struct cp_marks *marks);
/* The process has moved its recording, rows and all, to this one. */
void cp_marks_follow(struct cp_marks *marks, struct cp_view *view);
void cp_marks_free(struct cp_marks *marks);

/* ---- the reader that ships ----
 * Its marks begin where those in the recording stand, and these follow when what was taken is safe:
 * so whoever takes its place goes on from there, and nothing is lost or counted twice. */
/* What the reader before has left: with a film that is safe, as is_safe knows of its name, the
 * marks move first. NULL: no memory. */
struct cp_marks *cp_marks_ship(struct cp_view *view, int (*is_safe)(void *ctx, const char *stem),
			       void *ctx);
/* All that was taken until now goes into a film of this name. 0; -EBUSY: another is not safe yet;
 * then it goes with the next. */
int cp_marks_film(struct cp_marks *marks, const char *stem);
/* The process has moved its recording, as it was while we were silent, to this one. */
void cp_marks_ship_on(struct cp_marks *marks, struct cp_view *view);
/* The last film of this recording is safe. Any thread that holds the view. */
void cp_view_film_is_safe(struct cp_view *view);
/* Moves the marks in the recording if that is so. */
void cp_marks_settle(struct cp_marks *marks);
/* There are no films any more: all that was taken is safe, or was given up. */
void cp_marks_finish(struct cp_marks *marks);

/* Adds what the recording holds beyond the marks (CPU, alloc_*) and what is alive now (inuse_*,
 * threads), for the profiles in the mask, and moves the marks; NULL: those in the recording.
 * pid is the process as the uploader sees it: a label of its samples, and where its living threads'
 * names are looked up. 0 or -errno (-ENOMEM); what was damaged is skipped. */
int cp_batch_take(struct cp_batch *batch, struct cp_view *view, struct cp_marks *marks, pid_t pid,
		  unsigned profiles);
/* Adds another batch, which stays as it is. 0 or -ENOMEM. */
int cp_batch_add(struct cp_batch *batch, const struct cp_batch *other);
/* Of each profile at most so many stacks of more than one frame, which take at most so many bytes
 * or a little more; what is more is summed up under one name. */
void cp_batch_bound(struct cp_batch *batch, uint32_t stacks, uint64_t bytes);
/* Moves the CPU marks without taking anything: the part of a period that is not profiled. */
void cp_batch_skip_cpu(struct cp_view *view, struct cp_marks *marks);
/* So long of the period nothing was sampled, because somebody wanted it so. */
void cp_batch_stopped(struct cp_batch *batch, uint64_t ns);
/* Whether any recording had this type switched on. */
int cp_batch_has(const struct cp_batch *batch, enum cp_profile profile);
/* A line for the comments of all its profiles; the last one counts. Without memory there is none.
 */
void cp_batch_remark(struct cp_batch *batch, const char *text);
/* How many samples a profile is made of, and how many are not as they should be. CPU: ticks; heap:
 * sampled allocations; threads: those alive, each being a sample. A stack may be both truncated (a
 * part was too deep to be kept) and ended early (its root was not reached). */
struct cp_coverage {
	uint64_t samples; /* with a stack */
	uint64_t lost;	  /* without */
	uint64_t truncated, ended_early;
};
void cp_batch_coverage(const struct cp_batch *batch, enum cp_profile profile,
		       struct cp_coverage *coverage);
/* The lost, by cause. Of CP_LOST_LIVE those that have a stack, but were not followed. Of threads,
 * those that were made in this time. */
uint64_t cp_batch_lost(const struct cp_batch *batch, enum cp_kind kind, enum cp_loss cause);
const char *cp_loss_name(enum cp_loss cause); /* such as "table_full" */

/* What all samples add up to, in the order of a profile's types; how many recordings there are in
 * it; and what the ticks that it is made of took, in ns. */
struct cp_whole {
	uint64_t n[CP_PROFILES][4];
	uint32_t recordings;
	uint64_t ticks_ns;
};
void cp_batch_whole(const struct cp_batch *batch, struct cp_whole *whole);
/* What a profile says it is: as in an upload, or what Go's server calls allocs and threadcreate. */
enum cp_show { CP_SHOW_PLAIN, CP_SHOW_ALLOCS, CP_SHOW_THREADCREATE };
void cp_batch_show(struct cp_batch *batch, enum cp_show show);

struct cp_bytes {
	uint8_t *data; /* malloc'ed; free() it */
	size_t len;
};
/* time_ns, duration_ns: protocols as Go writes them (CPU: start of its window; heap: the moment of
 * the snapshot, duration 0 in the first profile). The result is bare protobuf. 0 or -errno. */
int cp_batch_encode(struct cp_batch *batch, enum cp_profile profile, int64_t time_ns,
		    int64_t duration_ns, struct cp_bytes *out);

/* Instead of samples: these addresses of a process, into a batch of their own, of which
 * CP_PROFILE_THREADS is encoded; and what that says they are called, as Go's /debug/pprof/symbol
 * writes it. 0 or -errno. */
int cp_batch_addresses(struct cp_batch *batch, struct cp_view *view, pid_t pid,
		       const uint64_t *addresses, uint32_t count);
int cp_addresses_text(const struct cp_bytes *profile, const uint64_t *addresses, uint32_t count,
		      struct cp_bytes *out);
/* A profile as text for people, as Go writes it for ?debug=1: of the heap, else of what has one
 * value. 0 or -errno. */
int cp_legacy_text(const struct cp_bytes *profile, enum cp_profile which, struct cp_bytes *out);

/* ---- compression ---- */
int cp_gzip(const struct cp_bytes *in, struct cp_bytes *out);
int cp_zstd(const struct cp_bytes *in, struct cp_bytes *out);
/* Undoes either, or copies what is neither. -EBADMSG: damaged; -EFBIG: more than `most` bytes. */
int cp_unpack(const struct cp_bytes *in, struct cp_bytes *out, size_t most);
