/* encoder_who.c - the labels of samples: which process, which thread, and what it is called. */
/* SPDX-License-Identifier: MIT */
#include <sys/prctl.h>

#include "encoder/batch.h"
#include "test/unit/fake_recording.h"
#include "test/unit/unit.h"
#include "test/unit/unpacked.h"

#define PID 77 /* not the fake's own number: /proc is not asked */
#define ALL (CP_BIT(CP_PROFILE_HEAP) | CP_BIT(CP_PROFILE_THREADS) | CP_BIT(CP_PROFILE_CPU))

struct bench {
	struct fake fake;
	struct cp_view *view;
	Cp__Profile *p;
};

static const uint64_t frames[] = {0x400200, 0x400300};

static void set_up(struct bench *bench)
{
	char why[128];
	fake_new(&bench->fake);
	fake_module(&bench->fake, "/bin/fake", 0x400000, 0x500000, 0, 0x400000);
	assert_int_equal(cp_view_open(bench->fake.fd, &bench->view, why, sizeof(why)), 0);
	bench->p = NULL;
}

static void tear_down(struct bench *bench)
{
	cp__profile__free_unpacked(bench->p, NULL);
	cp_view_close(bench->view);
	fake_free(&bench->fake);
}

static void take(struct bench *bench, pid_t pid, enum cp_profile which)
{
	struct cp_batch *batch = cp_batch_new(NULL);
	cp__profile__free_unpacked(bench->p, NULL);
	assert_int_equal(cp_batch_take(batch, bench->view, NULL, pid, ALL), 0);
	bench->p = unpack(batch, which);
	assert_true(is_valid(bench->p));
	cp_batch_free(batch);
}

/* A row of that kind whose frames are led by this word. */
static void row_of(struct bench *bench, enum cp_kind kind, uint32_t who)
{
	struct fake *fake = &bench->fake;
	uint32_t row = fake_row(fake, kind, 0, frames, 2);
	uint64_t *pool = (uint64_t *)((char *)fake->rec + fake->rec->frames.at);
	pool[fake_row_at(fake, row)->frames_at - 1] |= (uint64_t)who << 32;
	fake_count(fake, row, 0, CP_OBJECT_ONE);
	fake_count(fake, row, 1, 100);
}

static struct cp_thread_slot *slot(struct bench *bench, uint32_t number, int32_t tid,
				   uint32_t state, uint32_t name)
{
	struct cp_recording *rec = bench->fake.rec;
	struct cp_thread_slot *at =
	    (struct cp_thread_slot *)((char *)rec + rec->threads.at) + number;
	at->tid = tid;
	at->state = state;
	at->name = name;
	if (rec->threads_used <= number)
		rec->threads_used = number + 1;
	return at;
}

static void name(struct bench *bench, uint32_t number, const char text[16])
{
	struct cp_recording *rec = bench->fake.rec;
	memcpy((char *)rec + rec->names.at + (number - 1) * sizeof(struct cp_name), text, 16);
	rec->names_used = number;
}

/* "pid=77 tid=5 thread=x": of the nth sample, in the order of its labels. */
static const char *labels(struct bench *bench, size_t n)
{
	static char text[200];
	size_t len = 0;
	text[0] = 0;
	const Cp__Sample *sample = n < bench->p->n_sample ? bench->p->sample[n] : NULL;
	for (size_t i = 0; sample && i < sample->n_label; i++) {
		const Cp__Label *label = sample->label[i];
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s=", i ? " " : "",
					text_of(bench->p, label->key));
		if (label->str)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s",
						text_of(bench->p, label->str));
		else
			len +=
			    (size_t)snprintf(text + len, sizeof(text) - len, "%d", (int)label->num);
	}
	return sample ? text : "no sample";
}

static void cpu_has_its_thread(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench);
	name(&bench, 1, "alpha\0\0\0\0\0\0\0\0\0\0");
	name(&bench, 2, "fifteen letters\0");
	slot(&bench, 0, 10, CP_THREAD_ALIVE, 1);
	slot(&bench, 1, 11, cp_thread_ended(5), 2);
	slot(&bench, 2, 12, CP_THREAD_ALIVE, 0);
	for (uint32_t who = 0; who <= 3; who++)
		row_of(&bench, CP_KIND_CPU, who);
	row_of(&bench, CP_KIND_CPU, CP_WHO_NAME | 2);
	take(&bench, PID, CP_PROFILE_CPU);
	assert_int_equal(bench.p->n_sample, 5);
	assert_string_equal(labels(&bench, 0), "pid=77");
	assert_string_equal(labels(&bench, 1), "pid=77 tid=10 thread=alpha");
	assert_string_equal(labels(&bench, 2), "pid=77 tid=11 thread=fifteen letters");
	assert_string_equal(labels(&bench, 3), "pid=77 tid=12");
	assert_string_equal(labels(&bench, 4), "pid=77 thread=fifteen letters");
	tear_down(&bench);
}

