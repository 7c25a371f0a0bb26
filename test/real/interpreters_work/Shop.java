// Shop.java - burns CPU time in methods that HotSpot compiles, until its standard input ends.
// SPDX-License-Identifier: MIT
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

public class Shop {
	static int countDown(int n) {
		return n < 2 ? n : countDown(n - 1) + countDown(n - 2);
	}

	static class Till {
		long total(long[] prices) {
			long sum = 0;
			for (long price : prices)
				sum += price * price % 7;
			return sum;
		}
	}

	static int sort(int n) {
		List<String> list = new ArrayList<>();
		for (int i = 0; i < n; i++)
			list.add("x" + (i * 7919 % n));
		Collections.sort(list);
		return list.get(0).length();
	}

	static long work(long[] prices) {
		return countDown(24) + new Till().total(prices) + sort(2000);
	}

	public static void main(String[] args) throws Exception {
		long[] prices = new long[20000];
		long sum = 0, end = Long.parseLong(args[0]) * 1000000000L;
		for (int i = 0; i < prices.length; i++)
			prices[i] = i;
		while (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() < end)
			sum += work(prices);
		System.out.println("warm");
		while (System.in.read() >= 0) { }
		System.out.println(sum > 0);
	}
}
