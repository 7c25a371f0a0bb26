// main.go - the receiver: stands in for the agent, checks every byte it is sent, keeps what it took.
// SPDX-License-Identifier: MIT

// Usage: receiver --listen unix:///path|tcp://host:port|tls://host:port --out DIR [flags]
// or:    receiver --files FILE...   checks profiles that were delivered as files.
//
// Each accepted profile becomes DIR/<seq>-<service>-<process>.<name>, a gzip'ed pprof; the event the
// same with .event.json. Each violation is a line of DIR/violations.txt; each request, accepted or
// not, a line of DIR/requests.jsonl. SIGTERM ends it: status 0, or 1 when anything was violated.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

type options struct {
	listen, out, cert, key, auth, host, base string
	kind, bearer, tenant, says, after        string
	answers                                  []string
	delay                                    time.Duration
}

func readFlags() (options, []string) {
	var o options
	var answer string
	files := flag.Bool("files", false, "check the profile files named as arguments")
	flag.StringVar(&o.listen, "listen", "", "unix:///path, tcp://host:port or tls://host:port")
	flag.StringVar(&o.out, "out", "", "folder for what was received")
	flag.StringVar(&o.cert, "cert", "", "certificate, PEM, for tls")
	flag.StringVar(&o.key, "key", "", "its key, PEM")
	flag.StringVar(&o.auth, "auth", "", "id:token demanded by Basic; empty: none may be sent")
	flag.StringVar(&o.host, "host", "", "Host demanded; default localhost or the address")
	flag.StringVar(&o.base, "base", "", "prefix of the path")
	flag.StringVar(&o.kind, "kind", "blackfire", "what it stands in for: blackfire, pyroscope, parca")
	flag.StringVar(&o.bearer, "bearer", "", "token demanded as a bearer")
	flag.StringVar(&o.tenant, "tenant", "", "X-Scope-OrgID demanded; empty: none may be sent")
	flag.StringVar(&o.says, "says", "answer\n", "the body of an answer")
	flag.StringVar(&o.after, "after", "", "Retry-After of an answer that is no 200")
	flag.StringVar(&answer, "answer", "200",
		"status, or nothing, close, half, garbage; a list answers one request each, the last one all others")
	flag.DurationVar(&o.delay, "delay", 0, "wait before each answer")
	flag.Parse()
	o.answers = strings.Split(answer, ",")
	if *files {
		return o, flag.Args()
	}
	return o, nil
}

func open(o options) (net.Listener, error) {
	parts := strings.SplitN(o.listen, "://", 2)
	if len(parts) != 2 {
		return nil, fmt.Errorf("--listen %q has no scheme", o.listen)
	}
	switch parts[0] {
	case "unix":
		os.Remove(parts[1])
		return net.Listen("unix", parts[1])
	case "tcp":
		return net.Listen("tcp", parts[1])
	case "tls":
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return nil, err
		}
		return tls.Listen("tcp", parts[1], &tls.Config{Certificates: []tls.Certificate{pair}})
	}
	return nil, fmt.Errorf("--listen %q: unknown scheme", o.listen)
}

func checkFiles(files []string) int {
	status := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			fmt.Println(err)
			status = 1
			continue
		}
		name := file[strings.LastIndex(file, "/")+1:]
		for _, v := range checkProfileFile(name, data) {
			fmt.Printf("%s: %s\n", name, v)
			status = 1
		}
	}
	return status
}

func main() {
	o, files := readFlags()
	if files != nil {
		os.Exit(checkFiles(files))
	}
	if o.out == "" {
		fmt.Fprintln(os.Stderr, "receiver: --out is missing")
		os.Exit(2)
	}
	store, err := newStore(o.out)
	if err != nil {
		fmt.Fprintln(os.Stderr, "receiver:", err)
		os.Exit(2)
	}
	listener, err := open(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "receiver:", err)
		os.Exit(2)
	}
	if o.host == "" {
		o.host = "localhost"
		if !strings.HasPrefix(o.listen, "unix:") {
			o.host = listener.Addr().String()
		}
	}
	fmt.Println("listening", listener.Addr())
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go serve(listener, o, store)
	<-stop
	if store.count() > 0 {
		os.Exit(1)
	}
}
