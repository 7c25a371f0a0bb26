/* history.c - what the uploader still knows of the periods that are over, for whoever looks. */
/* SPDX-License-Identifier: MIT */
#include "uploader/history.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cp_history {
	pthread_mutex_t lock;
	struct cp_chapter *chapters; /* by their last period, newest first */
	unsigned count;
	struct cp_print *first, **last; /* oldest first */
	size_t bytes;
};

struct cp_history *cp_history_new(void)
{
	struct cp_history *history = calloc(1, sizeof *history);
	if (!history)
		return NULL;
	history->last = &history->first;
	pthread_mutex_init(&history->lock, NULL);
	return history;
}

void cp_history_lock(struct cp_history *history)
{
	pthread_mutex_lock(&history->lock);
}

void cp_history_unlock(struct cp_history *history)
{
	pthread_mutex_unlock(&history->lock);
}

static void free_print(struct cp_print *print)
{
	for (int i = 0; print && i < CP_PROFILES; i++)
		free(print->profiles[i].data);
	free(print);
}

static size_t size_of(const struct cp_print *print)
{
	size_t size = sizeof *print;
	for (int i = 0; i < CP_PROFILES; i++)
		size += print->profiles[i].len;
	return size;
}

static void free_chapter(struct cp_chapter *chapter)
{
	free(chapter->points);
	free(chapter);
}

void cp_history_free(struct cp_history *history)
{
	if (!history)
		return;
	while (history->first) {
		struct cp_print *print = history->first;
		history->first = print->next;
		free_print(print);
	}
	while (history->chapters) {
		struct cp_chapter *chapter = history->chapters;
		history->chapters = chapter->next;
		free_chapter(chapter);
	}
	pthread_mutex_destroy(&history->lock);
	free(history);
}

const struct cp_chapter *cp_history_chapters(const struct cp_history *history)
{
	return history->chapters;
}

const struct cp_print *cp_history_prints(const struct cp_history *history)
{
	return history->first;
}

static struct cp_chapter **find(struct cp_history *history, uint64_t program)
{
	struct cp_chapter **at = &history->chapters;
	while (*at && (*at)->program != program)
		at = &(*at)->next;
	return at;
}

const struct cp_chapter *cp_history_chapter(const struct cp_history *history, uint64_t program)
{
	const struct cp_chapter *chapter = history->chapters;
	while (chapter && chapter->program != program)
		chapter = chapter->next;
	return chapter;
}

const struct cp_point *cp_history_point(const struct cp_chapter *chapter, unsigned number)
{
	uint64_t kept = chapter->written < CP_HISTORY_POINTS ? chapter->written : CP_HISTORY_POINTS;
	if (number >= kept)
		return NULL;
	return &chapter->points[(chapter->written - kept + number) % CP_HISTORY_POINTS];
}

/* One print less: the first of this program, or of any when it is 0. */
static void drop(struct cp_history *history, uint64_t program)
{
	struct cp_print **at = &history->first;
	while (*at && program && (*at)->program != program)
		at = &(*at)->next;
	struct cp_print *print = *at;
	if (!print)
		return;
	*at = print->next;
	if (history->last == &print->next)
		history->last = at;
	struct cp_chapter *chapter = *find(history, print->program);
	if (chapter)
		chapter->prints--;
	history->bytes -= size_of(print);
	free_print(print);
}

/* The chapter of whoever had no period for longest. */
static void drop_chapter(struct cp_history *history)
{
	struct cp_chapter **at = &history->chapters;
	while (*at && (*at)->next)
		at = &(*at)->next;
	struct cp_chapter *chapter = *at;
	if (!chapter)
		return;
	while (chapter->prints)
		drop(history, chapter->program);
	*at = NULL;
	history->count--;
	free_chapter(chapter);
}

/* The program's chapter, which is the first now; NULL when out of memory. */
static struct cp_chapter *chapter_of(struct cp_history *history, const struct cp_film *film)
{
	struct cp_chapter **at = find(history, film->parcel->program);
	struct cp_chapter *chapter = *at;
	if (chapter) {
		*at = chapter->next;
	} else {
		chapter = calloc(1, sizeof *chapter);
		if (chapter)
			chapter->points = calloc(CP_HISTORY_POINTS, sizeof *chapter->points);
		if (!chapter || !chapter->points) {
			free(chapter);
			return NULL;
		}
		chapter->program = film->parcel->program;
		memcpy(chapter->service, film->event.service, sizeof chapter->service);
		memcpy(chapter->exe, film->event.exe, sizeof chapter->exe);
		if (++history->count > CP_HISTORY_PROGRAMS)
			drop_chapter(history);
	}
	chapter->next = history->chapters;
	history->chapters = chapter;
	return chapter;
}

/* A profile's time where it has one, else the period's. */
static double seconds(const struct cp_film *film, enum cp_profile profile)
{
	int64_t ns = film->duration_ns[profile];
	if (ns <= 0)
		ns = film->event.end_ns - film->event.start_ns;
	return ns > 0 ? (double)ns / 1e9 : 1;
}

