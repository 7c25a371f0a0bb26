/* replay.h - a main for fuzz targets built without libFuzzer: runs the files it is given. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdio.h>

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		FILE *in = fopen(argv[i], "rb");
		long size;
		uint8_t *data;

		if (!in || fseek(in, 0, SEEK_END) || (size = ftell(in)) < 0) {
			fprintf(stderr, "%s: cannot be read\n", argv[i]);
			return 1;
		}
		rewind(in);
		data = malloc((size_t)size + 1);
		if (!data || fread(data, 1, (size_t)size, in) != (size_t)size) {
			fprintf(stderr, "%s: cannot be read whole\n", argv[i]);
			return 1;
		}
		fclose(in);
		LLVMFuzzerTestOneInput(data, (size_t)size);
		free(data);
		printf("%s: ok\n", argv[i]);
	}
	return 0;
}
