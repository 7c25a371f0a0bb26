/* terminal.c - a terminal as a screen of our own, and given back as it was, however we end. */
/* SPDX-License-Identifier: MIT */
#include "uploader/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios before;
static volatile sig_atomic_t begun;

/* Another screen, no cursor, no line breaks of the terminal's own; and back. */
static const char enter[] = "\033[?1049h\033[?25l\033[?7l";
static const char leave[] = "\033[0m\033[?7h\033[?25h\033[?1049l";

void cp_terminal_end(void)
{
	if (!begun)
		return;
	begun = 0;
	/* if the terminal is gone there is nothing to be given back */
	if (write(STDOUT_FILENO, leave, sizeof leave - 1) < 0)
		return;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
}

/* What nobody expects: the terminal back, and then what would have been. */
static void die(int signal)
{
	cp_terminal_end();
	raise(signal); /* its action is the default again */
}

static void expect_the_worst(void)
{
	static const int worst[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGXCPU, SIGSYS};
	struct sigaction action = {.sa_handler = die, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
	for (unsigned i = 0; i < sizeof worst / sizeof *worst; i++)
		sigaction(worst[i], &action, NULL);
}

int cp_terminal_begin(void)
{
	static int registered;
	struct termios raw;
	if (tcgetattr(STDIN_FILENO, &before))
		return -errno;
	raw = before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (!registered)
		atexit(cp_terminal_end);
	registered = 1;
	expect_the_worst();
	begun = 1;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) ||
	    write(STDOUT_FILENO, enter, sizeof enter - 1) < 0) {
		int error = -errno;
		cp_terminal_end();
		return error;
	}
	return 0;
}

void cp_terminal_size(unsigned *columns, unsigned *rows)
{
	struct winsize size = {0};
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		size = (struct winsize){0};
	*columns = size.ws_col ? size.ws_col : 80;
	*rows = size.ws_row ? size.ws_row : 24;
}
