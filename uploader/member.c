/* member.c - one process of a family: its recording, and how we learn that it is over. */
/* SPDX-License-Identifier: MIT */
#include "uploader/member.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "uploader/exitcode.h"
#include "uploader/program.h"
#include "uploader/spool.h"

#define EXEC_LOOKS 3 /* a failed exec is taken back long before the third second */
/* Descriptors that pidfds leave for what delivers, or half of all where there are few. */
#define SPARE_FDS ((rlim_t)512)

static int look_at_exe(pid_t pid, struct stat *st)
{
	char path[32];
	snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
	return stat(path, st);
}

/* One for each of thousands of processes would leave no descriptor for a file or a connection. They
 * are given in order, so the number tells how many there are; who has none is looked at. */
static int afford(int pidfd)
{
	struct rlimit limit;
	if (pidfd < 0 || getrlimit(RLIMIT_NOFILE, &limit))
		return pidfd;
	rlim_t spare = limit.rlim_cur / 2 < SPARE_FDS ? limit.rlim_cur / 2 : SPARE_FDS;
	if ((rlim_t)pidfd < limit.rlim_cur - spare)
		return pidfd;
	close(pidfd);
	return -1;
}

struct cp_member *cp_member_new(struct cp_view *view, pid_t pid, int pidfd, size_t *code_room)
{
	struct cp_member *member = calloc(1, sizeof *member);
	const struct cp_recording *header = cp_view_header(view);
	struct stat st;
	if (!member)
		return NULL;
	member->source = (struct cp_source){CP_SOURCE_MEMBER, afford(pidfd)};
	member->view = view;
	member->names = cp_perfmap_new(pid, header->pid, code_room);
	cp_view_names(view, member->names);
	member->pid = pid;
	cp_view_know(view, pid);
	member->start_ns = header->start_monotonic_ns;
	member->renewals = header->renewals;
	memcpy(member->token, header->token, sizeof member->token);
	if (!look_at_exe(pid, &st)) {
		member->exe_dev = st.st_dev;
		member->exe_ino = st.st_ino;
	}
	return member;
}

void cp_member_names(struct cp_member *member, struct cp_perfmap *names)
{
	cp_perfmap_free(member->names);
	member->names = names;
	cp_view_names(member->view, names);
}

static int is_in_spool(void *ctx, const char *stem)
{
	const struct cp_program *program = ctx;
	struct cp_spool spool;
	return !cp_spool_open(&spool, &program->config) && cp_spool_knows(&spool, stem);
}

int cp_member_ship(struct cp_member *member, struct cp_marks *marks)
{
	member->marks = marks ? marks : cp_marks_ship(member->view, is_in_spool, member->program);
	return member->marks ? 0 : -ENOMEM;
}

void cp_member_free(struct cp_member *member)
{
	if (!member)
		return;
	if (member->source.fd >= 0)
		close(member->source.fd);
	cp_marks_free(member->marks);
	cp_view_close(member->view);
	cp_perfmap_free(member->names);
	free(member);
}

int cp_member_is_over(const struct cp_member *member)
{
	return cp_exitcode_is_over(member->source.fd, member->pid);
}

/* The kernel knows best. A status of exit() is next: what comes after it is libc's last steps. Who
 * was on the way into another program may have been that one already when it ended. */
void cp_member_ending(const struct cp_member *member, struct cp_ending *ending)
{
	/* acquire: pairs with the target's release before its end */
	uint32_t said =
	    atomic_load_explicit(&cp_view_header(member->view)->ended, memory_order_acquire);
	int status = 0, code = cp_ended_status(said);
	*ending = (struct cp_ending){.number = -1, .at_ns = cp_text_now()};
	if ((said & CP_ENDED_HOW) == CP_ENDED_EXEC || !cp_member_is_over(member)) {
		ending->how = CP_END_EXEC;
	} else if (!cp_exitcode(member->source.fd, member->pid, code, &status)) {
		cp_ending_of_status(status, ending);
	} else if ((said & CP_ENDED_HOW) == CP_ENDED_EXIT) {
		ending->how = CP_END_EXIT;
		ending->number = code;
	}
	if (ending->how == CP_END_SIGNAL && ending->number == SIGKILL)
		ending->oom = cp_oom_claim(member->oom, cp_text_monotonic());
}

