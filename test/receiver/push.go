// push.go - what Pyroscope takes: PushRequest off the wire, its labels, and the limits of a server as it is set up.
// SPDX-License-Identifier: MIT
package main

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"sort"
	"time"
	"unicode/utf8"

	"github.com/google/pprof/profile"
)

func checkPushHeaders(h map[string][]string, o options, bad report) {
	encoding, tenant := h["Content-Encoding"], h["X-Scope-Orgid"]
	if o.kind == "pyroscope" {
		if len(encoding) != 1 || encoding[0] != "gzip" {
			bad("Content-Encoding is %q", encoding)
		}
	} else if encoding != nil {
		bad("header Content-Encoding must not be sent")
	}
	if o.tenant == "" && tenant != nil || o.tenant != "" && (len(tenant) != 1 || tenant[0] != o.tenant) {
		bad("X-Scope-OrgID is %q, not %q", tenant, o.tenant)
	}
}

// fields gives the fields of a message, all of which must be of bytes.
func fields(data []byte, bad report) (numbers []int, values [][]byte) {
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 || key&7 != 2 {
			bad("the request has a field of another wire type, or is damaged")
			return
		}
		size, m := binary.Uvarint(data[n:])
		if m <= 0 || size > uint64(len(data)-n-m) {
			bad("the request is cut off")
			return
		}
		numbers = append(numbers, int(key>>3))
		values = append(values, data[n+m:n+m+int(size)])
		data = data[n+m+int(size):]
	}
	return
}

// two gives a message's fields 1 and 2; there is no other.
func two(data []byte, bad report) (first, second [][]byte) {
	numbers, values := fields(data, bad)
	for i, n := range numbers {
		switch n {
		case 1:
			first = append(first, values[i])
		case 2:
			second = append(second, values[i])
		default:
			bad("the request has field %d", n)
		}
	}
	return
}

var metric = regexp.MustCompile(`^(process_cpu|memory|goroutine)$`)
var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_.]*$`)
var plainName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
var uuid = regexp.MustCompile(
	`^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func checkLabels(names, values []string, form *regexp.Regexp, bad report) map[string]string {
	labels := map[string]string{}
	if len(names) > 30 {
		bad("a series has %d labels", len(names))
	}
	for i, name := range names {
		value := values[i]
		if !form.MatchString(name) || len(name) > 1024 {
			bad("label name %q", name)
		}
		if value == "" || len(value) > 2048 || !utf8.ValidString(value) {
			bad("label %s is %q", name, value)
		}
		if _, there := labels[name]; there {
			bad("label %s comes twice", name)
		}
		labels[name] = value
	}
	if !sort.StringsAreSorted(names) {
		bad("labels are not sorted: %q", names)
	}
	if !metric.MatchString(labels["__name__"]) {
		bad("__name__ is %q", labels["__name__"])
	}
	if labels["service_name"] == "" || labels["hostname"] == "" {
		bad("service_name or hostname is missing: %v", labels)
	}
	return labels
}

// fileOf names the profile as it is named in a folder.
func fileOf(labels map[string]string, number int) string {
	names := map[string]string{"process_cpu": "cpu.pprof", "memory": "heap.pprof",
		"goroutine": "threads.pprof"}
	return fmt.Sprintf("%d.%s", number, names[labels["__name__"]])
}

// checkLimits: what a server that nobody has configured takes of one profile.
func checkLimits(name string, data []byte, texts bool, bad report) {
	p, err := profile.ParseData(data)
	if err != nil {
		bad("%s: %v", name, err)
		return
	}
	if len(data) > 4<<20 || len(p.Sample) > 16000 {
		bad("%s: %d bytes, %d samples", name, len(data), len(p.Sample))
	}
	for _, s := range p.Sample {
		if len(s.Location) > 1000 || len(s.Label)+len(s.NumLabel) > 100 {
			bad("%s: a sample of %d frames and %d labels", name, len(s.Location), len(s.Label))
		}
		if !texts && len(s.Label) > 0 {
			bad("%s: text labels make series: %v", name, s.Label)
		}
	}
	for _, f := range p.Function {
		if len(f.Name) > 65535 {
			bad("%s: a name of %d bytes", name, len(f.Name))
		}
	}
	age := time.Since(time.Unix(0, p.TimeNanos))
	if age > time.Hour || age < -10*time.Minute {
		bad("%s: %v old", name, age)
	}
}

func checkSeries(series []byte, r *received, s *store, bad report) int {
	labels, samples := two(series, bad)
	var names, values []string
	for _, pair := range labels {
		name, value := two(pair, bad)
		if len(name) != 1 || len(value) != 1 {
			bad("a label has %d names and %d values", len(name), len(value))
			continue
		}
		names, values = append(names, string(name[0])), append(values, string(value[0]))
	}
	got := checkLabels(names, values, labelName, bad)
	if got["__delta__"] != "false" || got["pyroscope_spy"] == "gospy" || got["pyroscope_spy"] == "" {
		bad("__delta__ is %q, pyroscope_spy %q", got["__delta__"], got["pyroscope_spy"])
	}
	if len(samples) == 0 {
		bad("a series without a profile")
	}
	size := 0
	for _, sample := range samples {
		raw, id := two(sample, bad)
		if len(raw) != 1 || len(id) != 1 || !uuid.Match(id[0]) {
			bad("a sample has %d profiles and the id %q", len(raw), id)
			continue
		}
		p := part{name: fileOf(got, len(r.parts)), data: raw[0], kind: "raw", profile: raw[0],
			labels: got, id: string(id[0])}
		if !s.same(p.id, p.data) {
			bad("another profile under the id %s", p.id)
		}
		checkLimits(p.name, p.data, false, bad)
		checkProfile(p.name, p.data, bad)
		r.parts = append(r.parts, p)
		size += len(p.data)
	}
	r.tags["service"] = got["service_name"]
	return size
}

func checkPush(body []byte, s *store, bad report) *received {
	r := &received{tags: map[string]string{}}
	plain, kind, err := unpack(body)
	if err != nil || kind != "gzip" {
		bad("the body is %s: %v", kind, err)
		return r
	}
	all, others := two(plain, bad)
	if len(others) > 0 || len(all) == 0 {
		bad("%d series, and %d other fields", len(all), len(others))
	}
	size := 0
	for _, series := range all {
		size += checkSeries(series, r, s, bad)
	}
	// More than it lets through in one go would never get through.
	if size > 2<<20 {
		bad("the profiles have %d bytes together", size)
	}
	return r
}
