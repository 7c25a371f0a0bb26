// request.go - the head and the multipart body of an upload, byte by byte.
// SPDX-License-Identifier: MIT
package main

import (
	"bytes"
	"encoding/base64"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
)

type report func(format string, args ...interface{})

type part struct {
	name    string
	data    []byte
	kind    string // of compression
	profile []byte // decompressed; nil when it is no profile
	labels  map[string]string
	id      string
}

type received struct {
	parts []part // without the event
	event []byte
	tags  map[string]string
	key   string // the same whenever the same is sent
}

var paths = map[string]string{"blackfire": "/profiling/v1/input",
	"pyroscope": "/push.v1.PusherService/Push", "parca": "/api/profiles/writeraw"}

var contentTypes = map[string]*regexp.Regexp{
	"blackfire": regexp.MustCompile(`^multipart/form-data; boundary=([0-9a-f]{60})$`),
	"pyroscope": regexp.MustCompile(`^application/proto$`),
	"parca":     regexp.MustCompile(`^application/json$`),
}

// headers gives each header's values by its canonical name.
func headers(head []string, bad report) map[string][]string {
	out := map[string][]string{}
	for _, line := range head[1:] {
		colon := strings.IndexByte(line, ':')
		if colon < 1 || strings.ContainsAny(line[:colon], " \t") {
			bad("header line %q is malformed", line)
			continue
		}
		name := textproto.CanonicalMIMEHeaderKey(line[:colon])
		out[name] = append(out[name], strings.TrimSpace(line[colon+1:]))
	}
	return out
}

func checkAuthorization(h map[string][]string, o options, bad report) {
	got := h["Authorization"]
	if o.bearer != "" {
		if len(got) != 1 || got[0] != "Bearer "+o.bearer {
			bad("Authorization is %q, not the bearer's", got)
		}
		return
	}
	if o.auth == "" {
		if len(got) > 0 {
			bad("Authorization sent without id and token")
		}
		return
	}
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(o.auth))
	if len(got) != 1 || got[0] != want {
		bad("Authorization is %q, not %q", got, want)
	}
}

// checkHead returns the body's length, or -1 when it is not told.
func checkHead(head []string, o options, bad report) int {
	if len(head) == 0 {
		bad("no request line")
		return -1
	}
	if want := "POST " + o.base + paths[o.kind] + " HTTP/1.1"; head[0] != want {
		bad("request line is %q, not %q", head[0], want)
	}
	h := headers(head, bad)
	for name, values := range h {
		if len(values) > 1 {
			bad("header %s is sent %d times", name, len(values))
		}
	}
	for _, name := range []string{"Expect", "Transfer-Encoding", "Dd-Api-Key",
		"Proxy-Connection", "Proxy-Authorization", "Cookie", "Upgrade"} {
		if h[name] != nil {
			bad("header %s must not be sent", name)
		}
	}
	if got := h["Host"]; len(got) != 1 || got[0] != o.host {
		bad("Host is %q, not %q", got, o.host)
	}
	if got := h["Content-Type"]; len(got) != 1 || !contentTypes[o.kind].MatchString(got[0]) {
		bad("Content-Type is %q", got)
	}
	checkPushHeaders(h, o, bad)
	if got := h["User-Agent"]; len(got) != 1 || got[0] == "" {
		bad("User-Agent is %q", got)
	}
	checkAuthorization(h, o, bad)
	checkEntity(h, bad)
	if got := h["Content-Length"]; len(got) == 1 {
		if n, err := strconv.Atoi(got[0]); err == nil && n >= 0 {
			return n
		}
	}
	bad("Content-Length is %q", h["Content-Length"])
	return -1
}

var containerID = regexp.MustCompile(
	`^([0-9a-f]{64}|[0-9a-f]{32}-[0-9]+|[0-9a-f]{8}([-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})$`)
var entityID = regexp.MustCompile(`^(ci-.+|in-[0-9]+)$`)

