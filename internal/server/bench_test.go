package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/authn/sigv4"
	"qkms/internal/authz"
	"qkms/internal/kmstest"
	"qkms/internal/op"
)

// The steps of one GenerateDataKey, each alone, then the whole of it over loopback beside an empty
// handler that reads and writes as many bytes: compare within one run.
//
//	go test -run '^$' -bench . ./internal/server

type bench struct {
	server *kmstest.Server
	client *kmstest.Client
	body   []byte
	caller *authn.Caller
}

func newBench(b *testing.B) *bench {
	s := kmstest.New(b)
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	return &bench{
		server: s, client: root,
		body:   fmt.Appendf(nil, `{"KeyId":"%s","KeySpec":"AES_256","EncryptionContext":{"Purpose":"Test"}}`, id),
		caller: &authn.Caller{Kind: authn.KindRoot, Account: kmstest.Account, Region: kmstest.Region, ARN: "arn:aws:iam::" + kmstest.Account + ":root"},
	}
}

func (h *bench) verifier() *authn.Verifier {
	return authn.New(authn.Config{Find: h.server.AccessKeys.Find, Regions: h.server.Serves, Now: h.server.Clock.Now})
}

func BenchmarkAuthenticate(b *testing.B) {
	h := newBench(b)
	v := h.verifier()
	req := sigv4.From(h.client.Request("GenerateDataKey", h.body), h.body)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), &req); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	h := newBench(b)
	row := op.ByName["GenerateDataKey"]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := row.Decode(h.body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAuthorize(b *testing.B) {
	h := newBench(b)
	req, _ := op.ByName["GenerateDataKey"].Decode(h.body)
	b.ReportAllocs()
	for b.Loop() {
		needs, _ := req.Needs()
		keys, err := h.server.Resolver.Resolve(b.Context(), nil, h.caller.Account, h.caller.Region, needs)
		if err == nil {
			err = h.server.Ops.Authz.Check(b.Context(), &authz.Request{Caller: h.caller}, needs, keys)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCustodyDataKey(b *testing.B) {
	h := newBench(b)
	req, _ := op.ByName["GenerateDataKey"].Decode(h.body)
	needs, _ := req.Needs()
	keys, err := h.server.Resolver.Resolve(b.Context(), nil, h.caller.Account, h.caller.Region, needs)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := req.Run(b.Context(), &op.Call{Deps: h.server.Ops, Caller: h.caller, Now: h.server.Clock.Now(), Keys: keys}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAudit(b *testing.B) {
	log, err := audit.Open(filepath.Join(b.TempDir(), "audit"), audit.Config{SpoolBytes: 1 << 40, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	b.ReportAllocs()
	for b.Loop() {
		if err := log.Append(&audit.Record{EventName: "GenerateDataKey", RequestID: "6b1d3b4e-0d0e-4b8e-8f3e-0d0e4b8e8f3e", ReadOnly: true}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRequest is the whole of it: the handler without net/http and a network, then over loopback with 8
// clients, then the same loopback to a handler that does nothing.
func BenchmarkRequest(b *testing.B) {
	h := newBench(b)
	b.Run("handler", func(b *testing.B) {
		hr := replay(h.client.Request("GenerateDataKey", h.body), h.body)
		body, w := bytes.NewReader(h.body), &bare{header: http.Header{}}
		hr.Body = io.NopCloser(body)
		b.ReportAllocs()
		for b.Loop() {
			body.Reset(h.body)
			clear(w.header)
			h.server.Server.ServeHTTP(w, hr)
			if w.status != http.StatusOK {
				b.Fatal(w.status)
			}
		}
	})
	b.Run("loopback", func(b *testing.B) { h.load(b, h.server.URL) })
	b.Run("empty", func(b *testing.B) {
		answer := make([]byte, len(h.client.Must("GenerateDataKey", string(h.body)).Raw))
		empty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = w.Write(answer)
		}))
		defer empty.Close()
		h.load(b, empty.URL)
	})
}

func (h *bench) load(b *testing.B, url string) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	signed := h.client.Request("GenerateDataKey", h.body)
	var failed atomic.Int64
	b.SetParallelism(4)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			req, _ := http.NewRequestWithContext(context.Background(), "POST", url, nil)
			copied := replay(signed, h.body)
			req.Header, req.Body, req.ContentLength, req.Host = copied.Header, copied.Body, copied.ContentLength, signed.URL.Host
			res, err := client.Do(req)
			if err != nil || res.StatusCode != http.StatusOK {
				failed.Add(1)
				continue
			}
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	})
	if n := failed.Load(); n > 0 {
		b.Fatalf("%d requests failed", n)
	}
}

// bare is a ResponseWriter that costs nothing: what is measured with it is the service alone.
type bare struct {
	header http.Header
	status int
}

func (w *bare) Header() http.Header         { return w.header }
func (w *bare) Write(p []byte) (int, error) { return len(p), nil }
func (w *bare) WriteHeader(status int)      { w.status = status }

// replay is the same signed request again, which SigV4 allows within its five minutes.
func replay(signed *http.Request, body []byte) *http.Request {
	r := signed.Clone(context.Background())
	r.Host, r.RequestURI = signed.URL.Host, "/"
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return r
}
