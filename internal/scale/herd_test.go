package scale_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"qkms/internal/record"
)

// BenchmarkHerd is everything forgotten at once while 64 clients ask for data keys under 2,000 keys, in turn: how many
// calls of the store that takes for each key, and how long until all have been asked for once.
//
//	go test -run '^$' -bench Herd -benchtime 5x ./internal/scale
func BenchmarkHerd(b *testing.B) {
	for _, e := range engines {
		b.Run(e.name, func(b *testing.B) {
			const keys, clients = 2000, 64
			d := fill(b, e.url(b), size{keys: keys})
			s := serve(b, d)
			defer s.close()
			memory := record.Memory{Book: s.node.Book, Materials: s.node.Custody}
			all := make([]func(), keys)
			for i, id := range d.ids {
				all[i] = s.dataKey(id)
			}
			var took time.Duration
			gets, rounds := 0.0, 0.0
			for b.Loop() {
				if err := memory.DropAll(context.Background()); err != nil {
					b.Fatal(err)
				}
				before, begin := s.gets(b), time.Now()
				var wg sync.WaitGroup
				for c := range clients {
					wg.Go(func() {
						for i := c; i < keys; i += clients {
							all[i]()
						}
					})
				}
				wg.Wait()
				took += time.Since(begin)
				gets += s.gets(b) - before
				rounds++
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(gets/rounds/keys, "gets/key")
			b.ReportMetric(took.Seconds()/rounds*1000, "ms/herd")
		})
	}
}

var getCalls = regexp.MustCompile(`(?m)^qkms_store_calls_total\{call="get",outcome="ok"\} ([0-9.e+]+)$`)

// gets is how often the store was asked for records.
func (s *served) gets(b *testing.B) float64 {
	w := httptest.NewRecorder()
	s.node.Metrics.Handler(s.node.Ready).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	m := getCalls.FindSubmatch(w.Body.Bytes())
	if m == nil {
		b.Fatal(fmt.Sprint("no count of reads in ", w.Body.Len(), " bytes of metrics"))
	}
	n, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}
