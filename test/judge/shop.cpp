// shop.cpp - C++ as people write it, for test/real/lines.py: templates, lambdas, calls inlined in
// calls. SPDX-License-Identifier: MIT
#include "shop.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <sstream>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>
namespace shop
{
namespace
{
struct Visitor {
	long operator()(long n) const { return n * 3; }
	long operator()(const std::string &s) const { return (long)s.size(); }
	long operator()(double d) const { return (long)(d * 2); }
};
template <typename T, typename... Rest> T total(T first, Rest... rest)
{
	if constexpr (sizeof...(rest) == 0)
		return first;
	else
		return first + total(rest...);
}
} // namespace
template <typename K, typename V> class Till
{
	std::map<K, V> drawers;

      public:
	void sell(const K &k, V v) { drawers[k] += v; }
	V sum() const
	{
		return std::accumulate(drawers.begin(), drawers.end(), V{},
				       [](V a, const auto &p) { return a + p.second; });
	}
	template <typename F> void each(F f) const
	{
		for (const auto &[k, v] : drawers)
			f(k, v);
	}
};
struct Item {
	virtual ~Item() = default;
	virtual long price() const = 0;
};
struct Bread : Item {
	long price() const override { return 3; }
};
struct Cake : Bread {
	long n;
	explicit Cake(long m) : n(m)
	{
		if (m < 0)
			throw std::runtime_error("no cake");
	}
	long price() const override { return n * Bread::price(); }
};
} // namespace shop
int main(int argc, char **argv)
{
	shop::Till<std::string, long> till;
	std::vector<std::variant<long, std::string, double>> all;
	std::unordered_map<std::string, std::unique_ptr<shop::Item>> items;
	std::ostringstream out;
	for (int i = 0; i < argc + 10; i++) {
		till.sell(std::to_string(i), shop::total(i, 2, 3L));
		all.emplace_back((long)i);
		all.emplace_back(std::string(argv[0]));
		all.emplace_back(1.5 * i);
		items[std::to_string(i)] = i % 2 ? std::unique_ptr<shop::Item>(new shop::Bread)
						 : std::make_unique<shop::Cake>(i);
	}
	long sum = 0;
	for (auto &v : all)
		sum += std::visit(shop::Visitor{}, v);
	std::sort(all.begin(), all.end(), [](const auto &a, const auto &b) {
		return std::visit(shop::Visitor{}, a) < std::visit(shop::Visitor{}, b);
	});
	till.each([&](const auto &k, auto v) {
		auto inner = [&out](auto n) { out << n; };
		inner(k);
		inner(v);
	});
	try {
		shop::Cake bad(-argc);
		sum += bad.price();
	} catch (const std::exception &e) {
		out << e.what();
	}
	for (auto &[k, item] : items)
		sum += item->price();
	std::function<long(long)> f = [sum](long n) { return n + sum; };
	printf("%ld %ld %s\n", f(sum), till.sum(), out.str().c_str());
	return (int)(till_other(argc) + till_label(argc));
}
