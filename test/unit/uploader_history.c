/* uploader_history.c - what is kept of periods for the page: what they add up to, within its
 * bounds, and as JSON. */
/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "test/unit/fake_recording.h"
#include "test/unit/unit.h"
#include "uploader/history.h"
#include "uploader/live_state.h"
#include "uploader/status.h"

#define SECOND INT64_C(1000000000)

/* Two seconds in which it used half a CPU, allocated six objects, and kept two. */
static struct cp_film *shoot(struct cp_symbols *symbols, uint64_t program, uint64_t seq,
			     size_t bytes)
{
	static const uint64_t frames[] = {0x401000, 0x402000};
	struct cp_film *film = calloc(1, sizeof(*film));
	struct cp_view *view;
	struct fake fake;
	char why[128];
	fake_new(&fake);
	fake.rec->config.types = CP_TYPE_CPU | CP_TYPE_HEAP;
	fake_module(&fake, "/nonexistent/shop", 0x400000, 0x500000, 0, 0x400000);
	uint32_t row = fake_row(&fake, CP_KIND_CPU, 0, frames, 2);
	fake_count(&fake, row, CP_CPU_NS, SECOND);
	fake_count(&fake, row, CP_CPU_SAMPLES, 100);
	row = fake_row(&fake, CP_KIND_HEAP, 0, frames, 2);
	fake_count(&fake, row, CP_ALLOC_OBJECTS, 6 * CP_OBJECT_ONE);
	fake_count(&fake, row, CP_ALLOC_BYTES, 6000);
	fake_count(&fake, row, CP_FREED_OBJECTS, 4 * CP_OBJECT_ONE);
	fake_count(&fake, row, CP_FREED_BYTES, 4000);
	assert_int_equal(cp_view_open(fake.fd, &view, why, sizeof(why)), 0);
	film->batch = cp_batch_new(symbols);
	assert_int_equal(cp_batch_take(film->batch, view, NULL, 1,
				       CP_BIT(CP_PROFILE_CPU) | CP_BIT(CP_PROFILE_HEAP)),
			 0);
	cp_view_close(view);
	fake_free(&fake);
	film->parcel = cp_parcel_new();
	film->parcel->program = program;
	snprintf(film->parcel->stem, sizeof(film->parcel->stem), "shop-1-%d", (int)seq);
	film->event.seq = seq;
	film->event.start_ns = 1000 * SECOND;
	film->event.end_ns = 1002 * SECOND;
	film->duration_ns[CP_PROFILE_CPU] = 2 * SECOND;
	film->event.lost[CP_KIND_CPU][CP_LOST_BUSY] = 3;
	film->event.coverage[CP_PROFILE_CPU].lost = 3;
	snprintf(film->event.service, sizeof(film->event.service), "shop");
	struct cp_bytes *cpu = &film->parcel->profiles[CP_PROFILE_CPU];
	cpu->data = malloc(bytes);
	cpu->len = bytes;
	unsigned chance = (unsigned)seq + 1; /* what cannot be packed smaller */
	for (size_t i = 0; i < bytes; i++) {
		chance = chance * 1664525 + 1013904223;
		cpu->data[i] = (uint8_t)(chance >> 24);
	}
	return film;
}

static void add(struct cp_history *history, struct cp_symbols *symbols, uint64_t program,
		uint64_t seq, size_t bytes)
{
	struct cp_film *film = shoot(symbols, program, seq, bytes);
	cp_history_add(history, film);
	cp_film_free(film);
}

static void near(double is, double should)
{
	assert_true(is > should * 0.999999 && is < should * 1.000001);
}

static void a_point_is_what_the_period_adds_up_to(void **state)
{
	struct cp_symbols *symbols = cp_symbols_new();
	struct cp_history *history = cp_history_new();
	(void)state;
	add(history, symbols, 7, 0, 1000);
	add(history, symbols, 7, 1, 1000);
	const struct cp_chapter *chapter = cp_history_chapter(history, 7);
	const struct cp_point *point = cp_history_point(chapter, 1);
	assert_int_equal(point->seq, 1);
	near(point->is[CP_DIMENSION_CPU], 0.5);
	near(point->is[CP_DIMENSION_ALLOCS], 3);
	near(point->is[CP_DIMENSION_ALLOC_BYTES], 3000);
	near(point->is[CP_DIMENSION_OBJECTS], 2);
	near(point->is[CP_DIMENSION_BYTES], 2000);
	assert_true(point->is[CP_DIMENSION_THREADS] < 0);
	assert_int_equal(point->lost, 3);
	assert_int_equal(point->processes, 1);
	assert_int_equal(chapter->lost[CP_KIND_CPU][CP_LOST_BUSY], 6);
	assert_null(cp_history_point(chapter, 2));
	/* who ended apart counts in the period that ends next, but for what it had in use */
	struct cp_film *film = shoot(symbols, 7, 2, 1000);
	const struct cp_ending ending = {.how = CP_END_SIGNAL, .number = 11};
	film->apart = 1;
	cp_endings_add(&film->event.endings, &ending, 12);
	cp_history_add(history, film);
	cp_film_free(film);
	assert_null(cp_history_point(chapter, 2));
	add(history, symbols, 7, 3, 1000);
	point = cp_history_point(chapter, 2);
	assert_int_equal(point->seq, 3);
	near(point->is[CP_DIMENSION_CPU], 1);
	near(point->is[CP_DIMENSION_ALLOCS], 6);
	near(point->is[CP_DIMENSION_OBJECTS], 2);
	assert_int_equal(point->lost, 6);
	assert_int_equal(point->processes, 2);
	const struct cp_print *print = cp_history_prints(history)->next->next;
	assert_true(print->apart && strstr(print->note, "12 ended by SIGSEGV"));
	assert_null(cp_history_chapter(history, 8));
	cp_history_free(history);
	cp_symbols_free(symbols);
}

