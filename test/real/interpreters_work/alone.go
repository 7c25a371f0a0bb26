// alone.go - Go without libc: to such a program we are not there.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
)

func work(n int) int {
	m := map[string]int{}
	for i := 0; i < n; i++ {
		m[fmt.Sprint(i%1000)] += i
	}
	s := 0
	for _, v := range m {
		s += v
	}
	return s
}

func main() {
	runtime.GOMAXPROCS(4)
	var wg sync.WaitGroup
	sums := make([]int, 12)
	for i := range sums {
		wg.Add(1)
		go func(i int) { defer wg.Done(); sums[i] = work(50000 + i) }(i)
	}
	wg.Wait()
	fmt.Println(sums)
	for i := 0; i < 10; i++ {
		out, err := exec.Command("sh", "-c", fmt.Sprintf("echo %d; ls /proc/self/fd | wc -l; exit %d", i, i)).CombinedOutput()
		fmt.Printf("%q %v\n", out, err)
	}
	c := make(chan os.Signal, 10)
	signal.Notify(c, syscall.SIGUSR1, syscall.SIGTERM)
	syscall.Kill(os.Getpid(), syscall.SIGPROF) // the runtime's own: it drops what is not its timer's
	for _, s := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGTERM} {
		syscall.Kill(os.Getpid(), s)
		fmt.Println(<-c)
	}
	fds, _ := os.ReadDir("/proc/self/fd")
	maps, _ := os.ReadFile("/proc/self/maps")
	fmt.Println(len(fds), len(maps) > 0)
	func() {
		defer func() { fmt.Println(recover()) }()
		var p *int
		*p = 1
	}()
	os.Exit(5)
}
