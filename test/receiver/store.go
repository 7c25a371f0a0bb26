// store.go - what was received and what was wrong with it, in one folder.
// SPDX-License-Identifier: MIT
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"
)

type store struct {
	mu         sync.Mutex
	dir        string
	seq        int
	violations int
	pushed     map[string]string // the profile that came under an id
}

// requestLine is one line of requests.jsonl.
type requestLine struct {
	Seq         int      `json:"seq"`
	Answer      string   `json:"answer"`
	Accepted    bool     `json:"accepted"`
	Bytes       int      `json:"bytes"`
	Time        string   `json:"time"`
	Service     string   `json:"service"`
	Sequence    string   `json:"profile_seq"`
	Key         string   `json:"key"`
	Attachments []string `json:"attachments"`
	Compression []string `json:"compression"`
	// of each part at a server that keeps series
	Labels []map[string]string `json:"labels"`
	IDs    []string            `json:"ids"`
}

func newStore(dir string) (*store, error) {
	return &store{dir: dir, pushed: map[string]string{}}, os.MkdirAll(dir, 0o777)
}

// same tells whether what comes under this id is what came under it before, if anything did.
func (s *store) same(id string, profile []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, there := s.pushed[id]
	s.pushed[id] = string(profile)
	return !there || before == string(profile)
}

// next numbers a request, from 0.
func (s *store) next() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	return s.seq - 1
}

func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.violations
}

func (s *store) appendLine(name, line string) {
	f, err := os.OpenFile(filepath.Join(s.dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		fmt.Fprintln(os.Stderr, "receiver:", err)
		return
	}
	defer f.Close()
	fmt.Fprintln(f, line)
}

func (s *store) violate(seq int, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violations++
	s.appendLine("violations.txt", fmt.Sprintf("request %d: %s", seq, what))
}

var unfit = regexp.MustCompile(`[^A-Za-z0-9_.+-]`)

// keep writes an accepted request's parts. Names appear complete or not at all.
func (s *store) keep(seq int, r *received) {
	stem := fmt.Sprintf("%04d-%s-%s", seq, unfit.ReplaceAllString(r.tags["service"], "_"),
		unfit.ReplaceAllString(r.tags["process_id"], "_"))
	for _, p := range r.parts {
		if p.profile == nil {
			continue
		}
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		w.Write(p.profile)
		w.Close()
		s.file(stem+"."+p.name, zipped.Bytes())
	}
	if r.event != nil {
		s.file(stem+".event.json", r.event)
	}
}

func (s *store) file(name string, data []byte) {
	path := filepath.Join(s.dir, name)
	err := os.WriteFile(path+".part", data, 0o666)
	if err == nil {
		err = os.Rename(path+".part", path)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "receiver:", err)
	}
}

// note writes the request's line: after keep, so that who sees the line finds the files.
func (s *store) note(seq int, answer string, accepted bool, bytes int, r *received) {
	line := requestLine{Seq: seq, Answer: answer, Accepted: accepted, Bytes: bytes,
		Time: time.Now().UTC().Format(time.RFC3339Nano), Service: r.tags["service"],
		Sequence: r.tags["profile_seq"], Key: r.key, Attachments: []string{}, Compression: []string{}}
	for _, p := range r.parts {
		line.Attachments = append(line.Attachments, p.name)
		line.Compression = append(line.Compression, p.kind)
		if p.labels != nil {
			line.Labels = append(line.Labels, p.labels)
			line.IDs = append(line.IDs, p.id)
		}
	}
	text, _ := json.Marshal(line)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.appendLine("requests.jsonl", string(text))
}
