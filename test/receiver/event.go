// event.go - event.json, field by field.
// SPDX-License-Identifier: MIT
package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// The order in which the keys must come, and whether each must be there.
var eventKeys = []struct {
	name string
	must bool
}{{"start", true}, {"end", true}, {"attachments", true}, {"tags_profiler", true}, {"family", true},
	{"version", true}, {"endpoint_counts", false}, {"custom_attributes", false}, {"info", true},
	{"process_tags", false}}

// RFC 3339; a fraction of up to nine digits that does not end with 0.
var eventTime = regexp.MustCompile(
	`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?(Z|[+-]\d\d:\d\d)$`)

func keysInOrder(raw []byte, bad report) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		bad("the event is no JSON object")
		return
	}
	at := 0
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return // json.Unmarshal tells it
		}
		name := t.(string)
		for at < len(eventKeys) && eventKeys[at].name != name {
			if eventKeys[at].must {
				break
			}
			at++
		}
		if at == len(eventKeys) || eventKeys[at].name != name {
			bad("event key %q is unknown or out of order", name)
			return
		}
		at++
		var skip json.RawMessage
		if d.Decode(&skip) != nil {
			return
		}
	}
}

func eventString(fields map[string]json.RawMessage, key string, bad report) string {
	var s string
	if raw := fields[key]; raw == nil {
		bad("event has no %s", key)
	} else if json.Unmarshal(raw, &s) != nil || raw[0] != '"' {
		bad("event %s is no string: %s", key, raw)
	}
	return s
}

func eventMoment(fields map[string]json.RawMessage, key string, bad report) time.Time {
	s := eventString(fields, key, bad)
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || !eventTime.MatchString(s) {
		bad("event %s is %q", key, s)
	}
	if key == "start" && !strings.HasSuffix(s, "Z") {
		bad("event start %q is not UTC", s)
	}
	if age := time.Since(t); age < -time.Minute || age > 24*time.Hour {
		bad("event %s %q is not of today", key, s)
	}
	return t
}

func checkEvent(r *received, bad report) {
	if !utf8.Valid(r.event) || !bytes.HasSuffix(r.event, []byte("}\n")) ||
		bytes.Count(r.event, []byte("\n")) != 1 {
		bad("the event is not one line of UTF-8 with its newline")
	}
	if bytes.ContainsAny(r.event, "<>&") {
		bad("the event has an unescaped <, > or &")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(r.event, &fields); err != nil {
		bad("the event does not parse: %v", err)
		return
	}
	keysInOrder(r.event, bad)
	start, end := eventMoment(fields, "start", bad), eventMoment(fields, "end", bad)
	if end.Before(start) {
		bad("the event ends before it starts")
	}
	checkAttachments(r, fields["attachments"], bad)
	if v := eventString(fields, "version", bad); v != "4" {
		bad("event version is %q", v)
	}
	if f := eventString(fields, "family", bad); f != "native" && f != "go" {
		bad("event family is %q", f)
	}
	checkInfo(fields["info"], bad)
	if fields["process_tags"] != nil {
		checkTagSyntax("process_tags", eventString(fields, "process_tags", bad), bad)
	}
	r.tags = checkTags(eventString(fields, "tags_profiler", bad), bad)
}

func checkAttachments(r *received, raw json.RawMessage, bad report) {
	var names []string
	if raw == nil || json.Unmarshal(raw, &names) != nil {
		bad("event attachments are %s", raw)
		return
	}
	if len(r.parts) == 0 && string(raw) != "null" {
		bad("event attachments are %s, not null, without parts", raw)
	}
	var parts []string
	for _, p := range r.parts {
		parts = append(parts, p.name)
	}
	if strings.Join(names, "\n") != strings.Join(parts, "\n") {
		bad("event attachments are %q, the parts %q", names, parts)
	}
}

// checkInfo: info.profiler has the settings, what each profile covers, and what was lost: counters
// by cause.
func checkInfo(raw json.RawMessage, bad report) {
	var info struct {
		Profiler struct {
			Settings map[string]json.RawMessage   `json:"settings"`
			Dropped  *uint64                      `json:"uploads_dropped"`
			Losses   map[string]uint64            `json:"losses"`
			Coverage map[string]map[string]uint64 `json:"coverage"`
		} `json:"profiler"`
	}
	if err := json.Unmarshal(raw, &info); err != nil {
		bad("event info is %s: %v", raw, err)
		return
	}
	for _, key := range []string{"cpu_duration", "cpu_profile_rate", "profile_period",
		"upload_timeout", "delta_profiles"} {
		if info.Profiler.Settings[key] == nil {
			bad("event info has no setting %s", key)
		}
	}
	if info.Profiler.Losses == nil || info.Profiler.Dropped == nil {
		bad("event info does not tell losses: %s", raw)
	}
	for profile, is := range info.Profiler.Coverage {
		if len(is) != 4 || is["truncated"] > is["samples"] || is["ended_early"] > is["samples"] {
			bad("event info covers %s by %v", profile, is)
		}
	}
	if info.Profiler.Coverage == nil {
		bad("event info does not tell what the profiles cover: %s", raw)
	}
}

// The tags that are always there, and what they must look like.
var tagForms = map[string]*regexp.Regexp{
	"process_id":       regexp.MustCompile(`^[1-9][0-9]*$`),
	"profiler_version": regexp.MustCompile(`^v?\d+\.\d+`),
	"runtime-id":       regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`),
	"language":         regexp.MustCompile(`^[a-z+]+$`),
	"runtime":          regexp.MustCompile(`^[a-z+]+$`),
	"runtime_os":       regexp.MustCompile(`^linux$`),
	"runtime_arch":     regexp.MustCompile(`^(amd64|arm64)$`),
	"probe_version":    regexp.MustCompile(`^v?\d+\.\d+`),
	"host":             regexp.MustCompile(`^[^ ]+$`),
	"service":          regexp.MustCompile(`^.+$`),
	"profile_seq":      regexp.MustCompile(`^[0-9]+$`),
}

func checkTagSyntax(what, text string, bad report) map[string]string {
	tags := map[string]string{}
	for _, tag := range strings.Split(text, ",") {
		colon := strings.IndexByte(tag, ':')
		if colon < 1 || colon == len(tag)-1 {
			bad("%s holds %q", what, tag)
			continue
		}
		tags[tag[:colon]] = tag[colon+1:]
	}
	return tags
}

func checkTags(text string, bad report) map[string]string {
	tags := checkTagSyntax("tags_profiler", text, bad)
	for name, form := range tagForms {
		if value, there := tags[name]; !there {
			bad("tag %s is missing", name)
		} else if !form.MatchString(value) {
			bad("tag %s is %q", name, value)
		}
	}
	return tags
}
