/* top.c - `conprof top`: what a program does, in a terminal, as it does it. */
/* SPDX-License-Identifier: MIT */
#include "uploader/top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "uploader/terminal.h"
#include "uploader/top_ask.h"
#include "uploader/top_options.h"
#include "uploader/top_view.h"

#define MS	    UINT64_C(1000000)
#define TARGETS_MAX 64
#define QUICK_MS    500u /* the first look at a dimension is short */
#define AGAIN_MS    1000u
#define PATIENCE_MS 10000u /* beyond the length of a look */

struct top {
	struct cp_top_view view;
	struct cp_top_target targets[TARGETS_MAX];
	size_t count, current;
	struct cp_top_options options;
	int socket; /* the look under way; -1: none */
	int quick;
	uint64_t due_ns; /* of that look, or when to try again */
	int signals;
	int editing; /* the filter */
	char edited[sizeof((struct cp_top_view *)0)->filter];
	int over, status;
};

static uint64_t later(unsigned ms)
{
	return cp_text_monotonic() + ms * MS;
}

static void draw(struct top *top)
{
	struct cp_text out = {0};
	cp_terminal_size(&top->view.columns, &top->view.rows);
	if (top->editing)
		snprintf(top->view.message, sizeof top->view.message, "/%s", top->edited);
	cp_top_draw(&top->view, &out);
	if ((out.data && fwrite(out.data, 1, out.len, stdout) != out.len) || fflush(stdout)) {
		top->over = 1;
		if (top->view.batch && errno != EPIPE) { /* else nobody reads it any more */
			fprintf(stderr, "conprof top: stdout: %s\n", cp_text_error(errno));
			top->status = 1;
		}
	}
	cp_text_free(&out);
}

static void hang_up(struct top *top)
{
	if (top->socket >= 0)
		close(top->socket);
	top->socket = -1;
}

/* Something went wrong: said, and tried again; without a screen that is the end. */
static void fail(struct top *top, int error)
{
	const char *why = error == -ESRCH || error == -ECONNREFUSED || error == -ECONNRESET
			      ? "is not being profiled any more"
			      : cp_text_error(error);
	hang_up(top);
	top->due_ns = later(AGAIN_MS);
	top->count = 0;
	snprintf(top->view.message, sizeof top->view.message, "%.100s %s", top->view.service, why);
	if (top->view.batch) {
		fprintf(stderr, "conprof top: %s\n", top->view.message);
		top->over = top->status = 1;
	}
}

static void turn_to(struct top *top, size_t target)
{
	const struct cp_top_target *to = &top->targets[target];
	top->current = target;
	snprintf(top->view.service, sizeof top->view.service, "%s", to->service);
	top->view.processes = to->processes;
	top->view.pid = (int)to->pid;
}

/* The same program again, if it is among those that there are now. */
static int find(struct top *top)
{
	struct cp_top_target last = top->targets[top->current];
	size_t at = 0;
	top->count = cp_top_find(top->options.wanted, top->targets, TARGETS_MAX);
	if (!top->count)
		return -ESRCH;
	for (size_t i = 0; i < top->count; i++)
		if (top->targets[i].program == last.program &&
		    !strcmp(top->targets[i].name, last.name))
			at = i;
	turn_to(top, at);
	return 0;
}

static void ask(struct top *top)
{
	const struct cp_top_dimension *dimension = &cp_top_dimensions[top->view.dimension];
	unsigned ms =
	    top->quick && top->options.length_ms > QUICK_MS ? QUICK_MS : top->options.length_ms;
	int error = find(top);
	if (!error) {
		top->socket = cp_top_ask(&top->targets[top->current], dimension->profile, ms);
		error = top->socket < 0 ? top->socket : 0;
	}
	top->due_ns = later(ms + PATIENCE_MS);
	top->quick = 0;
	if (error)
		fail(top, error);
	else if (!top->editing && strstr(top->view.message, "not being profiled"))
		top->view.message[0] = '\0';
}

static void hear(struct top *top)
{
	struct cp_bytes bytes;
	int error = cp_top_hear(top->socket, &bytes);
	top->socket = -1;
	if (!error)
		error = cp_top_take(&top->view, &bytes);
	free(bytes.data);
	if (error) {
		fail(top, error);
		return;
	}
	top->due_ns = 0;
	if (top->options.rounds > 0 && --top->options.rounds == 0)
		top->over = 1;
}

/* The look that is under way is of something else. */
static void look_anew(struct top *top)
{
	hang_up(top);
	cp_top_forget(&top->view);
	top->view.first = 0;
	top->quick = 1;
	top->due_ns = 0;
}

static void edit(struct top *top, int key)
{
	size_t len = strlen(top->edited);
	if (key == '\r' || key == '\n' || key == 27) {
		top->editing = 0;
		top->view.message[0] = '\0';
		if (key != 27) {
			snprintf(top->view.filter, sizeof top->view.filter, "%s", top->edited);
			cp_top_filter(&top->view);
		}
	} else if ((key == 127 || key == 8) && len) {
		top->edited[len - 1] = '\0';
	} else if (key >= ' ' && key != 127 && len + 1 < sizeof top->edited) {
		top->edited[len] = (char)key;
		top->edited[len + 1] = '\0';
	}
}