int cp_member_is_replaced(struct cp_member *member)
{
	const struct cp_recording *header = cp_view_header(member->view);
	struct stat st;
	/* acquire: pairs with the target's release before its exec */
	if (atomic_load_explicit(&header->ended, memory_order_acquire) == CP_ENDED_EXEC)
		member->exec_ticks++;
	else
		member->exec_ticks = 0;
	if (member->exec_ticks >= EXEC_LOOKS)
		return 1;
	if (!member->exe_ino || look_at_exe(member->pid, &st))
		return 0;
	return st.st_dev != member->exe_dev || st.st_ino != member->exe_ino;
}

void cp_member_tell_delivered(struct cp_member *member)
{
	struct cp_recording *header = cp_view_header(member->view);
	/* release: pairs with the acquire of the target that waits in its exit */
	atomic_store_explicit(&header->delivered, 1, memory_order_release);
	syscall(SYS_futex, &header->delivered, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void cp_member_string(char *out, size_t out_len, const char *in, size_t in_len)
{
	size_t len = strnlen(in, in_len < out_len ? in_len : out_len - 1);
	len = len < out_len ? len : out_len - 1;
	memcpy(out, in, len);
	memset(out + len, 0, out_len - len);
}

static uint32_t within(uint32_t value, uint32_t low, uint32_t high)
{
	return value < low ? low : value > high ? high : value;
}

#define STRING(field)                                                                              \
	cp_member_string(config->field, sizeof config->field, in->field, sizeof in->field)

void cp_member_config(const struct cp_recording *header, struct cp_config *config)
{
	const struct cp_config *in = &header->config;
	memset(config, 0, sizeof *config); /* padding included: programs are compared by memcmp */
	STRING(agent_socket);
	STRING(server_id);
	STRING(server_token_file);
	STRING(config_file);
	STRING(tls_ca_file);
	STRING(tls_cert_file);
	STRING(tls_key_file);
	STRING(tenant);
	STRING(app_name);
	STRING(project);
	STRING(labels);
	STRING(log_file);
	STRING(spool_dir);
	STRING(debug_dirs);
	STRING(debuginfod_urls);
	STRING(kill_switch);
	STRING(listen);
	config->spool_max_bytes = in->spool_max_bytes;
	config->spool_max_age_s = in->spool_max_age_s;
	config->symbol_cache_max_bytes = in->symbol_cache_max_bytes;
	config->heap_interval = in->heap_interval;
	config->types = in->types & CP_TYPE_ALL;
	config->period_s = within(in->period_s, 1, 86400);
	config->cpu_duration_s = within(in->cpu_duration_s, 1, config->period_s);
	config->cpu_rate_hz = in->cpu_rate_hz;
	config->upload_timeout_s = within(in->upload_timeout_s, 1, 3600);
	config->secrets = in->secrets & (CP_SECRETS | CP_SECRETS << CP_SECRET_IN_FILE);
	config->secret_print = in->secret_print;
	config->exit_wait_s = in->exit_wait_s;
	config->exit_wait_set = in->exit_wait_set;
	config->log_level = within(in->log_level, 1, 4);
	config->enabled = in->enabled;
	config->instance_ppm = in->instance_ppm;
	config->start_jitter_s = within(in->start_jitter_s, 0, 86400);
	config->cpu_timer = in->cpu_timer;
	config->unwinder = in->unwinder;
	config->demangle = in->demangle;
	config->listen_anywhere = in->listen_anywhere == 1;
	config->sample_labels = in->sample_labels & CP_LABEL_ALL;
}
