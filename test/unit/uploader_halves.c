/* uploader_halves.c - proves that the next uploader goes on in the midst of a parcel of several
 * requests, and that a bad note of how far it came loses nothing. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/eventfd.h>

#include "pushed.h"
#include "spooled.h"
#include "uploader/delivery.h"
#include "uploader/mark.h"

/* How many requests of it the next uploader knows to have arrived; it sends none. */
static unsigned known(struct cp_parcel *parcel, int mark)
{
	struct cp_push_progress progress = {0};
	struct cp_secrets secrets = {0};
	struct server server;
	struct cp_told told = {0};
	start(&server, "b");
	assert_int_equal(cp_push_send(&server.address, &secrets, parcel,
				      ((struct cp_push_how){60000, mark}), &progress, &told),
			 CP_AGAIN);
	stop(&server);
	return progress.halves[0].done;
}

/* Killed between two requests: the next uploader goes on with the second, if what the mark says is
 * of these very requests; else with the first, so that nothing is lost. */
static void the_next_uploader_goes_on(void **state)
{
	static const struct {
		size_t len;
		const char *text;
	} bad[] = {{0, ""},
		   {1, ""},
		   {5, "\0sent"},
		   {34, "sent 00000001 of 0000000000000000\n"},
		   {35, "\0sent 00000001 of 0000000000000000\n"},
		   {18, "\0sent 00000001 of "},
		   {35, "\0sent -0000001 of -000000000000000\n"},
		   {35, "\0sent ffffffff of ffffffffffffffff\n"},
		   {35, "\0sent 00000000 of 0000000000000000\n"},
		   {35, "\0part 00000000 of 0000000000000000\n"},
		   {35, "\0past 00000001 of 0000000000000000\n"},
		   {36, "\0sent 00000000 of 0000000000000000\n\n"},
		   {7, "\n\n\n\x01\0\x7f\n"}};
	struct cp_parcel *parcel = make_parcel();
	struct cp_push_progress mine = {0}, next = {0};
	struct cp_secrets secrets = {0};
	struct server server;
	struct cp_told told = {0};
	char dir[] = "/tmp/conprof-unit-XXXXXX", to[CP_ADDRESS_LEN], name[CP_MARK_NAME];
	(void)state;
	assert_non_null(mkdtemp(dir));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	start(&server, "obo");
	snprintf(to, sizeof to, "pyroscope+%.100s", server.address.url);
	int mark = cp_mark_make(fd, parcel->stem, to);
	assert_true(mark >= 0);
	assert_int_equal(known(parcel, mark), 0);
	assert_int_equal(cp_push_send(&server.address, &secrets, parcel,
				      ((struct cp_push_how){60000, mark}), &mine, &told),
			 CP_AGAIN);
	close(mark); /* SIGKILL does that */
	mark = cp_mark_take(fd, parcel->stem, cp_address_number(to), to);
	assert_true(mark >= 0);
	assert_int_equal(known(parcel, mark), 1);
	assert_int_equal(known(parcel, -1), 0);
	assert_int_equal(cp_push_send(&server.address, &secrets, parcel,
				      ((struct cp_push_how){60000, mark}), &next, &told),
			 CP_SENT);
	assert_int_equal(server.asked, 3);
	assert_int_equal(server.sum, WHOLE);
	stop(&server);
	off_t len = lseek(mark, 0, SEEK_END) - 35;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(ftruncate(mark, len), 0);
		assert_int_equal(pwrite(mark, bad[i].text, bad[i].len, len), bad[i].len);
		close(mark);
		mark = cp_mark_take(fd, parcel->stem, cp_address_number(to), to);
		assert_true(mark >= 0);
		assert_int_equal(known(parcel, mark), 0);
	}
	/* of other requests */
	assert_int_equal(ftruncate(mark, len), 0);
	cp_mark_note(mark, &(struct cp_mark_note){1, 0, 0x1234});
	assert_int_equal(known(parcel, mark), 0);
	close(mark);
	cp_mark_name(parcel->stem, cp_address_number(to), name);
	assert_int_equal(unlinkat(fd, name, 0), 0);
	assert_int_equal(rmdir(dir), 0);
	close(fd);
	cp_parcel_free(parcel);
}

/* The first request refused, the second put off: whoever sends that, the parcel is one of which the
 * server has refused a part. */