/* Two rows of one name are one sample; what is not text is. */
static void names_are_clean_and_one(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench);
	name(&bench, 1, "a\xff\n\0\0\0\0\0\0\0\0\0\0\0\0");
	name(&bench, 2, "a\xfe\t\0\0\0\0\0\0\0\0\0\0\0\0");
	name(&bench, 3, "sixteen letters!"); /* no end */
	for (uint32_t n = 1; n <= 3; n++)
		row_of(&bench, CP_KIND_HEAP, CP_WHO_NAME | n);
	take(&bench, PID, CP_PROFILE_HEAP);
	assert_int_equal(bench.p->n_sample, 2);
	assert_string_equal(labels(&bench, 0), "pid=77 thread=a??");
	assert_int_equal(bench.p->sample[0]->value[1], 200);
	assert_string_equal(labels(&bench, 1), "pid=77 thread=sixteen letters!");
	tear_down(&bench);
}

/* Each of a stack's living threads by itself; who is in no list is nobody. */
static void living_threads_are_themselves(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench);
	name(&bench, 1, "pool\0\0\0\0\0\0\0\0\0\0\0");
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t row = fake_row(&bench.fake, CP_KIND_THREAD, 0, frames + i, 1);
		fake_count(&bench.fake, row, CP_THREADS_MADE, 3);
	}
	slot(&bench, 0, 10, CP_THREAD_ALIVE, 1)->row = 1;
	slot(&bench, 1, 11, CP_THREAD_ALIVE, 0)->row = 0;
	slot(&bench, 2, 12, CP_THREAD_ALIVE, 1)->row = 1;
	slot(&bench, 3, 13, cp_thread_ended(0), 1)->row = 1;
	slot(&bench, 4, 14, CP_THREAD_ALIVE, 1)->row = UINT32_MAX;
	slot(&bench, 5, 15, CP_THREAD_ALIVE, 1)->row = 1;
	slot(&bench, 6, 16, CP_THREAD_ALIVE, 1)->row = 1; /* the fourth of three */
	take(&bench, PID, CP_PROFILE_THREADS);
	assert_int_equal(bench.p->n_sample, 5);
	assert_string_equal(labels(&bench, 0), "pid=77 tid=11");
	assert_string_equal(labels(&bench, 1), "pid=77");
	assert_int_equal(bench.p->sample[1]->value[0], 2);
	assert_string_equal(labels(&bench, 2), "pid=77 tid=10 thread=pool");
	assert_string_equal(labels(&bench, 3), "pid=77 tid=12 thread=pool");
	assert_string_equal(labels(&bench, 4), "pid=77 tid=15 thread=pool");
	assert_string_equal(text_of(bench.p, bench.p->comment[2]),
			    "conprof: of no known thread: threads 2");
	/* by name alone they are three */
	bench.fake.rec->config.sample_labels = CP_LABEL_THREAD;
	take(&bench, PID, CP_PROFILE_THREADS);
	assert_int_equal(bench.p->n_sample, 2);
	assert_string_equal(labels(&bench, 1), "thread=pool");
	assert_int_equal(bench.p->sample[1]->value[0], 3);
	tear_down(&bench);
}

static void each_can_be_left_out(void **state)
{
	static const char *const said[] = {"",
					   "pid=77",
					   "tid=10",
					   "pid=77 tid=10",
					   "thread=alpha",
					   "pid=77 thread=alpha",
					   "tid=10 thread=alpha",
					   "pid=77 tid=10 thread=alpha"};
	(void)state;
	for (uint32_t labels_of = 0; labels_of <= CP_LABEL_ALL; labels_of++) {
		struct bench bench;
		set_up(&bench);
		bench.fake.rec->config.sample_labels = labels_of;
		name(&bench, 1, "alpha\0\0\0\0\0\0\0\0\0\0");
		slot(&bench, 0, 10, CP_THREAD_ALIVE, 1);
		row_of(&bench, CP_KIND_CPU, 1);
		take(&bench, PID, CP_PROFILE_CPU);
		assert_string_equal(labels(&bench, 0), said[labels_of]);
		tear_down(&bench);
	}
}

