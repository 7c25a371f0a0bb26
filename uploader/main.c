/* main.c - the program `conprof`: which of its parts is meant. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "uploader/ctl.h"
#include "uploader/fetch.h"
#include "uploader/limits.h"
#include "uploader/look.h"
#include "uploader/options.h"
#include "uploader/rendezvous.h"
#include "uploader/run.h"
#include "uploader/serve.h"
#include "uploader/status.h"
#include "uploader/text.h"
#include "uploader/top.h"

/* jemalloc's own name for its settings. We work for a moment each period, on two threads: what was
 * freed would wait for the next one, so it goes back at once; one arena is enough. */
extern const char *const malloc_conf;
const char *const malloc_conf = "narenas:1,dirty_decay_ms:0,muzzy_decay_ms:0";

static int help(void)
{
	printf(
	    "conprof " CP_VERSION " - continuous profiles of programs that nobody changed\n\n"
	    "  conprof run [options] [--] program [arguments]   run it, profiled\n"
	    "  conprof status [--json]                          what is being profiled\n"
	    "  conprof top [options] [PID|NAME]                 what a program does now\n"
	    "  conprof ctl stop|start|status [-a] PID|NAME      stop sampling it, go on\n"
	    "  conprof ctl rate [-a] PID|NAME HZ                its CPU so often (0: as set)\n"
	    "  conprof flame FILE... -o page.html               profiles as a page for browsers\n"
	    "  conprof diff BEFORE AFTER [-o page.html]         two profiles compared\n"
	    "  conprof uploader NAME [ELDER]                    started by libconprof.so\n"
	    "  conprof fetch CACHE BUILD-ID...                  started by the uploader\n"
	    "  conprof -h, --version\n\noptions of run:\n");
	cp_options_help();
	return cp_text_arrived("");
}

static int usage(const char *what)
{
	if (!what) {
		fprintf(stderr, "conprof: no command is given (conprof -h lists them)\n");
		return 2;
	}
	fprintf(stderr, "conprof: %s: not understood (conprof -h helps)\n", what);
	return 2;
}

static int serve(void *argv)
{
	return cp_serve(((char **)argv)[2], ((char **)argv)[3]);
}

static int asks_for_help(const char *word)
{
	return strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	if (asks_for_help(word) || strcmp(word, "help") == 0 ||
	    (argc == 3 && asks_for_help(argv[2])))
		return help();
	if (strcmp(word, "run") == 0)
		return cp_run_main(argv + 2);
	if (strcmp(word, "uploader") == 0 && (argc == 3 || argc == 4) &&
	    cp_rendezvous_is_name(argv[2]) && cp_rendezvous_is_name(argv[argc - 1]))
		return cp_limits_run(serve, argv);
	if (strcmp(word, "flame") == 0)
		return cp_look_flame(argv + 2);
	if (strcmp(word, "diff") == 0)
		return cp_look_diff(argv + 2);
	if (strcmp(word, "top") == 0)
		return cp_top_main(argc - 1, argv + 1);
	if (strcmp(word, "ctl") == 0)
		return cp_ctl_main(argv + 2);
	if (strcmp(word, "fetch") == 0 && argc >= 3)
		return cp_fetch_main(argv + 2);
	if (strcmp(word, "status") == 0 && argc == 2)
		return cp_status_main(0);
	if (strcmp(word, "status") == 0 && argc == 3 && strcmp(argv[2], "--json") == 0)
		return cp_status_main(1);
	if (strcmp(word, "--version") == 0) {
		printf("conprof " CP_VERSION "\n");
		return cp_text_arrived("");
	}
	return usage(argc > 2 ? argv[2] : argc > 1 ? word : NULL);
}
