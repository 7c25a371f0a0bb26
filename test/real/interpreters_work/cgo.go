// cgo.go - Go with libc: small stacks, its own profiler by SIGPROF, calls to C and back, setuid, exec.
// SPDX-License-Identifier: MIT
package main

/*
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
static char *volatile kept;
static char *volatile held[256];
static void hold(void) { for (int i = 0; i < 256; i++) held[i] = malloc(4000); }
static int allocate(int n) { int s = 0; for (int i = 0; i < n; i++) { char *p = kept = malloc(100 + i % 1000); memset(p, i, 100); s += p[50]; free(p); } return s; }
extern int goTwice(int);
static int back(int n) { int s = 0; for (int i = 0; i < n; i++) s += goTwice(i); return s; }
static void *from_c(void *a) { return (void *)(long)back(1000); }
static long threads(void) { pthread_t t[4]; long s = 0; void *r; for (int i = 0; i < 4; i++) pthread_create(&t[i], 0, from_c, 0); for (int i = 0; i < 4; i++) { pthread_join(t[i], &r); s += (long)r; } return s; }
*/
import "C"

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"runtime"
	"runtime/pprof"
	"sync"
	"syscall"
	"time"
)

//export goTwice
func goTwice(n C.int) C.int { return n * 2 }

func deep(n int) int {
	var a [200]byte
	if n == 0 {
		return 0
	}
	a[n%200] = 1
	return deep(n-1) + int(a[n%200])
}

func load() {
	var wg sync.WaitGroup
	sums := make([]int, 12)
	for i := range sums {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			s := 0
			for k := 0; k < 30000; k++ {
				s += len(fmt.Sprint(k))
			}
			sums[i] = s + int(C.allocate(100000)) + int(C.back(5000)) + deep(10000)
		}(i)
	}
	wg.Wait()
	fmt.Println(sums, int(C.threads()))
}

func main() {
	runtime.GOMAXPROCS(4)
	C.hold() // without it, whether a sampled block is alive at the end would be chance
	var b bytes.Buffer
	profile := len(os.Args) > 1
	if profile {
		if err := pprof.StartCPUProfile(&b); err != nil {
			fmt.Println(err)
		}
	}
	load()
	for i := 0; i < 8; i++ {
		out, err := exec.Command("sh", "-c", fmt.Sprintf("echo %d; exit %d", i, i)).CombinedOutput()
		fmt.Printf("%q %v\n", out, err)
	}
	u, err := user.Current()
	fmt.Println(u.Username, err)
	if profile {
		for t := time.Now(); time.Since(t) < 300*time.Millisecond; {
			deep(1000)
		}
		pprof.StopCPUProfile()
		fmt.Println(b.Len() > 200)
	}
	c := make(chan os.Signal, 10)
	signal.Notify(c, syscall.SIGUSR1, syscall.SIGTERM)
	syscall.Kill(os.Getpid(), syscall.SIGPROF) // the runtime's own: it drops what is not its timer's
	for _, s := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGTERM} {
		syscall.Kill(os.Getpid(), s)
		fmt.Println(<-c)
	}
	fds, _ := os.ReadDir("/proc/self/fd")
	fmt.Println(len(fds))
	func() {
		defer func() { fmt.Println(recover()) }()
		var p *int
		*p = 1
	}()
	if os.Getuid() == 0 {
		fmt.Println(syscall.Setuid(65534), syscall.Getuid())
	}
	if profile {
		fmt.Println(syscall.Exec("/bin/echo", []string{"echo", "another"}, os.Environ()))
	}
	os.Exit(5)
}
