/* signal_filter.c - fuzz: whatever is installed as a seccomp filter has an end and an answer. */
/* SPDX-License-Identifier: MIT */
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "signal/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST 4096 /* the kernel's limit */

/* A rule that does not hold is a crash, which the fuzzer reports. */
static void must(int holds)
{
	if (!holds)
		abort();
}

/* Five bytes or eight of input are an instruction: most need no more than one byte of k. */
static size_t read_code(const uint8_t *data, size_t size, struct sock_filter *code)
{
	static const uint16_t classes[] = {BPF_LD | BPF_W | BPF_ABS,
					   BPF_LD | BPF_IMM,
					   BPF_LDX | BPF_MEM,
					   BPF_LDX | BPF_IMM,
					   BPF_LD | BPF_MEM,
					   BPF_ST,
					   BPF_STX,
					   BPF_JMP | BPF_JA,
					   BPF_JMP | BPF_JEQ,
					   BPF_JMP | BPF_JGE | BPF_X,
					   BPF_JMP | BPF_JSET,
					   BPF_ALU | BPF_DIV | BPF_X,
					   BPF_ALU | BPF_LSH | BPF_X,
					   BPF_RET,
					   BPF_RET | BPF_A,
					   BPF_LDX | BPF_W | BPF_LEN};
	size_t n = 0, at = 0;

	while (n < MOST && size - at >= 5) {
		const uint8_t *in = data + at;
		int is_any = in[0] >= sizeof classes / sizeof *classes;

		if (is_any && size - at < 8)
			break;
		code[n].code = classes[in[0] % (sizeof classes / sizeof *classes)];
		code[n].k = in[4];
		code[n].jt = in[1];
		code[n].jf = in[2];
		if (is_any) {
			memcpy(&code[n].code, in, 2);
			memcpy(&code[n].k, in + 4, 4);
		}
		at += is_any ? 8 : 5;
		n++;
	}
	return n;
}

/* Of the input the first bytes are the call that is judged, the rest is the filter. The room for it
 * is what it needs, so that what lies behind is seen to be touched. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sock_filter room[MOST];
	uint32_t call[CP_FILTER_WORDS] = {0};
	size_t head = size < sizeof call ? size : sizeof call, len;
	const char *why = NULL;
	struct sock_filter *code;
	enum cp_leave leave;
	uint32_t first;

	memcpy(call, data, head);
	len = read_code(data + head, size - head, room);
	code = malloc(len * sizeof *code + 1);
	must(code != NULL);
	memcpy(code, room, len * sizeof *code);
	first = cp_filter_run(code, len, call);
	must(cp_filter_run(code, len, call) == first);
	leave = cp_filter_judge(code, len, &why);
	must(why && (leave == CP_LEAVE_ALL) == !*why);
	must(!cp_filter_does(code, len, "write") || cp_filter_allows(code, len, "write"));
	free(code);
	return 0;
}

#ifdef CP_FUZZ_MAIN
#include "test/fuzz/replay.h"
#endif
