// parca.go - what Parca takes: WriteRaw as JSON.
// SPDX-License-Identifier: MIT
package main

import (
	"bytes"
	"encoding/json"

	"github.com/google/pprof/profile"
)

type writeRaw struct {
	Series []struct {
		Labels struct {
			Labels []struct{ Name, Value string } `json:"labels"`
		} `json:"labels"`
		Samples []struct {
			RawProfile []byte `json:"rawProfile"`
		} `json:"samples"`
	} `json:"series"`
	Normalized *bool `json:"normalized"`
}

// kindOf tells the two series of a heap profile apart, and that each says what it is of: a period or
// a moment.
func kindOf(name string, data []byte, bad report) string {
	p, err := profile.ParseData(data)
	if err != nil || len(p.SampleType) == 0 {
		bad("%s: %v", name, err)
		return name
	}
	period := p.DurationNanos != 0
	switch p.SampleType[0].Type {
	case "alloc_objects":
		name = "allocated.pprof"
	case "inuse_objects":
		name = "in-use.pprof"
	}
	if want := name == "allocated.pprof" || p.SampleType[0].Type == "samples"; want != period {
		bad("%s: duration is %d", name, p.DurationNanos)
	}
	return name
}

func checkWriteRaw(body []byte, bad report) *received {
	r := &received{tags: map[string]string{}}
	var request writeRaw
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&request); err != nil || d.More() || len(request.Series) == 0 {
		bad("the body is no request: %v", err)
		return r
	}
	if request.Normalized == nil || *request.Normalized {
		bad("normalized is %v", request.Normalized)
	}
	for _, series := range request.Series {
		var names, values []string
		for _, l := range series.Labels.Labels {
			names, values = append(names, l.Name), append(values, l.Value)
		}
		labels := checkLabels(names, values, plainName, bad)
		if len(series.Samples) == 0 {
			bad("a series without a profile")
		}
		for _, sample := range series.Samples {
			p := part{labels: labels, data: sample.RawProfile}
			var err error
			if p.profile, p.kind, err = unpack(p.data); err != nil || p.kind != "gzip" {
				bad("a profile is %s: %v", p.kind, err)
				continue
			}
			p.name = kindOf(fileOf(labels, len(r.parts)), p.profile, bad)
			checkProfile(p.name, p.profile, bad)
			r.parts = append(r.parts, p)
		}
		r.tags["service"] = labels["service_name"]
	}
	return r
}
