// Wait.java - works until its standard input ends: for the tools that look into a JVM.
// SPDX-License-Identifier: MIT
public class Wait {
	static volatile long sum;

	public static void main(String[] args) throws Exception {
		for (int i = 0; i < 3; i++) {
			Thread t = new Thread(() -> { while (true) sum += ("" + sum).length(); }, "worker" + i);
			t.setDaemon(true);
			t.start();
		}
		System.out.println("up");
		while (System.in.read() >= 0) { }
		System.out.println("end");
	}
}
