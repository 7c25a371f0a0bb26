/* top_options.c - the command line of `conprof top`, and what kind of terminal it is in. */
/* SPDX-License-Identifier: MIT */
#include "uploader/top_options.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "uploader/glance.h"

static int complain(const char *word, const char *what)
{
	fprintf(stderr, "conprof top: %s: %s (man conprof helps)\n", word, what);
	return 2;
}

static int dimension_of(const char *word)
{
	for (int i = 0; i < CP_TOP_DIMENSIONS; i++)
		if (!strcmp(word, cp_top_dimensions[i].word))
			return i;
	return -1;
}

int cp_top_options(int argc, char **argv, struct cp_top_options *options, struct cp_top_view *view)
{
	int option;
	char *end = NULL;
	opterr = 0;
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
	while ((option = getopt(argc, argv, "bn:d:k:tf:")) != -1) {
		double seconds;
		if (option == 'b') {
			view->batch = 1;
		} else if (option == 'n') {
			options->rounds = strtol(optarg, &end, 10);
			if (*end || options->rounds < 1)
				return complain(optarg, "-n takes a number of looks");
		} else if (option == 'd') {
			seconds = strtod(optarg, &end);
			if (*end || !(seconds >= 0.1 && seconds <= CP_GLANCE_MAX_MS / 1e3))
				return complain(optarg, "-d takes 0.1 to 60 seconds");
			options->length_ms = (unsigned)(seconds * 1000);
		} else if (option == 'k') {
			view->dimension = dimension_of(optarg);
			if (view->dimension < 0)
				return complain(optarg, "-k takes cpu, allocs, alloc_bytes, "
							"objects, bytes or threads");
		} else if (option == 't') {
			view->by_total = 1;
		} else if (option == 'f') {
			snprintf(view->filter, sizeof view->filter, "%s", optarg);
			cp_top_filter(view);
			if (!view->has_expression)
				return complain(optarg, "-f takes a regular expression");
		} else {
			char word[] = {'-', (char)optopt, '\0'};
			return complain(word, strchr("ndkf", optopt) ? "needs a value"
								     : "no such option");
		}
	}
	options->wanted = argv[optind];
	return optind + 1 < argc ? complain(argv[optind + 1], "only one PID or NAME is shown") : 0;
}

/* What kind of terminal it is, if it is one. */
void cp_top_look_around(struct cp_top_options *options, struct cp_top_view *view)
{
	/* NOLINTBEGIN(concurrency-mt-unsafe): likewise */
	const char *term = getenv("TERM"), *none = getenv("NO_COLOR");
	int screen = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term &&
		     strcmp(term, "dumb") != 0;
	if (!screen && !view->batch) {
		view->batch = 1;
		if (options->rounds < 0)
			options->rounds = 1;
	}
	view->colours = !view->batch && !(none && *none);
	if (view->batch)
		view->utf8 = setlocale(LC_CTYPE, "C.UTF-8") != NULL;
	else if (setlocale(LC_CTYPE, ""))
		view->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	/* NOLINTEND(concurrency-mt-unsafe) */
}
