/* places.c - turns the addresses of one recording into places that all processes share. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "encoder/batch.h"
#include "encoder/view.h"

/* How many modules may have lain at one address, one after the other. Older ones stay nameless. */
#define CP_OVERLAPS_MAX 1024u
/* Distinct addresses of one recording: as many as its pool of frames may reasonably hold. */
#define CP_KNOWN_MAX (1u << 22)

struct cp_seen_module {
	struct cp_view_module it;
	uint32_t mapping;
	bool asked;
};

static int by_start(const void *a, const void *b)
{
	const struct cp_seen_module *x = a, *y = b;
	return (x->it.start > y->it.start) - (x->it.start < y->it.start);
}

/* Read the string table only once per segment, when an address of it is first met. */
struct key {
	uint64_t file_offset;
	uint64_t start; /* in the ELF's own addresses: two that differ here are not the same */
	struct cp_file_id exe; /* without a build-id, of the program */
	char identity[CP_PATH_LEN + 1];
};

static size_t make_key(struct key *key, const struct cp_places *places,
		       const struct cp_view_module *module, const char *path)
{
	/* an upgrade leaves two programs of one name */
	key->exe = (struct cp_file_id){0};
	if (!module->build_id_len && !strcmp(path, places->exe))
		cp_origin_exe_id(places->view->origin, &key->exe);
	key->file_offset = module->file_offset;
	key->start = module->start - module->bias;
	size_t len = module->build_id_len;
	key->identity[0] = len ? 'b' : 'p';
	if (!len)
		len = strlen(path);
	memcpy(key->identity + 1, module->build_id_len ? (const char *)module->build_id : path,
	       len);
	return offsetof(struct key, identity) + 1 + len;
}

static bool is_taken(const struct cp_batch *batch, uint64_t start, uint64_t end)
{
	for (uint32_t i = 0; i < batch->mappings.count; i++) {
		const struct cp_mapping *other = cp_intern_value(&batch->mappings, i);
		if (other->path && start < other->end && other->start < end)
			return true;
	}
	return false;
}

/* A new segment's place in the profile: its own, or a free one above when two processes, or one
 * after dlclose, had different code at the same address. */
void cp_batch_settle(struct cp_batch *batch, struct cp_mapping *mapping, uint64_t start,
		     uint64_t end, uint64_t bias)
{
	mapping->start = start;
	mapping->end = end;
	mapping->bias = bias;
	uint64_t size = end - start;
	/* where those lie that were moved: in another batch it may have been */
	bool is_free = end <= CP_ROOM_START && !is_taken(batch, start, end);
	if (size > batch->next_free || is_free)
		return;
	const uint64_t page = 0x10000;
	uint64_t at = batch->next_free;
	if (at + size + page < at)
		return;
	batch->next_free = (at + size + page) & ~(page - 1);
	mapping->start = at;
	mapping->end = at + size;
	mapping->bias = bias + (at - start);
}

static void cut_deleted(char *path)
{
	static const char mark[] = " (deleted)";
	size_t len = strlen(path), mark_len = sizeof(mark) - 1;
	if (len > mark_len && !strcmp(path + len - mark_len, mark))
		path[len - mark_len] = 0;
}

/* A process that lives can be asked for what it has mapped; so the last who does is remembered. */
static void ask_there(struct cp_mapping *mapping, const struct cp_places *places,
		      const struct cp_view_module *module)
{
	if (mapping->pid && (!mapping->origin || mapping->origin->pid))
		return;
	cp_origin_drop(mapping->origin);
	mapping->origin = cp_origin_use(places->view->origin);
	mapping->pid = places->pid;
	mapping->seen_at = module->start;
}

static bool is_ours(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && !strcmp(slash + 1, "libconprof.so");
}

static uint32_t add_mapping(struct cp_places *places, const struct cp_view_module *module,
			    char *path)
{
	struct cp_batch *batch = places->batch;
	struct key key;
	uint32_t before = batch->mappings.count;
	uint32_t number = cp_intern(&batch->mappings, &key, make_key(&key, places, module, path));
	if (number == CP_NONE)
		return CP_NONE;
	struct cp_mapping *mapping = cp_intern_value(&batch->mappings, number);
	if (number == before) {
		cp_batch_settle(batch, mapping, module->start, module->end, module->bias);
		mapping->file_offset = module->file_offset;
		mapping->build_id_len = module->build_id_len;
		memcpy(mapping->build_id, module->build_id, sizeof(mapping->build_id));
		mapping->path = cp_arena_text(&batch->texts, path, strlen(path));
		mapping->is_ours = is_ours(path);
		mapping->is_main = path[0] && !strcmp(path, places->exe);
	}
	if (!mapping->path)
		return CP_NONE;
	ask_there(mapping, places, module);
	if (mapping->end - mapping->start < module->end - module->start)
		mapping->end = mapping->start + (module->end - module->start);
	return number;
}

static void resolve(struct cp_places *places, struct cp_seen_module *module)
{
	char path[CP_PATH_LEN];
	cp_view_string(places->view, module->it.path_at, path, sizeof(path));
	cut_deleted(path);
	module->mapping = add_mapping(places, &module->it, path);
	module->asked = true;
}

