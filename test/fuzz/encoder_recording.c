/* encoder_recording.c - fuzz: any bytes as a recording give an error or a sound profile. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "encoder/encoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TABLES (9 * 1024 + 64) /* with room to begin at a multiple of 64 */

/* The header is long and mostly text: the input gives its numbers first, then bytes of the tables.
 * Each word of the header is taken as given or, by a bit of the first word, left as it should be.
 */
static void lay_out(struct cp_recording *rec, size_t size, uint64_t trust)
{
	uint64_t at = (sizeof(*rec) + 63) & ~UINT64_C(63);
	struct cp_table *const tables[] = {&rec->strings, &rec->modules, &rec->threads,
					   &rec->rows,	  &rec->index,	 &rec->rests,
					   &rec->frames,  &rec->marks};
	static const size_t entries[] = {
	    1, sizeof(struct cp_module), sizeof(struct cp_thread_slot), sizeof(struct cp_row), 8, 4,
	    8, sizeof(struct cp_mark)};
	for (unsigned i = 0; i < 8; i++) {
		if (trust >> i & 1) {
			*tables[i] = (struct cp_table){at, 1024 / entries[i]};
			at += 1024;
		}
	}
	if (trust >> 8 & 1) {
		rec->magic = CP_MAGIC;
		rec->abi = CP_ABI;
		rec->header_size = sizeof(*rec);
		rec->size = size;
	}
	if (trust >> 9 & 1) {
		rec->rows_used = rec->modules_used = 1024;
		rec->config.types = CP_TYPE_ALL;
	}
	/* the list of threads and their names are always there; what is in them is not believed */
	if (!(trust >> 2 & 1)) {
		rec->threads = (struct cp_table){at, 1024 / sizeof(struct cp_thread_slot)};
		at += 1024;
	}
	rec->names = (struct cp_table){at, 1024 / sizeof(struct cp_name)};
	if (!(trust >> 11 & 1))
		rec->moves = (struct cp_table){at, 1024 / sizeof(struct cp_move)};
	rec->film = trust >> 12 & 3;
	rec->film_moves = trust >> 14 & 1 ? UINT32_MAX : 9;
	memcpy(rec->film_stem, &trust, sizeof(trust));
	rec->threads_used = rec->names_used = 1024;
	rec->config.sample_labels = trust >> 10 & 1 ? 0 : CP_LABEL_ALL;
}

static int knows(void *ctx, const char *stem)
{
	return !ctx && stem[0] & 1;
}

static void ship(struct cp_view *view, struct cp_batch *batch)
{
	struct cp_marks *marks = cp_marks_ship(view, knows, NULL);
	if (!marks)
		return;
	cp_batch_take(batch, view, marks, 1, 7);
	cp_marks_film(marks, "film");
	cp_view_film_is_safe(view);
	cp_marks_settle(marks);
	cp_marks_finish(marks);
	cp_marks_free(marks);
}

static void take(struct cp_view *view)
{
	struct cp_symbols *symbols = cp_symbols_new();
	struct cp_batch *batch = cp_batch_new(symbols);
	struct cp_bytes bytes;
	if (!batch)
		abort();
	cp_batch_take(batch, view, NULL, 1, 7);
	for (int i = 0; i < CP_PROFILES; i++) {
		if (!cp_batch_encode(batch, (enum cp_profile)i, 1, 1, &bytes))
			free(bytes.data);
	}
	cp_view_threads(view);
	cp_batch_skip_cpu(view, NULL);
	ship(view, batch);
	cp_batch_free(batch);
	cp_symbols_free(symbols);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t trust;
	char why[128];
	struct cp_view *view;
	size_t room = sizeof(struct cp_recording) + TABLES;
	if (size < sizeof(trust) || size > room)
		return 0;
	memcpy(&trust, data, sizeof(trust));
	data += sizeof(trust);
	size -= sizeof(trust);
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, (off_t)room) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW))
		abort();
	uint8_t *at = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		abort();
	size_t head = size < 256 ? size : 256, tables = sizeof(struct cp_recording) & ~63ul;
	memcpy(at, data, head);
	memcpy(at + tables, data + head, size - head < TABLES ? size - head : TABLES);
	lay_out((struct cp_recording *)at, room, trust);
	if (!cp_view_open(fd, &view, why, sizeof(why))) {
		take(view);
		cp_view_close(view);
	}
	munmap(at, room);
	close(fd);
	return 0;
}

#ifdef CP_FUZZ_MAIN
#include "test/fuzz/replay.h"
#endif
