/* ending.c - how a process ended, in words, and how many ended how. */
/* SPDX-License-Identifier: MIT */
#include "uploader/ending.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

void cp_ending_of_status(int status, struct cp_ending *ending)
{
	*ending = (struct cp_ending){.how = CP_END_UNKNOWN, .number = -1, .at_ns = cp_text_now()};
	if (WIFEXITED(status)) {
		ending->how = CP_END_EXIT;
		ending->number = WEXITSTATUS(status);
	} else if (WIFSIGNALED(status)) {
		ending->how = CP_END_SIGNAL;
		ending->number = WTERMSIG(status);
		ending->core_dumped = !!WCOREDUMP(status);
	}
}

/* sigabbrev_np came with glibc 2.32; these are the same on all machines that we run on. */
static const char *const signals[] = {
    [SIGHUP] = "HUP",	[SIGINT] = "INT",	[SIGQUIT] = "QUIT", [SIGILL] = "ILL",
    [SIGTRAP] = "TRAP", [SIGABRT] = "ABRT",	[SIGBUS] = "BUS",   [SIGFPE] = "FPE",
    [SIGKILL] = "KILL", [SIGUSR1] = "USR1",	[SIGSEGV] = "SEGV", [SIGUSR2] = "USR2",
    [SIGPIPE] = "PIPE", [SIGALRM] = "ALRM",	[SIGTERM] = "TERM", [SIGSTKFLT] = "STKFLT",
    [SIGCHLD] = "CHLD", [SIGCONT] = "CONT",	[SIGSTOP] = "STOP", [SIGTSTP] = "TSTP",
    [SIGTTIN] = "TTIN", [SIGTTOU] = "TTOU",	[SIGURG] = "URG",   [SIGXCPU] = "XCPU",
    [SIGXFSZ] = "XFSZ", [SIGVTALRM] = "VTALRM", [SIGPROF] = "PROF", [SIGWINCH] = "WINCH",
    [SIGIO] = "IO",	[SIGPWR] = "PWR",	[SIGSYS] = "SYS",
};

void cp_ending_word(const struct cp_ending *ending, char out[CP_ENDING_WORD])
{
	static const char *const words[] = {"unknown", "exec", "exit"};
	size_t number = (size_t)ending->number;
	if (ending->how != CP_END_SIGNAL)
		snprintf(out, CP_ENDING_WORD, "%s", words[ending->how]);
	else if (number < sizeof signals / sizeof signals[0] && signals[number])
		snprintf(out, CP_ENDING_WORD, "SIG%s", signals[number]);
	else
		snprintf(out, CP_ENDING_WORD, "signal %u", (unsigned)number & 127);
}

void cp_ending_text(const struct cp_ending *ending, char out[CP_ENDING_TEXT])
{
	char word[CP_ENDING_WORD];
	cp_ending_word(ending, word);
	if (ending->how == CP_END_EXIT && ending->number >= 0)
		snprintf(out, CP_ENDING_TEXT, "exit status %d", ending->number);
	else
		snprintf(out, CP_ENDING_TEXT, "%s%s%s", word,
			 ending->core_dumped ? " (core dumped)" : "",
			 ending->oom ? " (out of memory)" : "");
}

static int is_like(const struct cp_ending *a, const struct cp_ending *b)
{
	return a->how == b->how && a->number == b->number && a->core_dumped == b->core_dumped &&
	       a->oom == b->oom;
}

void cp_endings_add(struct cp_endings *endings, const struct cp_ending *ending, pid_t pid)
{
	if (ending->how == CP_END_EXEC)
		return;
	endings->count++;
	endings->by_signal += ending->how == CP_END_SIGNAL;
	endings->oom += !!ending->oom;
	endings->failed += ending->how == CP_END_EXIT && ending->number > 0;
	for (unsigned i = 0; i < endings->kinds; i++)
		if (is_like(&endings->of[i].like, ending)) {
			endings->of[i].count++;
			return;
		}
	if (endings->kinds == CP_ENDINGS_KINDS) {
		endings->elsewhere++;
		return;
	}
	endings->of[endings->kinds].like = *ending;
	endings->of[endings->kinds].count = 1;
	endings->of[endings->kinds++].pid = pid;
}

static void say_one(const struct cp_ending *ending, pid_t pid, struct cp_text *out)
{
	char text[CP_ENDING_TEXT];
	cp_ending_text(ending, text);
	cp_text_addf(out, "process %d ended", (int)pid);
	if (ending->how == CP_END_UNKNOWN)
		cp_text_add(out, ", nobody could say how,");
	else
		cp_text_addf(out, " %s %s", ending->how == CP_END_EXIT ? "with" : "by", text);
	cp_text_add(out, " at ");
	cp_text_add_time(out, ending->at_ns);
}

void cp_endings_say(const struct cp_endings *endings, struct cp_text *out)
{
	char text[CP_ENDING_TEXT];
	if (endings->count == 1) {
		say_one(&endings->of[0].like, endings->of[0].pid, out);
		return;
	}
	cp_text_addf(out, "processes ended %u:", endings->count);
	for (unsigned i = 0; i < endings->kinds; i++) {
		cp_ending_text(&endings->of[i].like, text);
		cp_text_addf(out, "%s %s %u", i ? "," : "", text, endings->of[i].count);
	}
	if (endings->elsewhere)
		cp_text_addf(out, ", otherwise %u", endings->elsewhere);
}

void cp_endings_json(const struct cp_endings *endings, struct cp_text *out)
{
	char text[CP_ENDING_TEXT];
	for (unsigned i = 0; i < endings->kinds; i++) {
		cp_ending_text(&endings->of[i].like, text);
		cp_text_add(out, i ? "," : "");
		cp_text_add_json(out, text);
		cp_text_addf(out, ":%u", endings->of[i].count);
	}
	if (endings->elsewhere)
		cp_text_addf(out, ",\"otherwise\":%u", endings->elsewhere);
}
