// profile.go - one attachment: its compression, pprof's own rules, and the stricter ones of ours.
// SPDX-License-Identifier: MIT
package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"

	"github.com/google/pprof/profile"
	"github.com/klauspost/compress/zstd"
)

// What Go writes, and so must we: sample types in order, period type, and the period when it is fixed.
type shape struct {
	types      string
	periodType string
	period     int64 // 0: any positive
}

var shapes = map[string]shape{
	"cpu.pprof": {"samples/count cpu/nanoseconds", "cpu/nanoseconds", 0},
	"heap.pprof": {"alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes",
		"space/bytes", 0},
	"goroutines.pprof": {"goroutine/count", "goroutine/count", 1},
	"threads.pprof":    {"goroutine/count", "goroutine/count", 1}, // as files are named
	"allocated.pprof":  {"alloc_objects/count alloc_space/bytes", "space/bytes", 0},
	"in-use.pprof":     {"inuse_objects/count inuse_space/bytes", "space/bytes", 0},
}

var zstdMagic, gzipMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}, []byte{0x1f, 0x8b}

func unpack(data []byte) (out []byte, kind string, err error) {
	switch {
	case bytes.HasPrefix(data, zstdMagic):
		d, err := zstd.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, "zstd", err
		}
		defer d.Close()
		out, err = io.ReadAll(d)
		return out, "zstd", err
	case bytes.HasPrefix(data, gzipMagic):
		d, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, "gzip", err
		}
		out, err = io.ReadAll(d)
		return out, "gzip", err
	}
	return data, "raw", nil
}

// checkAttachment leaves the bare protobuf in p.profile. zstd is what we send; gzip is what comes out
// of a spool, later. Which it was is told, for tests that know which it must be.
func checkAttachment(p *part, bad report) {
	data, kind, err := unpack(p.data)
	if err != nil {
		bad("%s: %s: %v", p.name, kind, err)
		return
	}
	if kind == "raw" {
		bad("%s is not compressed", p.name)
	}
	p.profile, p.kind = data, kind
	checkProfile(p.name, data, bad)
}

// checkProfileFile is for profiles on disk: they must be gzip, so that `go tool pprof` opens them.
func checkProfileFile(name string, packed []byte) []string {
	var said []string
	bad := func(format string, args ...interface{}) { said = append(said, fmt.Sprintf(format, args...)) }
	data, kind, err := unpack(packed)
	if err != nil || kind != "gzip" {
		bad("compression is %s: %v", kind, err)
		return said
	}
	checkProfile(name, data, bad)
	return said
}

func shapeOf(name string) (shape, bool) {
	for suffix, s := range shapes {
		if strings.HasSuffix(strings.TrimSuffix(name, ".gz"), suffix) {
			return s, true
		}
	}
	return shape{}, false
}

func checkProfile(name string, data []byte, bad report) {
	p, err := profile.ParseData(data)
	if err != nil {
		bad("%s: %v", name, err)
		return
	}
	if err := p.CheckValid(); err != nil {
		bad("%s: %v", name, err)
	}
	s, known := shapeOf(name)
	if !known {
		bad("%s: an unknown kind of profile", name)
		return
	}
	checkShape(name, p, s, bad)
	checkStrings(name, data, bad)
	checkIDs(name, p, bad)
	checkSamples(name, p, bad)
	checkLocations(name, p, bad)
}

func checkShape(name string, p *profile.Profile, s shape, bad report) {
	var types []string
	for _, t := range p.SampleType {
		types = append(types, t.Type+"/"+t.Unit)
	}
	if got := strings.Join(types, " "); got != s.types {
		bad("%s: sample types are %q, not %q", name, got, s.types)
	}
	if p.PeriodType == nil || p.PeriodType.Type+"/"+p.PeriodType.Unit != s.periodType {
		bad("%s: period type is %v, not %q", name, p.PeriodType, s.periodType)
	}
	if p.Period <= 0 || (s.period != 0 && p.Period != s.period) {
		bad("%s: period is %d", name, p.Period)
	}
	if p.TimeNanos < 1e18 {
		bad("%s: time_nanos is %d", name, p.TimeNanos)
	}
	if p.DurationNanos < 0 || (s.periodType == "cpu/nanoseconds" && p.DurationNanos == 0) {
		bad("%s: duration_nanos is %d", name, p.DurationNanos)
	}
}

