/* uploader_family.c - what a process did is handed in once, however it goes and whoever is busy. */
/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "encoder/reader.h"
#include "test/unit/fake_recording.h"
#include "test/unit/unit.h"
#include "uploader/encoding.h"
#include "uploader/family.h"
#include "uploader/status.h"

#define BYTES	4096
#define OBJECTS 2

struct home {
	char dir[64];
	struct fake fake;
	pid_t pid; /* a child of ours, that sleeps */
	int done_fd;
	struct cp_family family;
};

/* cmocka catches SIGSEGV and its like, also in a child. */
static pid_t sleeper(void)
{
	pid_t pid = fork();
	if (!pid) {
		struct rlimit none = {0};
		setrlimit(RLIMIT_CORE, &none);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	return pid;
}

static void die(pid_t pid, int number)
{
	siginfo_t info;
	kill(pid, number);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static void move_in(struct home *home)
{
	static const uint64_t frames[] = {0x401000};
	struct cp_family *family = &home->family;
	*home = (struct home){.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	strcpy(home->dir, "/tmp/conprof-family-XXXXXX");
	assert_non_null(mkdtemp(home->dir));
	fake_new(&home->fake);
	home->pid = sleeper();
	snprintf(home->fake.rec->config.agent_socket, sizeof(home->fake.rec->config.agent_socket),
		 "dir://%s", home->dir);
	snprintf(home->fake.rec->config.spool_dir, sizeof(home->fake.rec->config.spool_dir), "%s",
		 home->dir);
	home->fake.rec->config.period_s = home->fake.rec->config.cpu_duration_s = 3600;
	home->fake.rec->config.upload_timeout_s = 10;
	uint32_t row = fake_row(&home->fake, CP_KIND_HEAP, 0, frames, 1);
	fake_count(&home->fake, row, CP_ALLOC_OBJECTS, OBJECTS * CP_OBJECT_ONE);
	fake_count(&home->fake, row, CP_ALLOC_BYTES, BYTES);
	family->epoll = epoll_create1(EPOLL_CLOEXEC);
	family->log = cp_log_new();
	family->symbols = cp_symbols_new();
	family->heartbeat = cp_heartbeat_new();
	family->delivery = cp_delivery_new(family->log, home->done_fd);
	family->encoding =
	    cp_encoding_new(family->log, family->symbols, family->delivery, home->done_fd);
	assert_int_equal(cp_family_join(family, home->fake.fd, home->pid, -1, 0), 0);
}

static void move_out(struct home *home)
{
	struct cp_family *family = &home->family;
	char command[128];
	cp_family_leave(family);
	cp_heartbeat_free(family->heartbeat);
	cp_symbols_free(family->symbols);
	cp_log_free(family->log);
	close(family->epoll);
	close(home->done_fd);
	fake_free(&home->fake);
	die(home->pid, SIGKILL);
	/* of what a test that failed has left there is no end to wait for */
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
	snprintf(command, sizeof(command), "rm -r %s", home->dir);
	assert_int_equal(system(command), 0); /* NOLINT */
}

static int64_t sum_of(const char *path, const char *type)
{
	struct cp_bytes file = {malloc(65536), 0};
	struct cp_reader *reader;
	struct cp_function_sum *sums;
	size_t count;
	int64_t whole = -1;
	FILE *stream = fopen(path, "re");
	assert_non_null(stream);
	file.len = fread(file.data, 1, 65536, stream);
	fclose(stream);
	assert_int_equal(cp_reader_open(&file, &reader), 0);
	for (size_t i = 0; i < cp_reader_types(reader); i++) {
		if (strcmp(cp_reader_type(reader, i), type) != 0)
			continue;
		assert_int_equal(cp_reader_sum(reader, i, &sums, &count, &whole), 0);
		free(sums);
	}
	cp_reader_close(reader);
	free(file.data);
	return whole;
}

/* Of all heap profiles that came out; how many. */
static int all_sums(const struct home *home, int64_t sums[3])
{
	static const char *const types[] = {"alloc_space", "inuse_objects", "inuse_space"};
	DIR *dir = opendir(home->dir);
	int found = 0;
	assert_non_null(dir);
	for (const struct dirent *entry; (entry = readdir(dir));) { /* NOLINT: one thread */
		char path[400];
		if (!strstr(entry->d_name, ".heap.pprof"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", home->dir, entry->d_name);
		for (int i = 0; i < 3; i++)
			sums[i] += sum_of(path, types[i]);
		found++;
	}
	closedir(dir);
	return found;
}

/* A film of its program is in the making, for ever so long. */
static void be_busy(struct home *home, int busy)
{
	home->family.programs->making = busy ? UINT64_MAX : 0;
}

static void expect_one_profile(struct home *home)
{
	int64_t sums[3] = {0};
	cp_encoding_finish(home->family.encoding, 1000);
	cp_delivery_finish(home->family.delivery, 10000);
	assert_int_equal(all_sums(home, sums), 1);
	assert_int_equal(sums[0], BYTES);
	assert_int_equal(sums[1], OBJECTS);
	assert_int_equal(sums[2], BYTES);
	move_out(home);
}

static void a_farewell_is_one_profile(void **state)
{
	struct home home;
	(void)state;
	move_in(&home);
	assert_int_equal(cp_family_farewell(&home.family, home.pid), 0);
	cp_family_ended(&home.family, home.family.members);
	cp_family_tick(&home.family, 1);
	expect_one_profile(&home);
}

static void a_farewell_while_busy_waits(void **state)
{
	struct home home;
	(void)state;
	move_in(&home);
	be_busy(&home, 1);
	assert_int_equal(cp_family_farewell(&home.family, home.pid), 0);
	cp_family_tick(&home.family, 1);
	be_busy(&home, 0);
	cp_family_tick(&home.family, 2);
	assert_true(home.family.members->ticket > 0);
	expect_one_profile(&home);
}

static void who_dies_while_busy_is_handed_in(void **state)
{
	struct home home;
	(void)state;
	move_in(&home);
	be_busy(&home, 1);
	assert_int_equal(cp_family_farewell(&home.family, home.pid), 0);
	cp_family_ended(&home.family, home.family.members);
	cp_family_tick(&home.family, 1);
	be_busy(&home, 0);
	cp_family_tick(&home.family, 2);
	expect_one_profile(&home);
}

/* The file of a full recording, and the one that took its place, in one period. */
static void a_renewal_is_one_profile(void **state)
{
	static const uint64_t frames[] = {0x402000};
	struct home home;
	struct fake old;
	(void)state;
	move_in(&home);
	old = home.fake;
	assert_int_equal(old.rec->uploader_pid, 0); /* of another pid namespace: 1234 is not his */
	fake_new(&home.fake);
	memcpy(&home.fake.rec->config, &old.rec->config, sizeof(old.rec->config));
	home.fake.rec->renewals = 1;
	uint32_t row = fake_row(&home.fake, CP_KIND_HEAP, 0, frames, 1);
	fake_count(&home.fake, row, CP_INHERITED_OBJECTS, OBJECTS * CP_OBJECT_ONE);
	fake_count(&home.fake, row, CP_INHERITED_BYTES, BYTES);
	home.fake.rec->pid = home.pid;
	assert_int_equal(cp_family_join(&home.family, home.fake.fd, home.pid, -1, 0), 0);
	assert_int_equal(home.fake.rec->uploader_pid, getpid());
	fake_free(&old);
	assert_int_equal(home.family.living, 1);
	cp_family_flush(&home.family);
	expect_one_profile(&home);
}

/* ---- who dies by a signal ---- */

/* As cp_family_ended is called for a pidfd that became ready. */
static void end_of(struct home *home, pid_t pid)
{
	struct cp_member *member = cp_family_member(&home->family, pid);
	assert_non_null(member);
	cp_family_ended(&home->family, member);
}

static void join(struct home *home, pid_t pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	home->fake.rec->start_monotonic_ns++;
	assert_int_equal(cp_family_join(&home->family, home->fake.fd, pid, pidfd, 0), 0);
}

static void wait_for_files(struct home *home, uint64_t ticket)
{
	for (int i = 0; i < 6000 && cp_delivery_done(home->family.delivery) < ticket; i++)
		usleep(10000);
	assert_true(cp_delivery_done(home->family.delivery) >= ticket);
}

static void a_crash_goes_out_at_once_and_alone(void **state)
{
	struct home home;
	int64_t sums[3] = {0};
	(void)state;
	move_in(&home);
	pid_t victim = sleeper();
	join(&home, victim);
	/* nobody ends a period here */
	die(victim, SIGABRT);
	end_of(&home, victim);
	struct cp_program *program = home.family.programs;
	assert_int_equal(program->ended[0].pid, victim);
	assert_true(program->ended[0].ticket > 0);
	assert_int_equal(program->ended[0].ending.number, SIGABRT);
	assert_int_equal(program->taken, 0);
	wait_for_files(&home, program->ended[0].ticket);
	assert_int_equal(all_sums(&home, sums), 1);
	assert_int_equal(sums[2], BYTES);
	/* what the other one has is its own; the dead one is not in it */
	cp_family_flush(&home.family);
	cp_encoding_finish(home.family.encoding, 1000);
	cp_delivery_finish(home.family.delivery, 10000);
	assert_int_equal(all_sums(&home, sums), 2);
	assert_int_equal(sums[2], BYTES + 2 * BYTES); /* the first one's was added twice */
	move_out(&home);
}

/* Seven die within a moment: the first goes out by itself, the others are counted in the period's.
 */
static void a_crowd_is_bounded_and_counted(void **state)
{
	struct home home;
	(void)state;
	move_in(&home);
	for (int i = 0; i < 7; i++) {
		pid_t victim = sleeper();
		join(&home, victim);
		die(victim, i % 2 ? SIGABRT : SIGQUIT);
		end_of(&home, victim);
	}
	struct cp_program *program = home.family.programs;
	assert_int_equal(program->signals, 7);
	assert_int_equal(program->endings.count, 6);
	assert_int_equal(program->endings.kinds, 2);
	cp_family_flush(&home.family);
	cp_encoding_finish(home.family.encoding, 1000);
	cp_delivery_finish(home.family.delivery, 10000);
	int64_t sums[3] = {0};
	assert_int_equal(all_sums(&home, sums), 2);
	move_out(&home);
}

static void who_exits_waits_for_the_period(void **state)
{
	struct home home;
	(void)state;
	move_in(&home);
	die(home.pid, SIGKILL);
	home.fake.rec->ended = cp_ended_exit(3);
	struct cp_ending ending;
	cp_member_ending(home.family.members, &ending);
	assert_int_equal(ending.how, CP_END_SIGNAL); /* the kernel knows better */
	assert_int_equal(waitpid(home.pid, NULL, 0), home.pid);
	end_of(&home, home.pid);
	struct cp_program *program = home.family.programs;
	assert_int_equal(program->ended[0].ending.how, CP_END_EXIT);
	assert_int_equal(program->ended[0].ending.number, 3);
	assert_int_equal(program->ended[0].ticket, 0);
	home.pid = sleeper();
	cp_family_flush(&home.family);
	expect_one_profile(&home);
}

static void exec_is_no_end(void **state)
{
	struct home home;
	(void)state;
	move_in(&home);
	home.fake.rec->ended = CP_ENDED_EXEC;
	die(home.pid, SIGABRT);
	end_of(&home, home.pid);
	assert_int_equal(home.family.programs->ended[0].ending.how, CP_END_EXEC);
	assert_int_equal(home.family.programs->endings.count, 0);
	cp_family_flush(&home.family);
	expect_one_profile(&home);
}

/* Two families whose processes have the same number, in the same second: as two containers have. */
static void namesakes_have_names_of_their_own(void **state)
{
	struct home home;
	(void)state;
	move_in(&home);
	struct cp_program *one = home.family.programs;
	struct cp_program *two =
	    cp_program_new(1, home.family.symbols, home.fake.rec, &one->config);
	struct cp_film *films[2];
	assert_non_null(two);
	cp_program_take(one, home.family.members, home.family.log, 0);
	cp_program_take(two, home.family.members, home.family.log, 0);
	two->taken_ns = one->taken_ns;
	two->living = 1;
	films[0] = cp_program_close_period(one, home.family.log, 0);
	films[1] = cp_program_close_period(two, home.family.log, 0);
	assert_true(films[0] && films[1]);
	assert_int_equal(films[0]->event.pid, films[1]->event.pid);
	assert_int_equal(films[0]->event.seq, films[1]->event.seq);
	assert_string_not_equal(films[0]->parcel->stem, films[1]->parcel->stem);
	cp_film_free(films[0]);
	cp_film_free(films[1]);
	cp_program_free(two);
	cp_encoding_finish(home.family.encoding, 1000);
	cp_delivery_finish(home.family.delivery, 1000);
	move_out(&home);
}

/* The clock on the wall is set back an hour within a period. */
static void a_clock_set_back_changes_no_duration(void **state)
{
	const int64_t hour = INT64_C(3600000000000);
	struct home home;
	(void)state;
	move_in(&home);
	struct cp_program *program = home.family.programs;
	for (int period = 0; period < 2; period++) {
		cp_program_take(program, home.family.members, home.family.log, 0);
		program->taken_ns -= period ? hour : 0;
		struct cp_film *film = cp_program_close_period(program, home.family.log, 0);
		assert_non_null(film);
		assert_true(film->event.start_ns <= film->event.end_ns);
		assert_true(film->event.end_ns - film->event.start_ns < hour);
		assert_int_equal(film->duration_ns[CP_PROFILE_HEAP] > 0, period);
		assert_true(film->duration_ns[CP_PROFILE_HEAP] < hour);
		cp_film_free(film);
	}
	cp_encoding_finish(home.family.encoding, 1000);
	cp_delivery_finish(home.family.delivery, 1000);
	move_out(&home);
}

/* What a build does: dozens of programs, each of which ends dozens of times. */
static void a_status_tells_of_all_programs(void **state)
{
	struct home home;
	struct cp_text text = {0};
	const struct cp_ending ending = {.how = CP_END_EXIT, .at_ns = cp_text_now()};
	(void)state;
	move_in(&home);
	struct cp_family *family = &home.family;
	for (unsigned i = 2; i <= 60; i++) {
		struct cp_program *program =
		    cp_program_new(i, family->symbols, home.fake.rec, &family->programs->config);
		assert_non_null(program);
		program->next = family->programs;
		family->programs = program;
	}
	for (struct cp_program *p = family->programs; p; p = p->next)
		for (int pid = 100001; pid <= 100070; pid++)
			cp_program_note_end(p, pid, &ending, 1);
	cp_family_status(family, &text);
	assert_true(text.len < CP_STATUS_MAX);
	assert_non_null(strstr(text.data, "ended\tpid=100070\tprogram=1\t"));
	assert_non_null(strstr(text.data, "ended\tpid=100070\tprogram=60\t"));
	assert_null(strstr(text.data, "ended\tpid=100001\t"));
	cp_text_free(&text);
	cp_encoding_finish(family->encoding, 1000);
	cp_delivery_finish(family->delivery, 1000);
	move_out(&home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_farewell_is_one_profile),
	    cmocka_unit_test(a_farewell_while_busy_waits),
	    cmocka_unit_test(who_dies_while_busy_is_handed_in),
	    cmocka_unit_test(a_renewal_is_one_profile),
	    cmocka_unit_test(a_crash_goes_out_at_once_and_alone),
	    cmocka_unit_test(a_crowd_is_bounded_and_counted),
	    cmocka_unit_test(who_exits_waits_for_the_period),
	    cmocka_unit_test(exec_is_no_end),
	    cmocka_unit_test(namesakes_have_names_of_their_own),
	    cmocka_unit_test(a_clock_set_back_changes_no_duration),
	    cmocka_unit_test(a_status_tells_of_all_programs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
