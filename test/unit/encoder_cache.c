/* encoder_cache.c - what was looked up once is not looked up again, and takes no more than it may.
 */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <time.h>

#include "encoder/symbols.h"
#define WORKSHOP "/tmp/conprof-cache-XXXXXX"
#include "test/unit/workshop.h"

#define LIBRARIES 8
#define SECOND	  UINT64_C(1000000000)
#define LONG_AGO  (1000 * SECOND)

static uint64_t step_ns; /* how long each look at the clock seems to take */
static uint64_t fake_ns;
static bool prepared = true;

struct library {
	char path[256];
	uint8_t build_id[20];
	struct cp_module_id id;
	uint64_t start, end; /* of the function */
};

static struct library libraries[LIBRARIES];

/* The program's own comes before libc's. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	(void)clock;
	fake_ns += step_ns;
	*now = (struct timespec){(time_t)(fake_ns / SECOND), (long)(fake_ns % SECOND)};
	return 0;
}

static void describe(struct library *library, int number)
{
	char name[32], function[32];
	snprintf(name, sizeof(name), "%d.so", number);
	snprintf(function, sizeof(function), "function_%d", number);
	snprintf(library->path, sizeof(library->path), "%s", path_of(name));
	assert_int_equal(build_id_of(name, library->build_id), 20);
	library->id = (struct cp_module_id){
	    .path = library->path, .build_id = library->build_id, .build_id_len = 20};
	library->start = address_of(name, function, &library->end);
}

static int make_libraries(void **state)
{
	(void)state;
	if (workshop_open(NULL, NULL))
		return -1;
	shell(
	    "awk 'BEGIN { print \"int sink;\\nvoid function_N(int n)\\n{\";"
	    " for (i = 0; i < 200; i++) print \"\\tsink += n * \" i \";\"; print \"}\" }' >all.c");
	for (int i = 0; i < LIBRARIES; i++) {
		shell("sed 's/_N/_%d/' all.c >%d.c && "
		      "gcc -g -O0 -fPIC -shared -Wl,--build-id=sha1 -o %d.so %d.c",
		      i, i, i, i);
		describe(&libraries[i], i);
	}
	return 0;
}

static struct cp_symbols_status status_of(const struct cp_symbols *symbols)
{
	struct cp_symbols_status status;
	cp_symbols_status(symbols, &status);
	return status;
}

/* Asks for every address of the function; the sum of the lines that are known. */
static uint64_t ask(struct cp_symbols *symbols, int number)
{
	const struct library *library = &libraries[number];
	struct cp_image *image = cp_symbols_image(symbols, &library->id);
	char name[32];
	uint64_t sum = 0;
	snprintf(name, sizeof(name), "function_%d", number);
	uint32_t count = 0;
	uint64_t addresses[16384];
	for (uint64_t at = library->start; prepared && at < library->end; at++)
		addresses[count++] = at;
	cp_image_prepare(image, addresses, count);
	for (uint64_t at = library->start; at < library->end; at++) {
		struct cp_lines found = cp_image_lines(image, at);
		assert_int_equal(found.count, 1);
		assert_string_equal(found.lines[0].name, name);
		assert_string_equal(found.lines[0].system_name, name);
		sum += found.lines[0].line;
	}
	return sum;
}

