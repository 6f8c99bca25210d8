package sink_test

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/logs/v1"
	"google.golang.org/protobuf/proto"

	"qkms/internal/audit"
	"qkms/internal/audit/sink"
)

// file writes a file that only its owner may read.
func file(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// secure is a TLS receiver, and the file with its certificate.
func secure(t testing.TB, h http.HandlerFunc) (url, ca string) {
	t.Helper()
	srv := httptest.NewTLSServer(h)
	srv.Config.ErrorLog = slog.NewLogLogger(quiet.Handler(), 0)
	t.Cleanup(srv.Close)
	return srv.URL, file(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})))
}

// The receiver's side of Standard Webhooks, from its specification.
func TestWebhookIsSignedForItsReceiver(t *testing.T) {
	raw := bytes.Repeat([]byte{7, 77}, 16)
	coded := base64.StdEncoding.EncodeToString(raw)
	for name, row := range map[string]struct {
		secret string
		key    []byte
		query  string
	}{
		"coded secret":     {"whsec_" + coded + "\n", raw, ""},
		"secret as it is":  {coded, []byte(coded), ""},
		"zipped":           {coded, []byte(coded), "&gzip=on"},
		"as in CloudTrail": {coded, []byte(coded), "&format=cloudtrail"},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var got []string
			var wrong []string
			url, ca := secure(t, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				body, err := io.ReadAll(r.Body)
				if err != nil {
					wrong = append(wrong, err.Error())
				}
				mac := hmac.New(sha256.New, row.key)
				mac.Write([]byte(r.Header.Get("webhook-id") + "." + r.Header.Get("webhook-timestamp") + "."))
				mac.Write(body)
				if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("webhook-signature") != want {
					wrong = append(wrong, "signature "+r.Header.Get("webhook-signature")+", want "+want)
				}
				if auth := r.Header.Get("Authorization"); auth != "Bearer opaque" {
					wrong = append(wrong, "authorization "+auth)
				}
				if r.URL.Path != "/hook" || r.URL.RawQuery != "channel=a&b=c" {
					wrong = append(wrong, r.URL.String())
				}
				if r.Header.Get("Content-Encoding") == "gzip" {
					z, err := gzip.NewReader(bytes.NewReader(body))
					if err == nil {
						body, err = io.ReadAll(z)
					}
					if err != nil {
						wrong = append(wrong, err.Error())
					}
				}
				var file struct{ Records []json.RawMessage }
				if r.Header.Get("Content-Type") == "application/json" {
					if err := json.Unmarshal(body, &file); err != nil {
						wrong = append(wrong, err.Error())
					}
					body = nil
					for _, one := range file.Records {
						body = append(append(body, one...), '\n')
					}
				}
				got = append(got, idsOf(body)...)
			})
			l := openLog(t, t.TempDir(), audit.Config{})
			want := add(t, l, 7)
			s, end := start(t, sink.Config{Log: l, Targets: []*sink.Target{
				parse(t, url+"/hook?secret-file="+file(t, "secret", row.secret)+"&token-file="+file(t, "token", "opaque")+"&ca-file="+ca+"&query=channel%3Da%26b%3Dc"+row.query, nil),
			}})
			drained(t, l, s)
			end()
			wantIDs(t, got, want)
			if len(wrong) > 0 {
				t.Errorf("got %v", wrong)
			}
		})
	}
}

