/* uploader_encoding.c - films are made into parcels in their order, and none is left behind. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "test/unit/fake_recording.h"
#include "test/unit/unit.h"
#include "uploader/encoding.h"

#define FILMS 7 /* as many as may wait for delivery */

struct studio {
	char dir[64];
	int done_fd;
	struct cp_symbols *symbols;
	struct cp_log *log;
	struct cp_delivery *delivery;
	struct cp_encoding *encoding;
};

static void open_studio(struct studio *studio)
{
	strcpy(studio->dir, "/tmp/conprof-encoding-XXXXXX");
	assert_non_null(mkdtemp(studio->dir));
	studio->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	studio->symbols = cp_symbols_new();
	studio->log = cp_log_new();
	studio->delivery = cp_delivery_new(studio->log, studio->done_fd);
	studio->encoding =
	    cp_encoding_new(studio->log, studio->symbols, studio->delivery, studio->done_fd);
	assert_non_null(studio->encoding);
}

/* Ends all; then the files stand in the order of their numbers. */
static void close_studio(struct studio *studio)
{
	char command[128];
	cp_encoding_finish(studio->encoding, 1000);
	cp_delivery_finish(studio->delivery, 10000);
	cp_symbols_free(studio->symbols);
	cp_log_free(studio->log);
	close(studio->done_fd);
	snprintf(command, sizeof(command), "rm -r %s", studio->dir);
	assert_int_equal(system(command), 0); /* NOLINT */
}

static struct cp_film *shoot(const struct studio *studio, int number)
{
	static const uint64_t frames[] = {0x401000, 0x402000};
	struct cp_film *film = calloc(1, sizeof(*film));
	struct cp_view *view;
	struct fake fake;
	char why[128];
	fake_new(&fake);
	fake_module(&fake, "/nonexistent/shop", 0x400000, 0x500000, 0, 0x400000);
	fake_count(&fake, fake_row(&fake, CP_KIND_CPU, 0, frames, 2), CP_CPU_NS, 7 * FAKE_PERIOD);
	assert_int_equal(cp_view_open(fake.fd, &view, why, sizeof(why)), 0);
	film->batch = cp_batch_new(studio->symbols);
	film->profiles = CP_BIT(CP_PROFILE_CPU);
	assert_int_equal(cp_batch_take(film->batch, view, NULL, 1, CP_BIT(CP_PROFILE_CPU)), 0);
	cp_view_close(view);
	fake_free(&fake);
	film->parcel = cp_parcel_new();
	snprintf(film->parcel->stem, sizeof(film->parcel->stem), "shop-%02d", number);
	struct cp_config *config = &film->parcel->config;
	snprintf(config->agent_socket, sizeof(config->agent_socket), "dir://%.60s", studio->dir);
	config->upload_timeout_s = 10;
	return film;
}

static int is_there(const struct studio *studio, int number)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/shop-%02d.cpu.pprof", studio->dir, number);
	return access(path, R_OK) == 0;
}

static void films_become_parcels_in_their_order(void **state)
{
	struct studio studio;
	uint64_t last = 0;
	(void)state;
	open_studio(&studio);
	assert_true(cp_encoding_idle(studio.encoding));
	for (int i = 0; i < FILMS; i++) {
		uint64_t ticket = cp_encoding_push(studio.encoding, shoot(&studio, i));
		assert_true(ticket > last);
		last = ticket;
		/* as the uploader does with each program: not the next before this is made */
		for (int wait = 0; wait < 10000 && cp_encoding_made(studio.encoding) < ticket;
		     wait++)
			usleep(1000);
		assert_int_equal(cp_encoding_made(studio.encoding), ticket);
	}
	for (int wait = 0; wait < 10000 && cp_delivery_done(studio.delivery) < last; wait++)
		usleep(1000);
	assert_int_equal(cp_delivery_done(studio.delivery), last);
	assert_true(cp_encoding_idle(studio.encoding));
	for (int i = 0; i < FILMS; i++)
		assert_true(is_there(&studio, i));
	close_studio(&studio);
}

/* At the end, what was handed in a moment ago is made, too. */
static void none_is_left_behind(void **state)
{
	struct studio studio;
	(void)state;
	open_studio(&studio);
	for (int i = 0; i < 5; i++)
		cp_encoding_push(studio.encoding, shoot(&studio, i));
	cp_encoding_finish(studio.encoding, 1000);
	studio.encoding = NULL;
	cp_delivery_finish(studio.delivery, 10000);
	studio.delivery = NULL;
	for (int i = 0; i < 5; i++)
		assert_true(is_there(&studio, i));
	close_studio(&studio);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(films_become_parcels_in_their_order),
	    cmocka_unit_test(none_is_left_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