static void measure(const struct cp_film *film, struct cp_point *point)
{
	struct cp_whole whole;
	cp_batch_whole(film->batch, &whole);
	const uint64_t *heap = whole.n[CP_PROFILE_HEAP];
	*point = (struct cp_point){.seq = film->event.seq,
				   .start_ns = film->event.start_ns,
				   .end_ns = film->event.end_ns,
				   .is = {-1, -1, -1, -1, -1, -1},
				   .ticks_s = (double)whole.ticks_ns / 1e9,
				   .processes = whole.recordings};
	if (cp_batch_has(film->batch, CP_PROFILE_CPU))
		point->is[CP_DIMENSION_CPU] = (double)whole.n[CP_PROFILE_CPU][1] / 1e9;
	if (cp_batch_has(film->batch, CP_PROFILE_HEAP)) {
		point->is[CP_DIMENSION_ALLOCS] = (double)heap[0];
		point->is[CP_DIMENSION_ALLOC_BYTES] = (double)heap[1];
		point->is[CP_DIMENSION_OBJECTS] = (double)heap[2];
		point->is[CP_DIMENSION_BYTES] = (double)heap[3];
	}
	if (cp_batch_has(film->batch, CP_PROFILE_THREADS))
		point->is[CP_DIMENSION_THREADS] = (double)whole.n[CP_PROFILE_THREADS][0];
	for (int i = 0; i < CP_PROFILES; i++)
		point->lost += film->event.coverage[i].lost;
}

/* What is new adds up; what was in use at an end is so no longer. */
static void join(struct cp_point *point, const struct cp_point *more)
{
	for (int i = CP_DIMENSION_CPU; i <= CP_DIMENSION_ALLOC_BYTES; i++)
		if (more->is[i] > 0)
			point->is[i] = more->is[i] + (point->is[i] > 0 ? point->is[i] : 0);
	point->lost += more->lost;
	point->ticks_s += more->ticks_s;
	point->processes += more->processes;
}

/* A process that ended apart is of the period that ends next. */
static void enter(struct cp_chapter *chapter, const struct cp_film *film,
		  const struct cp_point *sums)
{
	if (film->apart) {
		join(&chapter->apart, sums);
		return;
	}
	struct cp_point point = *sums;
	join(&point, &chapter->apart);
	chapter->apart = (struct cp_point){0};
	for (int i = CP_DIMENSION_CPU; i <= CP_DIMENSION_ALLOC_BYTES; i++)
		if (point.is[i] > 0)
			point.is[i] /=
			    seconds(film, i == CP_DIMENSION_CPU ? CP_PROFILE_CPU : CP_PROFILE_HEAP);
	chapter->points[chapter->written++ % CP_HISTORY_POINTS] = point;
}

static void say_endings(const struct cp_film *film, struct cp_print *print)
{
	struct cp_text text = {0};
	if (film->event.endings.count)
		cp_endings_say(&film->event.endings, &text);
	if (text.data)
		snprintf(print->note, sizeof print->note, "%s", text.data);
	cp_text_free(&text);
}

/* Outside the lock: this is what takes time. */
static struct cp_print *print_of(const struct cp_film *film)
{
	struct cp_print *print = calloc(1, sizeof *print);
	if (!print)
		return NULL;
	print->program = film->parcel->program;
	print->seq = film->event.seq;
	print->start_ns = film->event.start_ns;
	print->end_ns = film->event.end_ns;
	print->apart = film->apart;
	say_endings(film, print);
	memcpy(print->stem, film->parcel->stem, sizeof print->stem);
	for (int i = 0; i < CP_PROFILES; i++)
		if (film->parcel->profiles[i].len &&
		    cp_gzip(&film->parcel->profiles[i], &print->profiles[i]))
			print->profiles[i] = (struct cp_bytes){0};
	return print;
}

static void keep(struct cp_history *history, struct cp_chapter *chapter, struct cp_print *print)
{
	if (chapter->prints == CP_HISTORY_PERIODS)
		drop(history, chapter->program);
	history->bytes += size_of(print);
	*history->last = print;
	history->last = &print->next;
	chapter->prints++;
	while (history->bytes > CP_HISTORY_BYTES)
		drop(history, 0);
}

void cp_history_add(struct cp_history *history, const struct cp_film *film)
{
	struct cp_point sums;
	measure(film, &sums);
	struct cp_print *print = print_of(film);
	pthread_mutex_lock(&history->lock);
	struct cp_chapter *chapter = chapter_of(history, film);
	if (chapter)
		enter(chapter, film, &sums);
	for (int kind = 0; chapter && kind < CP_KINDS; kind++)
		for (int cause = 0; cause < CP_LOSSES; cause++)
			chapter->lost[kind][cause] += film->event.lost[kind][cause];
	if (chapter && print)
		keep(history, chapter, print);
	else
		free_print(print);
	pthread_mutex_unlock(&history->lock);
}