/* A stranger's slots and names, wherever they point. */
static void damage_is_nobody(void **state)
{
	static const uint32_t whos[] = {64,	    65,		CP_WHO_NAME,	CP_WHO_NAME | 65,
					UINT32_MAX, 0x7fffffff, CP_WHO_NAME | 9};
	struct bench bench;
	(void)state;
	set_up(&bench);
	slot(&bench, 63, 10, CP_THREAD_CLAIMED, 1); /* the 64th */
	bench.fake.rec->threads_used = UINT32_MAX;
	bench.fake.rec->names_used = UINT32_MAX;
	for (size_t i = 0; i < sizeof(whos) / sizeof(*whos); i++)
		row_of(&bench, CP_KIND_CPU, whos[i]);
	take(&bench, PID, CP_PROFILE_CPU);
	assert_int_equal(bench.p->n_sample, 1);
	assert_string_equal(labels(&bench, 0), "pid=77");
	slot(&bench, 63, -5, CP_THREAD_ALIVE, 1);
	row_of(&bench, CP_KIND_CPU, 64);
	take(&bench, PID, CP_PROFILE_CPU);
	assert_string_equal(labels(&bench, 0), "pid=77");
	tear_down(&bench);
}

/* A take that is done says so, and only then. */
static void takes_are_counted(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench);
	take(&bench, PID, CP_PROFILE_CPU);
	cp_batch_skip_cpu(bench.view, NULL);
	assert_int_equal(bench.fake.rec->takes_begun, 2);
	assert_int_equal(bench.fake.rec->takes_done, 2);
	struct cp_batch *batch = cp_batch_new(NULL);
	assert_int_equal(cp_batch_take(batch, bench.view, NULL, PID, CP_BIT(CP_PROFILE_HEAP)), 0);
	assert_int_equal(bench.fake.rec->takes_begun, 2);
	row_of(&bench, CP_KIND_CPU, 0);
	batch->stacks[CP_PROFILE_CPU].max = 0;
	assert_int_not_equal(cp_batch_take(batch, bench.view, NULL, PID, ALL), 0);
	assert_int_equal(bench.fake.rec->takes_begun, 3);
	assert_int_equal(bench.fake.rec->takes_done, 2);
	cp_batch_free(batch);
	tear_down(&bench);
}

/* The kernel knows what a living thread is called now; not once its process is over, nor where its
 * numbers are another namespace's. */
static void the_kernel_knows_the_living(void **state)
{
	struct bench bench;
	struct cp_batch *batch;
	char expected[100];
	(void)state;
	set_up(&bench);
	prctl(PR_SET_NAME, "the main one");
	name(&bench, 1, "old\0\0\0\0\0\0\0\0\0\0\0\0");
	slot(&bench, 0, getpid(), CP_THREAD_ALIVE, 1);
	row_of(&bench, CP_KIND_CPU, 1);
	take(&bench, getpid(), CP_PROFILE_CPU); /* the fake says that it is 1234 */
	snprintf(expected, sizeof(expected), "pid=%d tid=%d thread=old", getpid(), getpid());
	assert_string_equal(labels(&bench, 0), expected);
	bench.fake.rec->pid = getpid();
	fake_count(&bench.fake, 0, 0, 1);
	take(&bench, getpid(), CP_PROFILE_CPU);
	snprintf(expected, sizeof(expected), "pid=%d tid=%d thread=the main one", getpid(),
		 getpid());
	assert_string_equal(labels(&bench, 0), expected);
	fake_count(&bench.fake, 0, 0, 1);
	batch = cp_batch_new(NULL);
	assert_int_equal(cp_batch_take(batch, bench.view, NULL, getpid(), ALL | CP_TAKE_OVER), 0);
	cp__profile__free_unpacked(bench.p, NULL);
	bench.p = unpack(batch, CP_PROFILE_CPU);
	cp_batch_free(batch);
	snprintf(expected, sizeof(expected), "pid=%d tid=%d thread=old", getpid(), getpid());
	assert_string_equal(labels(&bench, 0), expected);
	tear_down(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cpu_has_its_thread),
	    cmocka_unit_test(names_are_clean_and_one),
	    cmocka_unit_test(living_threads_are_themselves),
	    cmocka_unit_test(each_can_be_left_out),
	    cmocka_unit_test(damage_is_nobody),
	    cmocka_unit_test(takes_are_counted),
	    cmocka_unit_test(the_kernel_knows_the_living),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
