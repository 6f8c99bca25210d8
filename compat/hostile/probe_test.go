// Package hostile_test sends what no SDK sends, byte by byte, and expects the exception and the sentence
// of the specification, nothing stored, and a record of every attempt.
package hostile_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"qkms/compat/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// A probe is a server and what it said to every attempt.
type probe struct {
	*harness.Server
	answers []answer
}

type answer struct {
	status    int
	requestID string
	header    http.Header
	body      []byte
}

// A forgery is a request of which any part can be wrong. Empty members are right.
type forgery struct {
	op, body  string
	login     func(*harness.Login)
	service   string
	late      time.Duration // how long ago it was signed
	unsigned  bool
	before    func(*http.Request) // before it is signed
	after     func(*http.Request) // after
	rewritten func(string) string // of the bytes on the wire
}

// send makes the request and returns the answer to it.
func (p *probe) send(t *testing.T, f forgery) answer {
	t.Helper()
	req, err := http.NewRequest("POST", p.URL+"/", strings.NewReader(f.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "TrentService."+f.op)
	if f.before != nil {
		f.before(req)
	}
	if !f.unsigned {
		p.sign(t, req, f)
	}
	if f.after != nil {
		f.after(req)
	}
	var wire bytes.Buffer
	if err := req.Write(&wire); err != nil {
		t.Fatal(err)
	}
	raw := wire.String()
	if f.rewritten != nil {
		raw = f.rewritten(raw)
	}
	return p.exchange(t, raw)
}

func (p *probe) sign(t *testing.T, req *http.Request, f forgery) {
	t.Helper()
	l := p.Login
	if f.login != nil {
		f.login(&l)
	}
	service := f.service
	if service == "" {
		service = "kms"
	}
	sum := sha256.Sum256([]byte(f.body))
	creds := aws.Credentials{AccessKeyID: l.AccessKeyID, SecretAccessKey: l.Secret}
	err := v4.NewSigner().SignHTTP(context.Background(), creds, req, hex.EncodeToString(sum[:]), service, l.Region, time.Now().Add(-f.late))
	if err != nil {
		t.Fatal(err)
	}
}

// exchange sends bytes on a connection of their own and reads the one answer. It reads while it
// writes: a server may refuse a request before it has all of it.
func (p *probe) exchange(t *testing.T, raw string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.WriteString(conn, raw) // the server may have stopped reading
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("half an answer: %v", err)
	}
	a := answer{res.StatusCode, res.Header.Get("X-Amzn-Requestid"), res.Header, body}
	p.answers = append(p.answers, a)
	return a
}

// checkFault fails the test unless the answer is this exception with this message, "" for no member
// of that name (operations.md §1.4), with the headers of every answer (§1.3).
func (a answer) checkFault(t *testing.T, code, message string) {
	t.Helper()
	want := map[string]any{"__type": code}
	if message != "" {
		want["message"] = message
	}
	if code == "AccessDeniedException" {
		want = map[string]any{"__type": code, "Message": message}
	}
	a.checkBody(t, http.StatusBadRequest, want)
}

func (a answer) checkBody(t *testing.T, status int, want map[string]any) {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal(a.body, &got); err != nil {
		t.Fatalf("got %d %q: %v", a.status, a.body, err)
	}
	if a.status != status || len(got) != len(want) {
		t.Errorf("got %d %s, want %d %v", a.status, a.body, status, want)
	}
	for member := range want {
		if got[member] != want[member] {
			t.Errorf("%s: got %q\nwant %q", member, got[member], want[member])
		}
	}
	for name, value := range map[string]string{
		"Content-Type": "application/x-amz-json-1.1", "Cache-Control": "no-cache, no-store, must-revalidate, private",
		"Pragma": "no-cache", "Expires": "0",
	} {
		if got := a.header.Get(name); got != value {
			t.Errorf("%s: got %q, want %q", name, got, value)
		}
	}
}

// checkRecorded compares the audit log with all that was answered: one record for each attempt, with
// the same exception and sentence, and none besides.
func (p *probe) checkRecorded(t *testing.T, before int) {
	t.Helper()
	records := p.Records()[before:]
	if got, want := len(records), len(p.answers); got != want {
		t.Errorf("got %d records, want one for each of %d attempts", got, want)
	}
	byID := harness.ByRequest(t, records)
	for _, a := range p.answers {
		r, found := byID[a.requestID]
		if !found {
			t.Errorf("got no record of request %q: %d %s", a.requestID, a.status, a.body)
			continue
		}
		var told struct {
			Type     string `json:"__type"`
			Message  string `json:"message"`
			Message2 string `json:"Message"`
		}
		if json.Unmarshal(a.body, &told) != nil || a.status == http.StatusOK {
			continue // a success, or the XML of what is no request of this API
		}
		code := strings.Replace(told.Type, "AccessDeniedException", "AccessDenied", 1) // as CloudTrail has it
		if r.ErrorCode != code || !sameText(r.ErrorMessage, told.Message+told.Message2) {
			t.Errorf("record: got %s %q, want %s %q", r.ErrorCode, r.ErrorMessage, code, told.Message+told.Message2)
		}
	}
}

// sameText compares a recorded text, which is cut at 1 KiB, with the one that was answered.
func sameText(recorded, told string) bool {
	const most = 1000
	if len(told) > most {
		return len(recorded) >= most && recorded[:most/2] == told[:most/2]
	}
	return recorded == told
}
