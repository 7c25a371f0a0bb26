/* member.c - one process of a family: its recording, and how we learn that it is over. */
/* SPDX-License-Identifier: MIT */
#include "uploader/member.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXEC_LOOKS 3 /* a failed exec is taken back long before the third second */

static int look_at_exe(pid_t pid, struct stat *st)
{
	char path[32];
	snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
	return stat(path, st);
}

struct cp_member *cp_member_new(struct cp_view *view, pid_t pid, int pidfd, size_t *code_room)
{
	struct cp_member *member = calloc(1, sizeof *member);
	const struct cp_recording *header = cp_view_header(view);
	struct stat st;
	if (!member)
		return NULL;
	member->source = (struct cp_source){CP_SOURCE_MEMBER, pidfd};
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

void cp_member_free(struct cp_member *member)
{
	if (!member)
		return;
	if (member->source.fd >= 0)
		close(member->source.fd);
	cp_view_close(member->view);
	cp_perfmap_free(member->names);
	free(member);
}

/* The state's letter and the parent's pid; 0 and 0: it is gone. They stand behind the name, which
 * may hold anything but ends last with ')'. */
static void read_stat(pid_t pid, char *state, int *parent)
{
	char path[32], text[512];
	*state = 0;
	*parent = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	const char *end = strrchr(text, ')');
	if (end)
		sscanf(end + 1, " %c %d", state, parent);
}

pid_t cp_member_parent(const struct cp_member *member)
{
	char state;
	int parent;
	read_stat(member->pid, &state, &parent);
	return parent;
}

int cp_member_is_gone(const struct cp_member *member)
{
	char state;
	int parent;
	read_stat(member->pid, &state, &parent);
	return !state || state == 'Z' || state == 'X';
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
	config->cpu_timer = in->cpu_timer;
	config->unwinder = in->unwinder;
	config->demangle = in->demangle;
	config->listen_anywhere = in->listen_anywhere == 1;
	config->sample_labels = in->sample_labels & CP_LABEL_ALL;
}