static size_t weigh(const struct cp_history *history, unsigned *count)
{
	size_t bytes = 0;
	*count = 0;
	for (const struct cp_print *p = cp_history_prints(history); p; p = p->next, ++*count)
		bytes += sizeof(*p) + p->profiles[CP_PROFILE_CPU].len;
	return bytes;
}

/* Of one program so many periods, of all so many bytes: the oldest go. */
static void it_does_not_grow_beyond_its_bounds(void **state)
{
	struct cp_symbols *symbols = cp_symbols_new();
	struct cp_history *history = cp_history_new();
	unsigned count;
	(void)state;
	for (uint64_t seq = 0; seq < CP_HISTORY_POINTS + 10; seq++)
		add(history, symbols, 1, seq, 10);
	weigh(history, &count);
	assert_int_equal(count, CP_HISTORY_PERIODS);
	assert_int_equal(cp_history_prints(history)->seq,
			 CP_HISTORY_POINTS + 10 - CP_HISTORY_PERIODS);
	const struct cp_chapter *chapter = cp_history_chapter(history, 1);
	assert_int_equal(cp_history_point(chapter, 0)->seq, 10);
	assert_null(cp_history_point(chapter, CP_HISTORY_POINTS));
	for (uint64_t seq = 0; seq < 20; seq++)
		add(history, symbols, 2, seq, 1 << 20);
	assert_true(weigh(history, &count) <= CP_HISTORY_BYTES);
	assert_int_equal(count, 15);
	assert_int_equal(cp_history_prints(history)->seq, 5);
	assert_int_equal(cp_history_chapter(history, 1)->prints, 0);
	for (uint64_t program = 3; program < CP_HISTORY_PROGRAMS + 2; program++)
		add(history, symbols, program, 0, 10);
	assert_null(cp_history_chapter(history, 1));
	assert_non_null(cp_history_chapter(history, 2));
	add(history, symbols, CP_HISTORY_PROGRAMS + 2, 0, 10);
	assert_null(cp_history_chapter(history, 2));
	weigh(history, &count);
	assert_int_equal(count, CP_HISTORY_PROGRAMS);
	cp_history_free(history);
	cp_symbols_free(symbols);
}

/* A name is text: it ends no string, no tag, and is UTF-8 whatever it was. */
static void hostile_names_are_text_in_the_answer(void **state)
{
	static const char name[] = "</script><b>\"\\ \n\x1b[31m\xff\xc0\x80&'";
	static const char is[] = "\"name\":\"\\u003c/script\\u003e\\u003cb\\u003e\\\"\\\\ \\u000a"
				 "\\u001b[31m\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\\u0026'\"";
	struct cp_family family = {.log = cp_log_new(), .symbols = cp_symbols_new()};
	int done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct cp_text out = {0};
	(void)state;
	family.history = cp_history_new();
	family.delivery = cp_delivery_new(family.log, done_fd);
	struct cp_film *film = shoot(family.symbols, 1, 0, 10);
	memcpy(film->event.service, name, sizeof(name));
	memcpy(film->event.exe, name, sizeof(name));
	cp_history_add(family.history, film);
	cp_film_free(film);
	cp_live_state(&family, 0, 0, &out);
	assert_non_null(strstr(out.data, is));
	assert_non_null(strstr(out.data, "\"cpu\":0.500000,\"allocs\":3.000000"));
	assert_non_null(strstr(out.data, "\"threads\":null"));
	assert_null(strpbrk(out.data, "<>&"));
	for (const char *at = out.data; *at; at++)
		assert_true(*at == '\n' || !iscntrl((unsigned char)*at));
	cp_text_free(&out);
	cp_live_state(&family, 1, 1, &out);
	assert_non_null(strstr(out.data, "\"points\":[],"));
	cp_text_free(&out);
	cp_history_free(family.history);
	cp_delivery_finish(family.delivery, 1000);
	cp_log_free(family.log);
	cp_symbols_free(family.symbols);
	close(done_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_point_is_what_the_period_adds_up_to),
	    cmocka_unit_test(it_does_not_grow_beyond_its_bounds),
	    cmocka_unit_test(hostile_names_are_text_in_the_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