// checkIDs: 1..N in the order of each table, as the strictest readers want them.
func checkIDs(name string, p *profile.Profile, bad report) {
	for i, m := range p.Mapping {
		if m.ID != uint64(i+1) {
			bad("%s: mapping %d has id %d", name, i+1, m.ID)
			break
		}
	}
	for i, f := range p.Function {
		if f.ID != uint64(i+1) {
			bad("%s: function %d has id %d", name, i+1, f.ID)
			break
		}
	}
	for i, l := range p.Location {
		if l.ID != uint64(i+1) {
			bad("%s: location %d has id %d", name, i+1, l.ID)
			break
		}
	}
}

// checkSamples: no negative value, no sample of zeros, none twice, none without a frame.
func checkSamples(name string, p *profile.Profile, bad report) {
	seen := map[string]bool{}
	for i, s := range p.Sample {
		zeros := true
		for _, v := range s.Value {
			if v < 0 {
				bad("%s: sample %d has value %d", name, i, v)
			}
			zeros = zeros && v == 0
		}
		if zeros {
			bad("%s: sample %d is all zero", name, i)
		}
		if len(s.Location) == 0 {
			bad("%s: sample %d has no frame", name, i)
		}
		var key strings.Builder
		for _, l := range s.Location {
			fmt.Fprintf(&key, "%d ", l.ID)
		}
		fmt.Fprintf(&key, "%v %v", s.Label, s.NumLabel)
		if seen[key.String()] {
			bad("%s: sample %d is there twice: %s", name, i, key.String())
		}
		seen[key.String()] = true
	}
}

func checkLocations(name string, p *profile.Profile, bad report) {
	used := map[uint64]bool{}
	for _, s := range p.Sample {
		for _, l := range s.Location {
			used[l.ID] = true
		}
	}
	lines, bare := map[uint64]int{}, map[uint64]int{}
	for _, l := range p.Location {
		if !used[l.ID] {
			bad("%s: location %d is of no sample", name, l.ID)
		}
		for _, line := range l.Line {
			if line.Function != nil && line.Function.Name == "" {
				bad("%s: location %d is in a function without name", name, l.ID)
			}
		}
		m := l.Mapping
		if m == nil {
			continue
		}
		if l.Address < m.Start || l.Address >= m.Limit {
			bad("%s: location %d at %#x is outside its mapping %#x-%#x", name, l.ID, l.Address,
				m.Start, m.Limit)
		}
		if len(l.Line) > 0 {
			lines[m.ID]++
		} else {
			bare[m.ID]++
		}
	}
	for _, m := range p.Mapping {
		checkMapping(name, m, lines[m.ID], bare[m.ID], bad)
	}
}

func checkMapping(name string, m *profile.Mapping, lines, bare int, bad report) {
	if m.Start >= m.Limit || (m.Start|m.Limit|m.Offset)&0xfff != 0 {
		bad("%s: mapping %d is %#x-%#x at %#x", name, m.ID, m.Start, m.Limit, m.Offset)
	}
	if !strings.HasPrefix(m.File, "/") && !strings.HasPrefix(m.File, "[") {
		bad("%s: mapping %d is of file %q", name, m.ID, m.File)
	}
	if strings.Trim(m.BuildID, "0123456789abcdef") != "" {
		bad("%s: mapping %d has build-id %q", name, m.ID, m.BuildID)
	}
	if strings.HasSuffix(m.File, "/libconprof.so") && lines+bare > 0 {
		bad("%s: mapping %d is the recorder's own", name, m.ID)
	}
	if lines > 0 && !m.HasFunctions {
		bad("%s: mapping %d (%s) is symbolised and does not say so", name, m.ID, m.File)
	}
	if m.HasFunctions && bare > 0 {
		bad("%s: mapping %d (%s) says it is symbolised and is not", name, m.ID, m.File)
	}
	if (m.HasFilenames || m.HasLineNumbers || m.HasInlineFrames) && !m.HasFunctions {
		bad("%s: mapping %d (%s) has lines of no functions", name, m.ID, m.File)
	}
}
