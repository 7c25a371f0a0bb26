/* secure.c - what a set-user-ID program sees of itself; test/real/processes.py makes it one. */
// harm: build -O1
// SPDX-License-Identifier: MIT
#include <string.h>
#include <sys/auxv.h>

#include "test/harm/harm.h"

int main(void)
{
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");
	int loaded = 0;

	for (int i = 0; i < 200; i++) {
		void *volatile block = malloc((size_t)i * 1000);

		free(block);
	}
	truth_burn(50);
	while (maps && fgets(line, sizeof line, maps))
		loaded += strstr(line, "libconprof.so") != NULL;
	if (maps)
		fclose(maps);
	printf("user %d, effective %d, secure %d\n", (int)getuid(), (int)geteuid(),
	       (int)getauxval(AT_SECURE));
	fprintf(stderr, "loaded %d\n", loaded > 0);
	return 11;
}