static void scroll(struct top *top, int by)
{
	if (by < 0 && top->view.first < (size_t)-by)
		top->view.first = 0;
	else if (by < 0 || top->view.first + (size_t)by < top->view.count)
		top->view.first = (size_t)((long)top->view.first + by);
}

static void obey(struct top *top, int key)
{
	if (key >= '1' && key < '1' + CP_TOP_DIMENSIONS) {
		top->view.dimension = key - '1';
		look_anew(top);
	} else if (key == 's' || key == 't') {
		top->view.by_total = key == 't';
		cp_top_sort(&top->view);
	} else if (key == '/') {
		top->editing = 1;
		snprintf(top->edited, sizeof top->edited, "%s", top->view.filter);
	} else if (key == '\t' && top->count > 1) {
		turn_to(top, (top->current + 1) % top->count);
		look_anew(top);
	} else if (key == 'j' || key == 'k') {
		scroll(top, key == 'j' ? 1 : -1);
	} else if (key == 'q') {
		top->over = 1;
	}
}

/* What was typed. Of sequences those of the arrows and pages are known; others are passed over. */
static void type(struct top *top)
{
	char keys[64];
	ssize_t len = read(STDIN_FILENO, keys, sizeof keys);
	if (len <= 0) {
		top->over = len == 0 || errno != EINTR;
		return;
	}
	for (ssize_t i = 0; i < len && !top->over; i++) {
		int page = (int)top->view.rows > 6 ? (int)top->view.rows - 6 : 1;
		if (keys[i] == 27 && i + 2 < len && (keys[i + 1] == '[' || keys[i + 1] == 'O')) {
			char c = keys[i += 2];
			scroll(top, c == 'A'   ? -1
				    : c == 'B' ? 1
				    : c == '5' ? -page
				    : c == '6' ? page
					       : 0);
			while (i + 1 < len && c >= '0' && c <= '9')
				c = keys[++i];
		} else if (top->editing) {
			edit(top, (unsigned char)keys[i]);
		} else {
			obey(top, keys[i]);
		}
	}
	draw(top);
}

/* As if it had never been caught: whoever waits for us sees what we died of. */
static void die_of(int signal)
{
	sigset_t mask;
	cp_terminal_end();
	sigemptyset(&mask);
	sigaddset(&mask, signal);
	raise(signal);
	pthread_sigmask(SIG_UNBLOCK, &mask, NULL);
}

static void attend(struct top *top)
{
	struct signalfd_siginfo info;
	while (read(top->signals, &info, sizeof info) == (ssize_t)sizeof info) {
		int signal = (int)info.ssi_signo;
		if (signal == SIGTSTP) {
			cp_terminal_end();
			raise(SIGSTOP);
			if (!top->view.batch && cp_terminal_begin())
				top->over = top->status = 1;
		} else if (signal != SIGWINCH) {
			die_of(signal);
		}
	}
	if (!top->view.batch)
		draw(top);
}

static void loop(struct top *top)
{
	while (!top->over) {
		uint64_t now = cp_text_monotonic();
		if (now >= top->due_ns && top->socket >= 0)
			fail(top, -ETIMEDOUT);
		else if (now >= top->due_ns)
			ask(top);
		if (top->over)
			return;
		struct pollfd fds[] = {{top->signals, POLLIN, 0},
				       {top->socket, POLLIN, 0},
				       {top->view.batch ? -1 : STDIN_FILENO, POLLIN, 0}};
		now = cp_text_monotonic();
		int wait = now >= top->due_ns ? 0 : (int)((top->due_ns - now) / MS) + 1;
		if (!top->view.batch && !top->view.answered)
			draw(top);
		if (poll(fds, 3, wait) <= 0)
			continue;
		if (fds[0].revents)
			attend(top);
		if (fds[1].revents) {
			hear(top);
			if (top->view.answered)
				draw(top);
			if (top->view.batch && !top->over)
				printf("\n");
		}
		if (fds[2].revents)
			type(top);
	}
}

static int begin(struct top *top)
{
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGQUIT);
	sigaddset(&mask, SIGTSTP);
	sigaddset(&mask, SIGWINCH);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
	top->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (top->signals < 0)
		return -errno;
	return top->view.batch ? 0 : cp_terminal_begin();
}

int cp_top_main(int argc, char **argv)
{
	struct top top = {.options = {.length_ms = 2000, .rounds = -1}, .socket = -1};
	int error = cp_top_options(argc, argv, &top.options, &top.view);
	if (error)
		return error;
	cp_top_look_around(&top.options, &top.view);
	if (find(&top)) {
		fprintf(stderr, "conprof top: %s is being profiled\n",
			top.options.wanted ? "no such program" : "nothing");
		return 1;
	}
	top.quick = !top.view.batch;
	error = begin(&top);
	if (error) {
		fprintf(stderr, "conprof top: %s\n", cp_text_error(error));
		return 1;
	}
	loop(&top);
	cp_terminal_end();
	hang_up(&top);
	cp_top_forget(&top.view);
	return top.status;
}
