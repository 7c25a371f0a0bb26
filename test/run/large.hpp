// large.hpp - a unit whose debug information is some hundred times its code; linked many times over.
#include <algorithm>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace large_unit {
template <int I> struct Item {
	int value;
	std::string text;
	bool operator<(const Item &other) const { return value < other.value; }
	bool operator==(const Item &other) const { return value == other.value; }
};

template <int I> struct Hash {
	size_t operator()(const Item<I> &item) const { return std::hash<std::string>()(item.text); }
};

template <int I> __attribute__((noinline)) long work(int n)
{
	std::map<Item<I>, std::vector<Item<I>>> sorted;
	std::unordered_map<Item<I>, std::set<Item<I>>, Hash<I>> hashed;
	std::list<std::shared_ptr<Item<I>>> listed;
	std::variant<int, Item<I>, std::tuple<Item<I>, int>> one;
	std::function<long(const Item<I> &)> weigh = [&](const Item<I> &item) {
		return item.value + (long)item.text.size();
	};
	long sum = 0;
	for (int i = 0; i < n; i++) {
		Item<I> item{i, std::to_string(i * I)};
		sorted[item].push_back(item);
		hashed[item].insert(item);
		listed.push_back(std::make_shared<Item<I>>(item));
		one = item;
		sum += weigh(item) + (long)one.index();
	}
	for (auto &entry : sorted) {
		std::stable_sort(entry.second.begin(), entry.second.end());
		sum += entry.first.value;
	}
	listed.sort([](const auto &a, const auto &b) { return a->value > b->value; });
	return sum;
}

template <int... I> long all(int n, std::integer_sequence<int, I...>)
{
	return (work<I>(n) + ... + 0);
}
} // namespace large_unit

extern "C" long large_run(int n)
{
	return large_unit::all(n, std::make_integer_sequence<int, 8>());
}
