package load_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qkms/bench/load"
)

var login = load.Login{Region: "us-east-1", ID: "AKIAIOSFODNN7EXAMPLE", Secret: "secret"}

func site(s *httptest.Server) load.Site { return load.Site{Address: s.Listener.Addr().String()} }

func request(body string) *load.Request {
	return login.Sign("127.0.0.1", load.Call{Operation: "ListKeys", Body: []byte(body)}, time.Now())
}

// Whatever way an answer's end is told, the client finds it, and the connection can be used again or is opened anew.
func TestAnswers(t *testing.T) {
	long := strings.Repeat("answer ", 10_000)
	for name, answer := range map[string]http.HandlerFunc{
		"Content-Length": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "short") },
		"chunked": func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, long)
		},
		"the end of the connection": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			_, _ = io.WriteString(w, long)
		},
		"nothing": func(http.ResponseWriter, *http.Request) {},
	} {
		t.Run(name, func(t *testing.T) {
			want := httptest.NewRecorder()
			answer(want, nil)
			s := httptest.NewServer(answer)
			defer s.Close()
			c := load.Open(site(s), 1, false)
			defer c.Close()
			for range 3 {
				got, err := c.Do(request("{}"))
				if err != nil || got.Status != http.StatusOK || string(got.Body) != want.Body.String() {
					t.Fatalf("got %d, %d bytes, %v; want 200 and %d bytes", got.Status, len(got.Body), err, want.Body.Len())
				}
			}
		})
	}
}

// Over HTTP/2 the same request arrives.
func TestHTTP2(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, r.Proto+" "+r.Header.Get("X-Amz-Target")+" "+string(body))
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	c := load.Open(load.Site{Address: s.Listener.Addr().String(), TLS: s.Client().Transport.(*http.Transport).TLSClientConfig}, 2, true)
	defer c.Close()
	got, err := c.Do(request(`{"Limit":1}`))
	if want := `HTTP/2.0 TrentService.ListKeys {"Limit":1}`; err != nil || string(got.Body) != want {
		t.Errorf("got %q, %v; want %q", got.Body, err, want)
	}
}

// At a fixed rate as many requests are sent as were due, however slow the answers, and their times begin when they were due: the first is held
// for longer than all the others take to become due, so each of them has waited for the rest of that.
func TestPacedOmitsNothing(t *testing.T) {
	const all, held = 50 * time.Millisecond, 100 * time.Millisecond
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if asked.Add(1) == 1 {
			<-time.After(held) // from when it came, which was no earlier than when it was due
		}
	}))
	defer s.Close()
	c := load.Open(site(s), 1, false)
	defer c.Close()
	r, err := c.Paced([]*load.Request{request("{}")}, 1000, all)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Times.Count(); got != 50 || asked.Load() != 50 {
		t.Errorf("got %d answers of %d requests, want 50", got, asked.Load())
	}
	if least := r.Times.Quantile(0); least < held-all {
		t.Errorf("got an answer %v after it was due, want none before the first was let go", least)
	}
}

// A refusal is counted, and returned as an error: figures of refusals are none.
func TestRefusal(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadRequest) }))
	defer s.Close()
	c := load.Open(site(s), 2, false)
	defer c.Close()
	pool := []*load.Request{request("{}"), request("{}"), request("{}")}
	r, err := c.Each(pool)
	if err == nil || r.Refused != len(pool) {
		t.Errorf("got %d refusals, %v; want %d and an error", r.Refused, err, len(pool))
	}
}

func TestRaw(t *testing.T) {
	text := "PUT /v1/datakey HTTP/1.1\r\nHost: 127.0.0.1:8200\r\nContent-Length: 2\r\n\r\n{}"
	r, host, err := load.Raw([]byte(text))
	if err != nil || host != "127.0.0.1:8200" || string(r.Body) != "{}" {
		t.Errorf("got %v, host %q, %v", r, host, err)
	}
	if _, _, err := load.Raw([]byte("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")); err == nil {
		t.Error("got no error for a request without a Content-Length")
	}
}
