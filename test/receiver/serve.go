// serve.go - connections: one request after the other, and the answer that was asked for.
// SPDX-License-Identifier: MIT
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

const headMax = 64 << 10
const bodyMax = 256 << 20

func serve(listener net.Listener, o options, s *store) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go converse(conn, o, s)
	}
}

// converse serves one connection. A client that leaves before its request's first byte has done
// nothing wrong; one that leaves in the middle has, unless we provoked it.
func converse(conn net.Conn, o options, s *store) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		if _, err := in.Peek(1); err != nil {
			return
		}
		head, err := readHead(in)
		seq := s.next()
		bad := func(format string, args ...interface{}) { s.violate(seq, fmt.Sprintf(format, args...)) }
		if err != nil {
			bad("request head: %v", err)
			return
		}
		length := checkHead(head, o, bad)
		if length < 0 || length > bodyMax {
			return
		}
		body := make([]byte, length)
		if n, err := io.ReadFull(in, body); err != nil {
			bad("body ends after %d of %d bytes: %v", n, length, err)
			return
		}
		var r *received
		switch o.kind {
		case "pyroscope":
			r = checkPush(body, s, bad)
		case "parca":
			r = checkWriteRaw(body, bad)
		default:
			r = checkBody(head, body, bad)
			r.key = keyOf(head, bad)
		}
		if !answer(conn, o, s, seq, len(body), r) {
			return
		}
	}
}

// readHead reads up to the empty line; lines must end with CRLF.
func readHead(in *bufio.Reader) ([]string, error) {
	var lines []string
	for total := 0; total < headMax; {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		total += len(line)
		if !strings.HasSuffix(line, "\r\n") {
			return nil, errors.New("a line ends without CR")
		}
		if line == "\r\n" {
			return lines, nil
		}
		lines = append(lines, strings.TrimSuffix(line, "\r\n"))
	}
	return nil, errors.New("too long")
}

// answer plays the answer for request seq; true when the connection stays open.
func answer(conn net.Conn, o options, s *store, seq, size int, r *received) bool {
	at := seq
	if at >= len(o.answers) {
		at = len(o.answers) - 1
	}
	kind := o.answers[at]
	accepted := kind == "200" || kind == "202"
	if accepted {
		s.keep(seq, r)
	}
	s.note(seq, kind, accepted, size, r)
	time.Sleep(o.delay)
	switch kind {
	case "nothing":
		io.Copy(io.Discard, conn)
		return false
	case "close":
		return false
	case "half":
		io.WriteString(conn, "HTTP/1.1 200 O")
		return false
	case "garbage":
		io.WriteString(conn, "\x00\xffthis is not HTTP\x80\r\n\r\n")
		return false
	}
	after := ""
	if o.after != "" && !accepted {
		after = "Retry-After: " + o.after + "\r\n"
	}
	fmt.Fprintf(conn, "HTTP/1.1 %s Answer\r\nContent-Type: text/plain\r\n%sContent-Length: %d\r\n\r\n%s",
		kind, after, len(o.says), o.says)
	return true
}