// A batch that may have arrived has the same id when it is sent again, and another has another.
func TestRepeatedBatchHasItsID(t *testing.T) {
	var mu sync.Mutex
	ids := map[string][]string{} // by body
	var bodies []string
	h := http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		body, err := io.ReadAll(hr.Body)
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		ids[string(body)] = append(ids[string(body)], hr.Header.Get("Webhook-Id"))
		if bodies = append(bodies, string(body)); len(bodies) < 4 {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	srv := httptest.NewServer(h)
	defer srv.Close()
	l := openLog(t, t.TempDir(), audit.Config{})
	add(t, l, 3)
	s, end := start(t, sink.Config{Log: l, Targets: []*sink.Target{parse(t, srv.URL, nil)}})
	drained(t, l, s)
	add(t, l, 1)
	drained(t, l, s)
	end()
	seen := map[string]bool{}
	for body, all := range ids {
		for _, id := range all {
			if id != all[0] {
				t.Errorf("got ids %v for one body", all)
			}
		}
		if seen[all[0]] {
			t.Errorf("got id %s for two bodies, one of them %s", all[0], body)
		}
		seen[all[0]] = true
	}
	if len(bodies) < 5 || bodies[0] != bodies[3] {
		t.Errorf("got %d deliveries, want the first one four times and one more", len(bodies))
	}
}

// Neither what the operator's log says nor a status has a secret, whatever goes wrong.
func TestNoSecretIsInALogOrAnError(t *testing.T) {
	const secret, token, query = "s3cr3t-s3cr3t-s3cr3t-s3cr3t", "t0k3n-t0k3n", "qu3ry-t0k3n"
	redirects := receive(t, func(w http.ResponseWriter, hr *http.Request) bool {
		http.Redirect(w, hr, "/?"+hr.URL.RawQuery, http.StatusTemporaryRedirect)
		return false
	})
	echoes := receive(t, func(w http.ResponseWriter, hr *http.Request) bool {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, hr.Header.Get("Authorization"))
		return false
	})
	hangsUp := receive(t, func(w http.ResponseWriter, _ *http.Request) bool {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			conn.Close()
		}
		return false
	})
	hangs := receive(t, func(_ http.ResponseWriter, hr *http.Request) bool {
		<-hr.Context().Done()
		return false
	})
	gone := httptest.NewServer(nil)
	gone.Close()
	unknown, _ := secure(t, func(http.ResponseWriter, *http.Request) {}) // without ca-file

	var said safeBuffer
	l := openLog(t, t.TempDir(), audit.Config{})
	params := "?query=key%3D" + query + "&secret-file=" + file(t, "a", secret) + "&token-file=" + file(t, "b", token)
	var targets []*sink.Target
	for _, url := range []string{redirects.URL, echoes.URL, hangsUp.URL, hangs.URL, gone.URL, unknown} {
		targets = append(targets, parse(t, url+"/x"+params, nil))
	}
	s, end := start(t, sink.Config{Log: l, Targets: targets, Timeout: 3 * time.Second, Logger: slog.New(slog.NewTextHandler(&said, nil))})
	add(t, l, 3)
	until(t, "all fail", func() bool {
		for _, st := range s.Status() {
			if st.Failures < 1 {
				return false
			}
		}
		return true
	})
	for _, st := range s.Status() {
		said.Write([]byte(st.Name + " " + st.LastError + "\n"))
	}
	end()
	for _, hidden := range []string{secret, token, query} {
		if strings.Contains(said.String(), hidden) {
			t.Errorf("%s is in\n%s", hidden, said.String())
		}
	}
	for _, want := range []string{"redirects are not followed", "answers 401", "no answer in time", "refused", "certificate"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("nothing says %q in\n%s", want, said.String())
		}
	}
}

func TestOTLP(t *testing.T) {
	var mu sync.Mutex
	var got []string
	rejected := int64(0)
	url, ca := secure(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, err := io.ReadAll(r.Body)
		var req collector.ExportLogsServiceRequest
		if err != nil || r.URL.Path != "/v1/logs" || r.Header.Get("Content-Type") != "application/x-protobuf" || proto.Unmarshal(body, &req) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, rec := range req.ResourceLogs[0].ScopeLogs[0].LogRecords {
			line := []byte(rec.Body.GetStringValue() + "\n")
			ids := idsOf(line)
			if len(ids) == 1 && rec.Attributes[0].Value.GetStringValue() == ids[0] && rec.TimeUnixNano == 1.8e18 {
				got = append(got, ids...)
			}
		}
		answer, _ := proto.Marshal(&collector.ExportLogsServiceResponse{PartialSuccess: &collector.ExportLogsPartialSuccess{RejectedLogRecords: rejected}})
		_, _ = w.Write(answer)
	})
	var said safeBuffer
	l := openLog(t, t.TempDir(), audit.Config{})
	want := add(t, l, 6)
	s, _ := start(t, sink.Config{Log: l, Logger: slog.New(slog.NewTextHandler(&said, nil)), Targets: []*sink.Target{parse(t, "otlp+"+url+"/v1/logs?ca-file="+ca, nil)}})
	drained(t, l, s)
	mu.Lock()
	wantIDs(t, got, want)
	rejected = 2
	mu.Unlock()
	add(t, l, 2)
	drained(t, l, s)
	if !strings.Contains(said.String(), "rejected records for good") {
		t.Errorf("got log %s, want the rejection", said.String())
	}
}
