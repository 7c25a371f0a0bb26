// truth: with CONPROF_HEAP_SAMPLE_INTERVAL=1024
// truth: sharp 15 5
// truth: runs 1
// truth: sharp 5 2
// truth: slowly 6
// truth: exit 0
// SPDX-License-Identifier: MIT
// operator new and delete in their spellings: arrays, aligned, those that return NULL, sized ends.
#include <new>

#include "test/truth/books/books.h"

#define COUNT 60000
#define ALIVE 6000

static size_t some_size(uint64_t *seed)
{
	return 16 + books_random(seed) % 64 * 50;
}

#define WAY(name, get, end)                                                                        \
	TRUTH_FRAME static void name()                                                             \
	{                                                                                          \
		struct books books = {};                                                           \
		uint64_t seed = 1;                                                                 \
                                                                                                   \
		books.site = #name;                                                                \
		for (int i = 0; i < COUNT; i++) {                                                  \
			size_t size = some_size(&seed);                                            \
			void *block = get;                                                         \
                                                                                                   \
			__asm__ volatile("" : "+r"(block) : : "memory");                           \
			books_made(&books, size);                                                  \
			if (i % (COUNT / ALIVE) == 0)                                              \
				continue;                                                          \
			end;                                                                       \
			books_ended(&books, size);                                                 \
		}                                                                                  \
		books_print(&books);                                                               \
	}

// libstdc++ asks for whole lines.
static constexpr std::align_val_t lines{64};
#define WHOLE (size = (size + 63) / 64 * 64)

WAY(plain, ::operator new(size), ::operator delete(block))
WAY(sized, ::operator new(size), ::operator delete(block, size))
WAY(array, ::operator new[](size), ::operator delete[](block))
WAY(aligned, ::operator new(WHOLE, lines), ::operator delete(block, lines))
WAY(aligned_array, ::operator new[](WHOLE, lines), ::operator delete[](block, size, lines))
WAY(quiet, ::operator new(size, std::nothrow), ::operator delete(block, std::nothrow))

int main()
{
	plain();
	sized();
	array();
	aligned();
	aligned_array();
	quiet();
	return 0;
}
