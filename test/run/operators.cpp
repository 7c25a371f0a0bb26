// operators.cpp - every operator new and delete, filled and read back; failures, threads, plain
// malloc. SPDX-License-Identifier: MIT
//
// Prints what it has found, the same under any allocator. Each kind of block is freed by the
// delete that the language pairs with it, sized or not, in an order unlike that of its making.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <new>
#include <thread>
#include <vector>

namespace
{
using Align = std::align_val_t;

struct Piece {
	unsigned char *at;
	size_t size;
	int kind;
};

constexpr int KINDS = 12;
constexpr Align LINE{64};

// The compiler must not pair a new with its delete and leave both out.
unsigned char *seen(void *block)
{
	__asm__ volatile("" : "+r"(block) : : "memory");
	return static_cast<unsigned char *>(block);
}

void *make(int kind, size_t n)
{
	switch (kind) {
	case 0:
		return ::operator new(n);
	case 1:
		return ::operator new(n, std::nothrow);
	case 2:
		return ::operator new(n, LINE);
	case 3:
		return ::operator new(n, LINE, std::nothrow);
	case 4:
		return ::operator new[](n);
	case 5:
		return ::operator new[](n, std::nothrow);
	case 6:
		return ::operator new[](n, LINE);
	case 7:
		return ::operator new[](n, LINE, std::nothrow);
	case 8:
		return ::operator new(n);
	case 9:
		return ::operator new[](n);
	case 10:
		return ::operator new(n, LINE);
	default:
		return ::operator new[](n, LINE);
	}
}

void unmake(const Piece &p)
{
	switch (p.kind) {
	case 0:
		return ::operator delete(p.at);
	case 1:
		return ::operator delete(p.at, std::nothrow);
	case 2:
		return ::operator delete(p.at, LINE);
	case 3:
		return ::operator delete(p.at, LINE, std::nothrow);
	case 4:
		return ::operator delete[](p.at);
	case 5:
		return ::operator delete[](p.at, std::nothrow);
	case 6:
		return ::operator delete[](p.at, LINE);
	case 7:
		return ::operator delete[](p.at, LINE, std::nothrow);
	case 8:
		return ::operator delete(p.at, p.size);
	case 9:
		return ::operator delete[](p.at, p.size);
	case 10:
		return ::operator delete(p.at, p.size, LINE);
	default:
		return ::operator delete[](p.at, p.size, LINE);
	}
}

int is_whole(const Piece &p)
{
	for (size_t i = 0; i < p.size; i++)
		if (p.at[i] != static_cast<unsigned char>(p.size + static_cast<size_t>(p.kind)))
			return 0;
	return 1;
}

size_t work(unsigned seed)
{
	std::vector<Piece> pieces;
	size_t wrong = 0;

	for (int round = 0; round < 60000; round++) {
		seed = seed * 1103515245u + 12345u;
		int kind = static_cast<int>(seed >> 16) % KINDS;
		size_t n = round % 1000 == 0 ? 300000 : 1 + (seed >> 8) % 700;
		Piece p{seen(make(kind, n)), n, kind};

		wrong += (kind % 4 > 1 || kind > 9) && kind < 12 && kind != 8 && kind != 9 &&
			 reinterpret_cast<size_t>(p.at) % 64 != 0;
		memset(p.at, static_cast<int>(n + static_cast<size_t>(kind)), n);
		pieces.push_back(p);
		if (pieces.size() < 2000)
			continue;
		for (size_t i = 0; i < 1000; i++) {
			size_t pick = (seed + i * 7919) % pieces.size();

			wrong += !is_whole(pieces[pick]);
			unmake(pieces[pick]);
			pieces[pick] = pieces.back();
			pieces.pop_back();
		}
	}
	for (const Piece &p : pieces) {
		wrong += !is_whole(p);
		unmake(p);
	}
	return wrong;
}

// malloc's side: every entry, and realloc across sizes.
size_t plain()
{
	size_t wrong = 0;

	for (size_t i = 1; i < 30000; i++) {
		size_t n = 1 + i * 7919 % 5000;
		char *a = static_cast<char *>(i % 3 ? malloc(n) : calloc(1, n));
		char *b = static_cast<char *>(aligned_alloc(64, (n + 63) & ~size_t{63}));
		void *c = nullptr;

		wrong += posix_memalign(&c, 128, n) != 0;
		memset(a, 7, n);
		a = static_cast<char *>(realloc(a, n + i % 4000));
		wrong += a[0] != 7 || a[n - 1] != 7 || malloc_usable_size(a) < n;
		memset(b, 1, n);
		memset(c, 1, n);
		free(c);
		free(b);
		free(a);
	}
	return wrong;
}

int handled;

void give_up()
{
	handled++;
	std::set_new_handler(nullptr);
}

void failures()
{
	volatile size_t huge = static_cast<size_t>(-1) / 4;
	int thrown = 0;

	std::set_new_handler(give_up);
	try {
		seen(::operator new(huge));
	} catch (const std::bad_alloc &) {
		thrown++;
	}
	try {
		seen(::operator new[](huge, LINE));
	} catch (const std::bad_alloc &) {
		thrown++;
	}
	printf("handled %d thrown %d nothrow %d\n", handled, thrown,
	       seen(::operator new(huge, std::nothrow)) == nullptr);
	::operator delete(nullptr);
	::operator delete[](nullptr, size_t{8});
}
} // namespace

int main()
{
	size_t wrong[4] = {};
	std::vector<std::thread> threads;

	setvbuf(stdout, nullptr, _IOLBF, 0);
	for (unsigned i = 0; i < 4; i++)
		threads.emplace_back([&wrong, i] { wrong[i] = work(i + 1); });
	for (std::thread &t : threads)
		t.join();
	printf("wrong %zu\n", wrong[0] + wrong[1] + wrong[2] + wrong[3]);
	printf("plain wrong %zu\n", plain());
	failures();
	return 0;
}