static int descriptors(void)
{
	int count = 0;
	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Closes what is open. */
static void let_rest(struct cp_symbols *symbols)
{
	static uint64_t now;
	cp_symbols_rest(symbols, now += LONG_AGO);
	cp_symbols_rest(symbols, now += LONG_AGO);
	assert_int_equal(status_of(symbols).open, 0);
}

static void second_time_opens_nothing(void **state)
{
	(void)state;
	struct cp_symbols *symbols = cp_symbols_new();
	int before = descriptors();
	uint64_t first = ask(symbols, 0);
	struct cp_symbols_status then = status_of(symbols);
	assert_true(first > 0 && descriptors() > before);
	assert_int_equal(then.opens, 1);
	assert_int_equal(then.open, 1);
	assert_int_equal(then.looked_up, libraries[0].end - libraries[0].start);
	assert_int_equal(then.addresses, then.looked_up);
	assert_int_equal(then.asked, then.looked_up);
	let_rest(symbols);
	assert_int_equal(descriptors(), before);
	/* Not even the file must be there any more. */
	shell("mv %s %s.away", libraries[0].path, libraries[0].path);
	assert_int_equal(ask(symbols, 0), first);
	shell("mv %s.away %s", libraries[0].path, libraries[0].path);
	struct cp_symbols_status now = status_of(symbols);
	assert_int_equal(now.opens, 1);
	assert_int_equal(now.looked_up, then.looked_up);
	assert_int_equal(now.asked, 2 * then.asked);
	assert_int_equal(now.bytes, then.bytes);
	/* An address that is new needs the files again. */
	cp_image_lines(cp_symbols_image(symbols, &libraries[0].id), libraries[0].start - 1);
	assert_int_equal(status_of(symbols).opens, 2);
	cp_symbols_free(symbols);
}

/* What is asked for what is new stays open, others are closed, and opened again when something new
 * is asked. */
static void what_nobody_asks_for_is_closed(void **state)
{
	(void)state;
	struct cp_symbols *symbols = cp_symbols_new();
	const struct cp_module_id *one = &libraries[0].id, *other = &libraries[1].id;
	uint64_t fresh = libraries[0].start;
	int before = descriptors();
	cp_image_lines(cp_symbols_image(symbols, one), fresh++);
	int with_one = descriptors();
	cp_image_lines(cp_symbols_image(symbols, other), 0);
	int with_both = descriptors();
	assert_true(before < with_one && with_one < with_both);
	for (uint64_t now = 1; now < 500; now += 45) {
		cp_image_lines(cp_symbols_image(symbols, one), fresh++);
		cp_symbols_rest(symbols, now * SECOND);
		assert_int_equal(descriptors(), now < 101 ? with_both : with_one);
	}
	cp_symbols_rest(symbols, 1000 * SECOND);
	assert_int_equal(descriptors(), before);
	struct cp_image *image = cp_symbols_image(symbols, one);
	assert_string_equal(cp_image_lines(image, libraries[0].start).lines[0].name, "function_0");
	assert_int_equal(descriptors(), before); /* it is known */
	cp_image_lines(image, fresh);
	assert_int_equal(descriptors(), with_one);
	cp_symbols_free(symbols);
}

/* As if by a thousand processes that map it elsewhere, under other names. */
static void one_build_id_is_one_image(void **state)
{
	(void)state;
	struct cp_symbols *symbols = cp_symbols_new();
	ask(symbols, 0);
	struct cp_module_id elsewhere = libraries[0].id;
	for (int pid = 1; pid < 1000; pid++) {
		elsewhere.pid = 100000000 + pid;
		elsewhere.path = "/nonexistent";
		struct cp_image *image = cp_symbols_image(symbols, &elsewhere);
		assert_int_equal(cp_image_lines(image, libraries[0].start).count, 1);
	}
	assert_int_equal(status_of(symbols).opens, 1);
	assert_int_equal(status_of(symbols).images, 1);
	cp_symbols_free(symbols);
}

static void longest_unused_image_makes_room(void **state)
{
	(void)state;
	struct cp_symbols *symbols = cp_symbols_new();
	ask(symbols, 0);
	const uint64_t each = status_of(symbols).bytes, max = each * 4 + each / 2;
	cp_symbols_limit(symbols, max, 10 * SECOND);
	for (int i = 1; i < LIBRARIES; i++) {
		ask(symbols, i);
		assert_true(status_of(symbols).bytes <= max + each / 4);
		ask(symbols, 0); /* never the longest unused */
	}
	struct cp_symbols_status then = status_of(symbols);
	assert_true(then.evictions >= LIBRARIES - 5 && then.images >= 3);
	ask(symbols, LIBRARIES - 1);
	ask(symbols, 0);
	assert_int_equal(status_of(symbols).looked_up, then.looked_up);
	ask(symbols, 1);
	assert_true(status_of(symbols).looked_up > then.looked_up);
	cp_symbols_free(symbols);
}

static void one_image_alone_begins_anew(void **state)
{
	(void)state;
	struct cp_symbols *symbols = cp_symbols_new();
	uint64_t sum = ask(symbols, 0), all = status_of(symbols).bytes;
	cp_symbols_free(symbols);
	symbols = cp_symbols_new();
	cp_symbols_limit(symbols, all / 2, 10 * SECOND);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(symbols, 0), sum);
		assert_true(status_of(symbols).bytes < all); /* tables grow by doubling */
	}
	cp_symbols_limit(symbols, 0, 10 * SECOND);
	assert_int_equal(ask(symbols, 0), sum);
	assert_true(status_of(symbols).addresses <= 1);
	cp_symbols_free(symbols);
}

static char first[400], last[400]; /* lines for the log */
static int sayings;

static void hear(void *ctx, const char *line)
{
	(void)ctx;
	snprintf(sayings++ ? last : first, sizeof(first), "%s", line);
}

/* Names come from the symbol table, which is open; lines when there is time for them. */
static void what_takes_too_long_is_put_off(void **state)
{
	char expected[160];
	(void)state;
	struct cp_symbols *symbols = cp_symbols_new();
	const unsigned count = (unsigned)(libraries[0].end - libraries[0].start);
	cp_symbols_listen(symbols, hear, NULL);
	cp_symbols_limit(symbols, 1 << 20, 0);
	sayings = 0;
	assert_int_equal(ask(symbols, 0), 0);
	assert_int_equal(ask(symbols, 0), 0); /* another profile of the same time */
	assert_int_equal(status_of(symbols).looked_up, count);
	assert_int_equal(sayings, 0);
	cp_symbols_rest(symbols, 1);
	snprintf(expected, sizeof(expected),
		 "symbols: 0.0 s (0.0 of CPU) are over: %u addresses have no lines yet, the next "
		 "profile goes on",
		 count);
	assert_int_equal(sayings, 1);
	assert_string_equal(first, expected);
	cp_symbols_limit(symbols, 1 << 20, 10 * SECOND);
	assert_true(ask(symbols, 0) > 0);
	cp_symbols_rest(symbols, 2);
	assert_int_equal(sayings, 1);
	struct cp_symbols_status then = status_of(symbols);
	assert_true(ask(symbols, 0) > 0);
	assert_int_equal(status_of(symbols).looked_up, then.looked_up);
	assert_int_equal(then.addresses, count);
	cp_symbols_free(symbols);
}