func checkEntity(h map[string][]string, bad report) {
	id, entity := h["Datadog-Container-Id"], h["Datadog-Entity-Id"]
	if len(id) == 1 && !containerID.MatchString(id[0]) {
		bad("Datadog-Container-Id is %q", id[0])
	}
	if len(entity) == 1 && !entityID.MatchString(entity[0]) {
		bad("Datadog-Entity-Id is %q", entity[0])
	}
	if len(id) == 1 && (len(entity) != 1 || entity[0] != "ci-"+id[0]) {
		bad("Datadog-Entity-Id is %q beside container id %q", entity, id[0])
	}
}

var idempotencyKey = regexp.MustCompile(`^"([A-Za-z0-9_.-]+-[0-9]+-[0-9]{8}T[0-9]{6}Z-[0-9]+)"$`)

// keyOf is what tells a parcel that comes a second time.
func keyOf(head []string, bad report) string {
	got := headers(head, func(string, ...interface{}) {})["Idempotency-Key"]
	if len(got) == 1 {
		if key := idempotencyKey.FindStringSubmatch(got[0]); key != nil {
			return key[1]
		}
	}
	bad("Idempotency-Key is %q", got)
	return ""
}

// boundaryOf finds the boundary again in the head; checkHead has complained when it is bad.
func boundaryOf(head []string) string {
	for _, line := range head[1:] {
		if at := strings.Index(line, "boundary="); at >= 0 &&
			strings.HasPrefix(strings.ToLower(line), "content-type:") {
			return strings.Trim(line[at+len("boundary="):], `"`)
		}
	}
	return ""
}

func checkBody(head []string, body []byte, bad report) *received {
	r := &received{tags: map[string]string{}}
	boundary := boundaryOf(head)
	first, end := []byte("--"+boundary+"\r\n"), []byte("\r\n--"+boundary+"--\r\n")
	if boundary == "" || !bytes.HasPrefix(body, first) || !bytes.HasSuffix(body, end) {
		bad("body does not begin and end with the boundary")
		return r
	}
	inner := body[len(first) : len(body)-len(end)]
	raw := bytes.Split(inner, []byte("\r\n--"+boundary+"\r\n"))
	for i, one := range raw {
		checkPart(r, one, i == len(raw)-1, bad)
	}
	if r.event == nil {
		bad("there is no event")
		return r
	}
	checkEvent(r, bad)
	checkOrder(r, bad)
	for i := range r.parts {
		checkAttachment(&r.parts[i], bad)
	}
	return r
}

var partHead = regexp.MustCompile(
	`^Content-Disposition: form-data; name="([^"\r\n]+)"; filename="([^"\r\n]+)"\r\nContent-Type: ([^\r\n]+)$`)

func checkPart(r *received, one []byte, last bool, bad report) {
	split := bytes.SplitN(one, []byte("\r\n\r\n"), 2)
	if len(split) != 2 {
		bad("a part has no empty line")
		return
	}
	m := partHead.FindSubmatch(split[0])
	if m == nil {
		bad("part headers are %q", split[0])
		return
	}
	name, file, kind, data := string(m[1]), string(m[2]), string(m[3]), split[1]
	if name == "event" {
		if file != "event.json" || kind != "application/json" {
			bad("the event is file %q of type %q", file, kind)
		}
		if !last {
			bad("the event is not the last part")
		}
		if r.event != nil {
			bad("there are two events")
		}
		r.event = data
		return
	}
	if name != file || kind != "application/octet-stream" {
		bad("part %q is file %q of type %q", name, file, kind)
	}
	r.parts = append(r.parts, part{name: name, data: data})
}

// checkOrder: heap, threads, CPU; the CPU profile is last when there is one.
func checkOrder(r *received, bad report) {
	rank := map[string]int{"heap.pprof": 1, "delta-heap.pprof": 1, "goroutines.pprof": 2, "cpu.pprof": 3}
	before := 0
	for _, p := range r.parts {
		now := rank[p.name]
		if now == 0 {
			bad("attachment %q is unknown", p.name)
		} else if now <= before {
			bad("attachment %q is out of order", p.name)
		}
		before = now
	}
}