int cp_places_open(struct cp_places *places, struct cp_batch *batch, const struct cp_view *view,
		   pid_t pid)
{
	*places = (struct cp_places){.batch = batch, .view = view, .pid = pid};
	if (view->names) {
		places->before = view->names->counts;
		cp_perfmap_begin(view->names);
	}
	cp_intern_init(&places->known, CP_KNOWN_MAX, sizeof(uint32_t));
	const struct cp_recording *shared = cp_view_header(view);
	cp_view_text(shared->exe, sizeof(shared->exe), places->exe, sizeof(places->exe));
	cut_deleted(places->exe);
	uint32_t used = cp_view_modules(view);
	places->modules = calloc(used ? used : 1, sizeof(*places->modules));
	if (!places->modules)
		return -ENOMEM;
	for (uint32_t i = 0; i < used; i++) {
		struct cp_seen_module *module = &places->modules[places->count];
		if (!cp_view_module(view, i, &module->it))
			places->count++;
	}
	qsort(places->modules, places->count, sizeof(*places->modules), by_start);
	/* The program comes first in the profile even when it burnt nothing itself. */
	for (uint32_t i = 0; i < places->count && places->exe[0]; i++) {
		char path[CP_PATH_LEN];
		cp_view_string(view, places->modules[i].it.path_at, path, sizeof(path));
		cut_deleted(path);
		if (!strcmp(path, places->exe))
			resolve(places, &places->modules[i]);
	}
	return 0;
}

/* What was not read in this time; unread is what is left now. */
static void count_names(struct cp_places *places)
{
	struct cp_perfmap_counts *total = &places->batch->code_counts;
	const struct cp_perfmap_counts *now = &places->view->names->counts;
	total->refused += now->refused - places->before.refused;
	total->forgotten += now->forgotten - places->before.forgotten;
	total->unread += now->unread;
}

void cp_places_close(struct cp_places *places)
{
	if (places->view->names)
		count_names(places);
	cp_intern_free(&places->known);
	free(places->modules);
	places->modules = NULL;
}

static struct cp_seen_module *module_of(struct cp_places *places, uint64_t address, uint32_t epoch)
{
	uint32_t low = 0, high = places->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (places->modules[middle].it.start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (uint32_t back = 0; low && back < CP_OVERLAPS_MAX; back++) {
		struct cp_seen_module *module = &places->modules[--low];
		if (address < module->it.end && epoch >= module->it.epoch_from &&
		    epoch <= module->it.epoch_to)
			return module;
	}
	return NULL;
}

/* A module's code that the process mapped once more by itself has the names of the first. */
static struct cp_seen_module *module_again(struct cp_places *places, uint64_t *address)
{
	char path[CP_PATH_LEN];
	struct cp_perfmap *names = places->view->names;
	const struct cp_procmap *map = names ? cp_perfmap_file(names, *address) : NULL;
	uint64_t at = map ? *address - map->start + map->offset : 0;
	for (uint32_t i = 0; map && i < places->count; i++) {
		struct cp_seen_module *module = &places->modules[i];
		uint64_t from = module->it.file_offset;
		if (at < from || at - from >= module->it.end - module->it.start)
			continue;
		cp_view_string(places->view, module->it.path_at, path, sizeof(path));
		if (strcmp(path, map->path) != 0)
			continue;
		*address = module->it.start + (at - from);
		return module;
	}
	return NULL;
}

/* Code that was made at run time: its name holds for what is there now, at the snapshot. */
static uint32_t find_code(struct cp_places *places, uint64_t address)
{
	char name[CP_CODE_NAME_MAX];
	uint64_t start;
	struct cp_perfmap *names = places->view->names;
	return names && cp_perfmap_find(names, address, name, &start)
		   ? cp_batch_code(places->batch, name, start)
		   : CP_NONE;
}

uint32_t cp_places_find(struct cp_places *places, uint64_t address, uint32_t epoch)
{
	const struct {
		uint64_t address, epoch;
	} key = {address, epoch};
	uint32_t before = places->known.count;
	uint32_t number = cp_intern(&places->known, &key, sizeof(key));
	if (number == CP_NONE)
		return CP_NONE;
	uint32_t *place = cp_intern_value(&places->known, number);
	if (number != before)
		return *place;
	struct cp_seen_module *module = module_of(places, address, epoch);
	if (!module) {
		*place = find_code(places, address);
		if (*place != CP_NONE)
			return *place;
		module = module_again(places, &address);
	}
	if (module && !module->asked)
		resolve(places, module);
	if (module && module->mapping != CP_NONE) {
		const struct cp_mapping *mapping =
		    cp_intern_value(&places->batch->mappings, module->mapping);
		address = mapping->start + (address - module->it.start);
		*place = cp_batch_place(places->batch, module->mapping, address);
	} else {
		*place = cp_batch_place(places->batch, CP_NONE, address);
	}
	return *place;
}

bool cp_places_is_ours(const struct cp_places *places, uint32_t number)
{
	const struct cp_place *place = cp_intern_value(&places->batch->places, number);
	if (place->mapping == CP_NONE)
		return false;
	const struct cp_mapping *mapping =
	    cp_intern_value(&places->batch->mappings, place->mapping);
	return mapping->is_ours;
}