/* Clocks that jump: 0.3 s for each address. */
static void who_waits_is_told_how_far(void **state)
{
	char expected[400];
	(void)state;
	struct cp_symbols *symbols = cp_symbols_new();
	const unsigned count = (unsigned)(libraries[0].end - libraries[0].start);
	cp_symbols_listen(symbols, hear, NULL);
	sayings = 0;
	step_ns = 3 * SECOND / 20;
	uint64_t sum = ask(symbols, 0);
	step_ns = 0;
	snprintf(expected, sizeof(expected), "symbols: %s: 7 of %u addresses, 2.1 s",
		 libraries[0].path, count);
	assert_true(sayings >= 4); /* at 2.1, 4.2, 6.3, 8.4 s ... */
	assert_string_equal(first, expected);
	cp_symbols_rest(symbols, 1);
	assert_true(strstr(last, " addresses have no lines yet"));
	assert_true(ask(symbols, 0) > sum);
	cp_symbols_free(symbols);
}

/* Lays something else over the beginning of the section, in a copy of a library. */
static void spoil(const char *copy, const char *section, const void *with, size_t size)
{
	struct cp_elf elf;
	Elf_Scn *at = NULL;
	GElf_Shdr header = {0};
	size_t names;
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, copy);
	assert_int_equal(cp_elf_open(path, &elf), 0);
	assert_int_equal(elf_getshdrstrndx(elf.elf, &names), 0);
	while ((at = elf_nextscn(elf.elf, at)) && gelf_getshdr(at, &header))
		if (!strcmp(elf_strptr(elf.elf, names, header.sh_name), section))
			break;
	assert_non_null(at);
	cp_elf_close(&elf);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, with, size, (off_t)header.sh_offset), size);
	close(fd);
}

/* Names are there, lines are not; and one line for the log, however often it is asked. */
static void ask_spoilt(const char *copy, const char *why)
{
	char path[64], line[400];
	snprintf(path, sizeof(path), "%s/%s", dir, copy);
	snprintf(line, sizeof(line), "symbols: %s: %s", path, why);
	struct cp_symbols *symbols = cp_symbols_new();
	struct cp_module_id id = libraries[0].id;
	id.path = path;
	cp_symbols_listen(symbols, hear, NULL);
	sayings = 0;
	for (uint64_t at = libraries[0].start; at < libraries[0].start + 100; at++) {
		struct cp_lines found = cp_image_lines(cp_symbols_image(symbols, &id), at);
		assert_int_equal(found.count, 1);
		assert_string_equal(found.lines[0].name, "function_0");
		assert_int_equal(found.lines[0].line, 0);
		let_rest(symbols);
	}
	assert_true(status_of(symbols).opens > 1);
	assert_int_equal(sayings, 1);
	assert_string_equal(first, line);
	cp_symbols_free(symbols);
}

static void what_cannot_be_read_is_said_once(void **state)
{
	static const char garbage[64] = {-1, -1, -1, -1};
	const uint64_t size = UINT64_C(300) << 20;
	Elf64_Chdr packed = {.ch_type = ELFCOMPRESS_ZLIB, .ch_size = size, .ch_addralign = 1};
	(void)state;
	shell("cp 0.so damaged.so && objcopy --compress-debug-sections 0.so large.so");
	spoil("damaged.so", ".debug_info", garbage, sizeof(garbage));
	ask_spoilt("damaged.so", "its debug information is damaged or of an old kind: no lines");
	spoil("large.so", ".debug_info", &packed, sizeof(packed));
	ask_spoilt("large.so", "its debug information takes 300 MB when it is unpacked: no lines "
			       "(objcopy --decompress-debug-sections helps)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(second_time_opens_nothing),
	    cmocka_unit_test(what_nobody_asks_for_is_closed),
	    cmocka_unit_test(one_build_id_is_one_image),
	    cmocka_unit_test(longest_unused_image_makes_room),
	    cmocka_unit_test(one_image_alone_begins_anew),
	    cmocka_unit_test(what_takes_too_long_is_put_off),
	    cmocka_unit_test(who_waits_is_told_how_far),
	    cmocka_unit_test(what_cannot_be_read_is_said_once),
	};
	return cmocka_run_group_tests(tests, make_libraries, workshop_close);
}
