// demo_threads.cpp - a program to look at in the demo: threads that burn, allocate, keep and wait.
// SPDX-License-Identifier: MIT
// What its profiles should say: mandelbrot and sort_words share the CPU of the burners; the parsers
// allocate and free; the cache grows until it is full and stays alive; eight threads, from three
// places.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace
{

std::atomic<bool> running{true};
std::atomic<unsigned long> work{0};

__attribute__((noinline)) unsigned long mandelbrot(double side)
{
	unsigned long inside = 0;

	for (double y = -1.2; y < 1.2; y += side)
		for (double x = -2.0; x < 0.6; x += side) {
			double a = x, b = y;
			int i = 0;

			for (; i < 200 && a * a + b * b < 4; i++) {
				double t = a * a - b * b + x;

				b = 2 * a * b + y;
				a = t;
			}
			inside += i == 200;
		}
	return inside;
}

__attribute__((noinline)) std::vector<std::string> parse_words(unsigned seed)
{
	std::vector<std::string> words;

	for (int i = 0; i < 4000; i++) {
		seed = seed * 1103515245 + 12345;
		words.push_back("a word that is too long to be kept inside " +
				std::to_string(seed));
	}
	return words;
}

__attribute__((noinline)) void sort_words(std::vector<std::string> &words)
{
	std::sort(words.begin(), words.end());
}

class Cache
{
	std::map<int, std::unique_ptr<char[]>> pages;

      public:
	__attribute__((noinline)) void fill(int page)
	{
		pages[page] = std::make_unique<char[]>(64 * 1024);
		pages[page][0] = 1;
	}
};

void burner()
{
	while (running)
		work += mandelbrot(0.01);
}

void parser(unsigned seed)
{
	while (running) {
		auto words = parse_words(seed++);

		sort_words(words);
		work += words.size();
		std::this_thread::sleep_for(std::chrono::milliseconds(5));
	}
}

void cacher()
{
	Cache cache;

	for (int page = 0; running; page++) {
		if (page < 512)
			cache.fill(page);
		std::this_thread::sleep_for(std::chrono::milliseconds(5));
	}
}

void idler()
{
	while (running)
		std::this_thread::sleep_for(std::chrono::milliseconds(50));
}

template <class Body> void start(std::vector<std::thread> &threads, int count, Body body)
{
	for (int i = 0; i < count; i++)
		threads.emplace_back(body, i);
}

} // namespace

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? std::atoi(argv[1]) : 10;
	std::vector<std::thread> threads;

	start(threads, 1, [](int) { burner(); });
	start(threads, 2, [](int i) { parser(static_cast<unsigned>(i)); });
	start(threads, 1, [](int) { cacher(); });
	start(threads, 4, [](int) { idler(); });
	std::this_thread::sleep_for(std::chrono::seconds(seconds));
	running = false;
	for (auto &thread : threads)
		thread.join();
	std::printf("demo_threads: %lu pieces of work\n", work.load());
	return 0;
}
