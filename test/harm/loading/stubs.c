// harm: build -rdynamic
// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=4096 CONPROF_EXIT_WAIT=5
// harm: run auto
// harm: run libunwind CONPROF_UNWINDER=libunwind
// harm: alloc_space worker = 40000000 +-5%
// harm: exit 0
// SPDX-License-Identifier: MIT
// A program that exports functions of OpenSSL, libcurl, zlib and zstd, its own or of another
// version: a profiler that brings these libraries into the process calls the program's. Here each
// is the end. Nothing of the kind is loaded by us, since another process delivers. With libunwind
// it fails when `replacement` of life/libunwind.c leaves its calls of itself as they are bound.
#include "test/harm/harm.h"

#define STUB(name)                                                                                 \
	void name(void);                                                                           \
	void name(void)                                                                            \
	{                                                                                          \
		HARM_UNLESS(0, #name " was called");                                               \
	}
#pragma GCC diagnostic ignored "-Wbuiltin-declaration-mismatch"

STUB(OPENSSL_init_ssl)
STUB(OPENSSL_init_crypto)
STUB(OBJ_NAME_add)
STUB(SSL_CTX_new)
STUB(SSL_library_init)
STUB(SSL_new)
STUB(TLS_client_method)
STUB(CRYPTO_malloc)
STUB(ERR_clear_error)
STUB(curl_global_init)
STUB(curl_easy_init)
STUB(curl_easy_perform)
STUB(curl_easy_setopt)
STUB(nghttp2_session_client_new)
STUB(inflate)
STUB(deflate)
STUB(inflateInit2_)
STUB(crc32)
STUB(ZSTD_compress)
STUB(ZSTD_createCCtx)
STUB(ZSTD_decompress)
STUB(lzma_stream_buffer_decode)
STUB(lzma_index_end)
STUB(protobuf_c_message_pack)
STUB(elf_begin)
STUB(dwarf_begin)
STUB(cplus_demangle)
STUB(_Unwind_Backtrace)
STUB(_Unwind_Resume)
STUB(_Unwind_RaiseException)
STUB(unw_backtrace)
STUB(unw_step)
STUB(_Ux86_64_getcontext)
STUB(_ULx86_64_step)
STUB(_ULx86_64_init_local2)
STUB(json_object_new)
STUB(debuginfod_begin)

TRUTH_FRAME static void worker(void)
{
	void *volatile block;

	for (int i = 0; i < 10000; i++) {
		block = malloc(4000);
		free(block);
	}
	truth_burn(300);
}

int main(void)
{
	worker();
	return 0;
}
