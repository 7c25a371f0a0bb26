// truth: slow
// truth: with CONPROF_HEAP_SAMPLE_INTERVAL=2048
// truth: alloc_space shop::Maker::one = 16777216 +-5%
// truth: alloc_objects shop::Maker::one = 16384 +-5%
// truth: inuse_space shop::Maker::one = 16777216 +-5%
// truth: alloc_space shop::Maker::many = 16777216 +-5%
// truth: inuse_space shop::Maker::many = 0 exactly
// truth: exit 0
// SPDX-License-Identifier: MIT
// operator new and new[], aligned and not; the names arrive as a C++ programmer wrote them.
#include <memory>
#include <vector>

#include "truth.h"

namespace shop
{
struct Block {
	char bytes[1024];
};

struct alignas(64) Lined {
	char bytes[1024];
};

class Maker
{
      public:
	TRUTH_FRAME void one(int count)
	{
		for (int i = 0; i < count; i++)
			kept.push_back(std::unique_ptr<Block>(new Block));
		TRUTH_STAY();
	}

	TRUTH_FRAME int many(int count)
	{
		int crooked = 0;

		for (int i = 0; i < count / 2; i++) {
			std::unique_ptr<char[]> plain(new char[1024]);
			std::unique_ptr<Lined> lined(new Lined);

			// A pair of new and delete that nobody looks at may be left out.
			__asm__ volatile("" : : "r"(plain.get()), "r"(lined.get()) : "memory");
			crooked |= reinterpret_cast<uintptr_t>(lined.get()) % 64 != 0;
			crooked |= !plain;
		}
		TRUTH_STAY();
		return crooked;
	}

	std::vector<std::unique_ptr<Block>> kept;
};
} // namespace shop

int main()
{
	shop::Maker maker;

	maker.kept.reserve(16384);
	maker.one(16384);
	if (maker.many(16384) != 0)
		return 1;
	_exit(0);
}
