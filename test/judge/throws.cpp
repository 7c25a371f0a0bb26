// throws.cpp - work for the judge: exceptions, destructors, inlining, threads; built in many ways.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static int leaf(int n)
{
	if (n % 7 == 0)
		throw std::runtime_error("seven");
	return n * 3;
}

struct Guard {
	std::string text;
	~Guard() { text.clear(); }
};

__attribute__((noinline)) static int climb(int n, int depth)
{
	Guard guard{std::to_string(n)};

	return depth == 0 ? leaf(n) : climb(n, depth - 1) + 1;
}

static double seconds()
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

static void work(double until)
{
	std::map<std::string, int> seen;
	volatile int sum = 0;

	for (int i = 0; seconds() < until; i++) {
		try {
			sum = sum + climb(i, i % 20);
		} catch (std::exception &) {
			sum = sum + 1;
		}
		seen[std::to_string(i % 1000)] += i;
		if (i % 1000 == 0) {
			std::vector<int> numbers(5000);

			for (auto &n : numbers)
				n = rand();
			std::sort(numbers.begin(), numbers.end());
		}
	}
}

int main(int argc, char **argv)
{
	double until = argc > 1 ? atof(argv[1]) : 1;
	std::thread a(work, until), b(work, until);

	work(until);
	a.join();
	b.join();
	return 0;
}