static void what_was_refused_before_stays_refused(void **state)
{
	struct cp_parcel *parcel = make_parcel();
	struct cp_secrets secrets = {0};
	(void)state;
	for (int killed = 0; killed < 2; killed++) {
		struct cp_push_progress mine = {0}, next = {0};
		struct server server;
		struct cp_told told = {0};
		char dir[] = "/tmp/conprof-unit-XXXXXX", to[CP_ADDRESS_LEN], name[CP_MARK_NAME];
		assert_non_null(mkdtemp(dir));
		int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		start(&server, "rbob");
		snprintf(to, sizeof to, "pyroscope+%.100s", server.address.url);
		struct cp_push_how how = {60000, cp_mark_make(fd, parcel->stem, to)};
		struct cp_push_progress *progress = killed ? &next : &mine;
		assert_int_equal(cp_push_send(&server.address, &secrets, parcel, how, &mine, &told),
				 CP_AGAIN);
		assert_int_equal(
		    cp_push_send(&server.address, &secrets, parcel, how, progress, &told),
		    CP_REFUSED);
		assert_int_equal(server.asked, 3);
		assert_non_null(strstr(told.why, "in an earlier attempt"));
		/* the same again, from the beginning: what it was is forgotten */
		assert_int_equal(ftruncate(how.mark, 0), 0);
		assert_int_equal(
		    cp_push_send(&server.address, &secrets, parcel, how, progress, &told),
		    CP_AGAIN);
		assert_int_equal(progress->halves[progress->next - 1].refused, 0);
		stop(&server);
		close(how.mark);
		cp_mark_name(parcel->stem, cp_address_number(to), name);
		assert_int_equal(unlinkat(fd, name, 0), 0);
		assert_int_equal(rmdir(dir), 0);
		close(fd);
	}
	cp_parcel_free(parcel);
}

static int in_mark(const char *text)
{
	char command[200];
	snprintf(command, sizeof command, "grep -aqs '%s' %s/spool/*.send-to.*", text, base);
	return system(command) == 0;
}

/* An uploader, which is given this profile. */
static struct cp_delivery *open_up(const struct server *server, int fd, int seq, size_t samples)
{
	struct cp_delivery *delivery = cp_delivery_new(NULL, fd);
	struct cp_parcel *one = make_parcel();
	struct cp_bytes plain = make_profile(samples), *cpu = &one->profiles[CP_PROFILE_CPU];
	snprintf(one->stem, sizeof one->stem, "x-1-20260101T000000Z-%d", seq);
	cp_text_free(&one->event);
	cp_text_addf(&one->event, "{\"seq\":%d,\"attachments\":[\"cpu.pprof\"]}\n", seq);
	free(cpu->data);
	assert_int_equal(cp_gzip(&plain, cpu), 0);
	free(plain.data);
	snprintf(one->config.agent_socket, sizeof one->config.agent_socket,
		 "pyroscope+http://127.0.0.1:%d", server->port);
	snprintf(one->config.spool_dir, sizeof one->config.spool_dir, "%s/spool", base);
	one->config.spool_max_bytes = 16 << 20;
	one->config.upload_timeout_s = 60;
	one->ticket = cp_delivery_ticket(delivery);
	cp_delivery_push(delivery, one);
	return delivery;
}

/* The same by who delivers: one uploader leaves it half done, the next one finds it. */
static void a_clerk_keeps_it_in_the_mark(void **state)
{
	struct server server;
	char command[200];
	int fd = eventfd(0, EFD_CLOEXEC);
	(void)state;
	start(&server, "obbbbbbbbbbbbbbb");
	struct cp_delivery *first = open_up(&server, fd, 0, SAMPLES);
	while (!cp_delivery_idle(first))
		usleep(1000);
	cp_delivery_finish(first, 0);
	assert_true(server.asked >= 2); /* more, where a machine has stood still for long */
	assert_true(in_mark("sent 00000001 of "));
	snprintf(command, sizeof command, "rm %s/spool/retry.*", base); /* its patience */
	assert_int_equal(system(command), 0);
	server.answers = "oo";
	server.asked = 0;
	struct cp_delivery *second = open_up(&server, fd, 1, 99);
	cp_delivery_finish(second, 60000);
	close(fd);
	stop(&server);
	assert_int_equal(server.asked, 2);
	assert_int_equal(server.sum, WHOLE + 99 * 100 / 2);
	assert_int_equal(files("*.send-to.*"), 0);
}

static int begin(void **state)
{
	return cp_http_start() || make_base(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_next_uploader_goes_on),
	    cmocka_unit_test(what_was_refused_before_stays_refused),
	    cmocka_unit_test(a_clerk_keeps_it_in_the_mark),
	};
	return cmocka_run_group_tests(tests, begin, drop_base);
}
