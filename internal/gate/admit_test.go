package gate_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qkms/internal/audit"
	"qkms/internal/gate"
	"qkms/internal/iam"
	"qkms/internal/kmstest"
	"qkms/internal/query"
	"qkms/internal/sts"
)

func admission(t testing.TB, c gate.AdmissionConfig) *gate.Admission {
	t.Helper()
	c.Forms = []*query.Service{iam.Service, sts.Service}
	a, err := gate.NewAdmission(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// A load is a wait for the processor that tests set.
type load struct{ wait atomic.Int64 }

func (l *load) Wait() time.Duration { return time.Duration(l.wait.Load()) }

// until asks until an answer has the status.
func until(t *testing.T, c *kmstest.Client, want int) *kmstest.Reply {
	t.Helper()
	for {
		if r := c.Call("ListKeys", `{}`); r.Status == want {
			return r
		}
	}
}

// Beyond its capacity the server refuses what it does not look at, in AWS's words, and each refusal is in a record; when the
// load falls it answers all again.
func TestOverloadIsShed(t *testing.T) {
	var l load
	f := behind(t, small{admit: gate.AdmissionConfig{Wait: l.Wait, Pause: time.Millisecond}})
	c := f.As(kmstest.Account)
	c.Must("ListKeys", `{}`)
	l.wait.Store(int64(time.Second))
	shed := until(t, c, 400)
	if shed.Code() != "ThrottlingException" || shed.Message() != "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls." {
		t.Errorf("got %s, want ThrottlingException and its sentence", shed.Raw)
	}
	if id := shed.Header.Get("x-amzn-RequestId"); len(id) != 36 || shed.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		t.Errorf("got headers %v, want a request id and the media type", shed.Header)
	}
	until(t, c, 200) // some are let in all the same
	for _, service := range []string{"sts", "iam"} {
		r := c.Query(service, "GetCallerIdentity")
		for r.Status == 200 || !strings.Contains(string(r.Raw), "Throttling") {
			r = c.Query(service, "GetCallerIdentity")
		}
		if r.Status != 400 || !strings.Contains(string(r.Raw), "<Code>Throttling</Code>") {
			t.Errorf("%s: got %d %s, want Throttling in XML", service, r.Status, r.Raw)
		}
	}

	l.wait.Store(0)
	for calm := 0; calm < 100; calm++ {
		if c.Call("ListKeys", `{}`).Status != 200 {
			calm = -1
		}
	}
	if got, want := recordedShed(t, f), int(read(t, f.admission.Readings(), "qkms_requests_shed_total")); got != want || got == 0 {
		t.Errorf("got records of %d refused requests, want %d", got, want)
	}
}

// recordedShed is how many requests the audit log says were refused.
func recordedShed(t *testing.T, f *front) (sum int) {
	t.Helper()
	for _, e := range f.Records() {
		var r struct {
			ErrorCode, SourceIPAddress string
			AdditionalEventData        struct {
				RequestsShed      int
				RequestsByAddress map[string]string
			}
		}
		if err := json.Unmarshal(e.Line, &r); err != nil {
			t.Fatal(err)
		}
		if n := r.AdditionalEventData.RequestsShed; n > 0 {
			sum += n
			if r.ErrorCode != "ThrottlingException" || r.SourceIPAddress != "127.0.0.1" || len(r.AdditionalEventData.RequestsByAddress) != 1 {
				t.Errorf("got record %s, want the exception, and who", e.Line)
			}
		}
	}
	return sum
}

// What is refused never comes to where a body is read, let alone a signature looked at. What is let in does.
func TestShedBeforeAnythingIsDone(t *testing.T) {
	var l load
	l.wait.Store(int64(time.Second))
	var looks atomic.Int32
	f := behind(t, small{admit: gate.AdmissionConfig{
		Wait: l.Wait, Pause: time.Millisecond,
		Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { looks.Add(1) }),
	}})
	for refused, let := 0, 0; refused < 10 || let == 0; {
		before := looks.Load()
		got, err := ask(f.dial(t), nameless)
		if err != nil {
			t.Fatal(err)
		}
		switch looked := looks.Load() - before; {
		case got == http.StatusBadRequest && looked == 0:
			refused++
		case got == http.StatusOK && looked == 1:
			let++
		default:
			t.Fatalf("got %d after %d looks, want a refusal after none, or an answer after one", got, looked)
		}
	}
}

// While the machine is busy new connections are refused rather than requests on old ones.
func TestOverloadRefusesConnections(t *testing.T) {
	var l load
	f := behind(t, small{admit: gate.AdmissionConfig{Wait: l.Wait, Pause: time.Millisecond}})
	busy := gate.NewConnections(gate.Limits{Busy: f.admission.Busy})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	limited := busy.Listen(ln)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for c, err := limited.Accept(); err == nil; c, err = limited.Accept() {
			_ = c.Close()
		}
	}()
	knock := func() {
		if c, err := net.Dial("tcp", ln.Addr().String()); err == nil {
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}
	knock()
	if got := read(t, busy.Readings(), "qkms_connections_closed_total/busy"); got != 0 {
		t.Errorf("got %v connections refused by a server with nothing to do", got)
	}
	l.wait.Store(int64(time.Second))
	for read(t, busy.Readings(), "qkms_connections_closed_total/busy") == 0 {
		knock()
	}
	_ = ln.Close()
	<-done
}

// No record, no answer: a refusal that cannot be recorded says that something is wrong, and the operator hears of it.
func TestShedWithoutARecord(t *testing.T) {
	l, err := audit.Open(t.TempDir(), audit.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	a := admission(t, gate.AdmissionConfig{
		Audit: l, Now: time.Now, Logger: slog.New(slog.NewTextHandler(&log, nil)), Pause: time.Millisecond,
		Next: http.NotFoundHandler(), Wait: func() time.Duration { return time.Second },
	})
	for {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest("POST", "/", strings.NewReader("{}")))
		if w.Code == http.StatusNotFound {
			continue
		}
		if w.Code != 500 || !strings.Contains(w.Body.String(), "KMSInternalException") {
			t.Errorf("got %d %s, want KMSInternalException", w.Code, w.Body)
		}
		break
	}
	if got := log.String(); !strings.Contains(got, "cannot be recorded") {
		t.Errorf("got a log of %q, want what is wrong", got)
	}
}

// What is let in costs no memory.
func TestAdmissionAllocatesNothing(t *testing.T) {
	a := admission(t, gate.AdmissionConfig{Next: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), Target: time.Hour})
	w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader("{}"))
	if got := testing.AllocsPerRun(10_000, func() { a.ServeHTTP(w, r) }); got != 0 {
		t.Errorf("got %v allocations for a request, want none", got)
	}
}

func BenchmarkAdmission(b *testing.B) {
	a := admission(b, gate.AdmissionConfig{Next: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), Target: time.Hour})
	w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader("{}"))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			a.ServeHTTP(w, r)
		}
	})
}
