// Load.java - a JVM at work: pools, garbage, overflows and null pointers caught, children, an end by hook.
// SPDX-License-Identifier: MIT
import java.util.*;
import java.util.concurrent.*;
import java.util.stream.IntStream;

public class Load {
	static class Holder { int value; }

	static int depth(int n) { return depth(n + 1) + 1; }
	static int value(Holder h) { return h.value; }

	static long garbage(int k) {
		long sum = 0;
		List<byte[]> list = new ArrayList<>();
		for (int j = 0; j < 2000; j++) {
			list.add(new byte[1000 + j % 77]);
			if (list.size() > 200) list.clear();
			sum += ("" + j).hashCode() + k;
		}
		return sum;
	}

	static void pool() throws Exception {
		ExecutorService pool = Executors.newFixedThreadPool(8);
		List<Future<Long>> all = new ArrayList<>();
		for (int i = 0; i < 48; i++) { final int k = i; all.add(pool.submit(() -> garbage(k))); }
		long sum = 0;
		for (Future<Long> f : all) sum += f.get();
		pool.shutdown();
		Map<Integer, String> map = new ConcurrentHashMap<>();
		IntStream.range(0, 150000).parallel().forEach(i -> map.put(i, "v" + i));
		System.gc();
		System.out.println("sum " + sum + " " + map.size());
	}

	static int overflows(int times) {
		int caught = 0;
		for (int i = 0; i < times; i++) try { depth(0); } catch (StackOverflowError e) { caught++; }
		return caught;
	}

	static void faults() throws Exception {
		System.out.println("overflows " + overflows(10));
		Thread[] threads = new Thread[4];
		for (int i = 0; i < 4; i++) { threads[i] = new Thread(() -> overflows(4)); threads[i].start(); }
		for (Thread t : threads) t.join();
		int caught = 0;
		for (int i = 0; i < 100000; i++)
			try { value(i % 100 == 0 ? null : new Holder()); } catch (NullPointerException e) { caught++; }
		System.out.println("null " + caught);
		try { System.out.println(1 / (caught - caught)); } catch (ArithmeticException e) { System.out.println(e.getMessage()); }
		try {
			long[][] big = new long[1000][];
			for (int i = 0; i < 1000; i++) big[i] = new long[10_000_000];
		} catch (OutOfMemoryError e) { System.out.println(e.getMessage()); }
	}

	static void children() throws Exception {
		for (int i = 0; i < 6; i++) {
			Process p = new ProcessBuilder("sh", "-c", "read x; echo got $x; echo e >&2; ls /proc/self/fd | wc -l; exit " + i)
				.redirectErrorStream(true).start();
			p.getOutputStream().write("hi\n".getBytes());
			p.getOutputStream().close();
			System.out.print(new String(p.getInputStream().readAllBytes()));
			System.out.println(p.waitFor());
		}
		Process p = new ProcessBuilder("sleep", "100").start();
		p.destroy();
		System.out.println(p.waitFor());
	}

	static void signals() throws Exception {
		for (String name : new String[] {"PROF", "CONT"}) {
			CountDownLatch seen = new CountDownLatch(1);
			sun.misc.Signal.handle(new sun.misc.Signal(name), s -> { System.out.println(s); seen.countDown(); });
			sun.misc.Signal.raise(new sun.misc.Signal(name));
			seen.await();
		}
	}

	public static void main(String[] args) throws Exception {
		pool();
		faults();
		children();
		signals();
		Runtime.getRuntime().addShutdownHook(new Thread(() -> {
			System.out.println("hook");
			System.out.flush();
			Runtime.getRuntime().halt(9);
		}));
		Thread busy = new Thread(() -> { String s = ""; while (true) s = "" + System.nanoTime() + s.length(); });
		busy.setDaemon(true);
		busy.start();
		System.exit(4);
	}
}
