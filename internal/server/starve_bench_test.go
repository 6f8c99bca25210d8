package server_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkDataKeyBesideRSA is what a saturating load of RSA_4096 signatures costs others: the 99th percentile of
// GenerateDataKey, one after the other over loopback, with 16 clients that sign beside it and without.
//
//	go test -run '^$' -bench DataKeyBesideRSA -benchtime 2000x ./internal/server
func BenchmarkDataKeyBesideRSA(b *testing.B) {
	h := newBench(b)
	rsa := h.client.Must("CreateKey", `{"KeySpec":"RSA_4096","KeyUsage":"SIGN_VERIFY"}`).String("KeyMetadata.KeyId")
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	defer client.CloseIdleConnections()
	alone := h.percentile(b, client, b.N)
	stop := h.flood(b, client, 16, rsa)
	beside := h.percentile(b, client, b.N)
	signed := stop()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(alone.Microseconds()), "p99-alone-µs")
	b.ReportMetric(float64(beside.Microseconds()), "p99-beside-µs")
	b.ReportMetric(float64(beside)/float64(alone), "ratio")
	b.ReportMetric(float64(signed)/float64(b.N), "signatures/op")
}

// percentile is the time that 99 of 100 data keys take at most.
func (h *bench) percentile(b *testing.B, client *http.Client, n int) time.Duration {
	signed, took := h.client.Request("GenerateDataKey", h.body), make([]time.Duration, n)
	for i := range took {
		began := time.Now()
		if status := h.post(client, signed, h.body); status != http.StatusOK {
			b.Fatalf("GenerateDataKey: got %d", status)
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[n*99/100]
}

// flood signs with key, by so many clients, until it is told to stop; then it says how many signatures there were.
func (h *bench) flood(b *testing.B, client *http.Client, clients int, key string) (stop func() int) {
	body := []byte(`{"KeyId":"` + key + `","Message":"aGk=","SigningAlgorithm":"RSASSA_PSS_SHA_256"}`)
	signed, done := h.client.Request("Sign", body), make(chan struct{})
	var wg sync.WaitGroup
	counts := make([]int, clients)
	for i := range counts {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if status := h.post(client, signed, body); status != http.StatusOK {
					b.Errorf("Sign: got %d", status)
					return
				}
				counts[i]++
			}
		})
	}
	return func() (all int) {
		close(done)
		wg.Wait()
		for _, n := range counts {
			all += n
		}
		return all
	}
}

// post sends a signed request again and returns the status of the answer.
func (h *bench) post(client *http.Client, signed *http.Request, body []byte) int {
	r := replay(signed, body)
	out, _ := http.NewRequest("POST", h.server.URL, r.Body)
	out.Header, out.ContentLength, out.Host = r.Header, r.ContentLength, signed.URL.Host
	res, err := client.Do(out)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	for buf := make([]byte, 4096); err == nil; {
		_, err = res.Body.Read(buf)
	}
	return res.StatusCode
}
