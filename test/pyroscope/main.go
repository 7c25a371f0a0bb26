// main.go - Pyroscope's published API, with a store of ours behind it: its own messages, protocol and errors.
// SPDX-License-Identifier: MIT

// Usage: pyroscope ADDRESS. Takes pushes and answers queries, by the handlers and types that the server's own
// module of its API has. It keeps what it took in memory. Its first line is the address it listens on.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sort"
	"strings"
	"sync"

	"connectrpc.com/connect"
	profile "github.com/grafana/pyroscope/api/gen/proto/go/google/v1"
	push "github.com/grafana/pyroscope/api/gen/proto/go/push/v1"
	"github.com/grafana/pyroscope/api/gen/proto/go/push/v1/pushv1connect"
	querier "github.com/grafana/pyroscope/api/gen/proto/go/querier/v1"
	"github.com/grafana/pyroscope/api/gen/proto/go/querier/v1/querierv1connect"
	types "github.com/grafana/pyroscope/api/gen/proto/go/types/v1"
	"google.golang.org/protobuf/proto"
)

type stored struct {
	labels map[string]string
	it     *profile.Profile
}

type server struct {
	querierv1connect.UnimplementedQuerierServiceHandler
	mu  sync.Mutex
	all []stored
}

func unpack(raw []byte) ([]byte, error) {
	if !bytes.HasPrefix(raw, []byte{0x1f, 0x8b}) {
		return raw, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func (s *server) Push(_ context.Context, r *connect.Request[push.PushRequest]) (
	*connect.Response[push.PushResponse], error) {
	var taken []stored
	for _, series := range r.Msg.Series {
		labels := map[string]string{}
		for _, l := range series.Labels {
			labels[l.Name] = l.Value
		}
		if labels["service_name"] == "refused" {
			return nil, connect.NewError(connect.CodeInvalidArgument, errors.New("not this one"))
		}
		for _, sample := range series.Samples {
			raw, err := unpack(sample.RawProfile)
			it := &profile.Profile{}
			if err == nil {
				err = proto.Unmarshal(raw, it)
			}
			if err == nil && len(it.ProtoReflect().GetUnknown()) > 0 {
				err = errors.New("a profile with unknown fields")
			}
			if err != nil {
				return nil, connect.NewError(connect.CodeInvalidArgument, err)
			}
			taken = append(taken, stored{labels, it})
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, taken...)
	return connect.NewResponse(&push.PushResponse{}), nil
}

// typesOf gives the identities of a profile's types, as they are asked for.
func (p *stored) typesOf() []string {
	var ids []string
	text := func(i int64) string { return p.it.StringTable[i] }
	for _, t := range p.it.SampleType {
		ids = append(ids, strings.Join([]string{p.labels["__name__"], text(t.Type), text(t.Unit),
			text(p.it.PeriodType.Type), text(p.it.PeriodType.Unit)}, ":"))
	}
	return ids
}

func (s *server) ProfileTypes(context.Context, *connect.Request[querier.ProfileTypesRequest]) (
	*connect.Response[querier.ProfileTypesResponse], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]bool{}
	out := &querier.ProfileTypesResponse{}
	for i := range s.all {
		for _, id := range s.all[i].typesOf() {
			if !seen[id] {
				out.ProfileTypes = append(out.ProfileTypes, &types.ProfileType{ID: id})
			}
			seen[id] = true
		}
	}
	return connect.NewResponse(out), nil
}

func (s *server) LabelValues(_ context.Context, r *connect.Request[types.LabelValuesRequest]) (
	*connect.Response[types.LabelValuesResponse], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]bool{}
	for _, p := range s.all {
		seen[p.labels[r.Msg.Name]] = true
	}
	out := &types.LabelValuesResponse{}
	for name := range seen {
		out.Names = append(out.Names, name)
	}
	sort.Strings(out.Names)
	return connect.NewResponse(out), nil
}

// add appends a profile's tables to out's, all ids moved on, and its samples of one type.
func add(out, it *profile.Profile, column int) {
	texts, functions := int64(len(out.StringTable)), uint64(len(out.Function))
	locations := uint64(len(out.Location))
	out.StringTable = append(out.StringTable, it.StringTable...)
	for _, f := range it.Function {
		out.Function = append(out.Function, &profile.Function{Id: f.Id + functions, Name: f.Name + texts})
	}
	for _, l := range it.Location {
		moved := &profile.Location{Id: l.Id + locations, Address: l.Address}
		for _, line := range l.Line {
			moved.Line = append(moved.Line,
				&profile.Line{FunctionId: line.FunctionId + functions, Line: line.Line})
		}
		out.Location = append(out.Location, moved)
	}
	for _, s := range it.Sample {
		moved := &profile.Sample{Value: []int64{s.Value[column]}}
		for _, id := range s.LocationId {
			moved.LocationId = append(moved.LocationId, id+locations)
		}
		if s.Value[column] != 0 {
			out.Sample = append(out.Sample, moved)
		}
	}
}

func (s *server) SelectMergeProfile(_ context.Context,
	r *connect.Request[querier.SelectMergeProfileRequest]) (*connect.Response[profile.Profile], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &profile.Profile{StringTable: []string{""}}
	for i := range s.all {
		p := &s.all[i]
		ms := p.it.TimeNanos / 1000000
		wanted := fmt.Sprintf("{service_name=%q}", p.labels["service_name"])
		if ms < r.Msg.Start || ms > r.Msg.End || r.Msg.LabelSelector != wanted {
			continue
		}
		for column, id := range p.typesOf() {
			if id == r.Msg.ProfileTypeID {
				add(out, p.it, column)
			}
		}
	}
	return connect.NewResponse(out), nil
}

func main() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	s, mux := &server{}, http.NewServeMux()
	mux.Handle(pushv1connect.NewPusherServiceHandler(s))
	mux.Handle(querierv1connect.NewQuerierServiceHandler(s))
	fmt.Println("listening", listener.Addr())
	fmt.Fprintln(os.Stderr, http.Serve(listener, mux))
}
