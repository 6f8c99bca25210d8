package wire_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"qkms/internal/fault"
	"qkms/internal/wire"
	"qkms/internal/wire/shape"
)

const requestID = "b4ca7ee7-a86d-4e68-8a4e-2f341b963ed6"

// A seen is what the server made of one request.
type seen struct {
	message *wire.Message
	err     error
}

// serve starts a server that answers every request it can read with an empty page of keys, and returns
// its address and what it saw.
func serve(t *testing.T) (string, <-chan seen) {
	t.Helper()
	all := make(chan seen, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := new(wire.Message)
		err := m.Read(w, r)
		all <- seen{m, err}
		if err != nil {
			wire.Refuse(w, requestID, err)
			return
		}
		wire.Answer(w, requestID, &shape.ListKeysResponse{})
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), all
}

// exchange sends the bytes of one request and returns the response and its body.
func exchange(t *testing.T, address, request string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sent := make(chan struct{})
	go func() { // a server that refuses may answer before it has read everything
		defer close(sent)
		_, _ = io.WriteString(conn, request)
	}()
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	<-sent
	return r, string(body)
}

const (
	jsonType   = "Content-Type: application/x-amz-json-1.1\r\n"
	signed     = "Authorization: AWS4-HMAC-SHA256 x\r\n"
	listKeys   = "X-Amz-Target: TrentService.ListKeys\r\n"
	unknownXML = "<UnknownOperationException/>\n"
	unsigned   = "<MissingAuthenticationTokenException>\n  <Message>Missing Authentication Token</Message>\n</MissingAuthenticationTokenException>\n"
	unknown    = `{"__type":"UnknownOperationException"}`
	tooLarge   = `{"__type":"RequestEntityTooLargeException","message":"The request body is larger than 1048576 bytes."}`
)

func withLength(headers, body string) string {
	return headers + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body
}

func TestRead(t *testing.T) {
	head := "POST / HTTP/1.1\r\nHost: KMS.local:8443\r\n"
	page := `{"Keys":[],"Truncated":false}`
	chunk := strings.Repeat("a", 1<<16)
	chunks := strings.Repeat("10000\r\n"+chunk+"\r\n", 17) + "0\r\n\r\n"
	for _, test := range []struct {
		name, request string
		status        int
		body          string
		operation     string
		code          fault.Code
	}{
		{"a request", withLength(head+jsonType+listKeys+signed, `{}`), 200, page, "ListKeys", ""},
		{"no body", withLength(head+jsonType+listKeys, ``), 200, page, "ListKeys", ""},
		{"chunked", head + jsonType + listKeys + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", 200, page, "ListKeys", ""},
		{"a query", withLength("POST /?X-Amz-Algorithm=x HTTP/1.1\r\nHost: h\r\n"+jsonType+listKeys, ``), 200, page, "ListKeys", ""},
		{"a charset", withLength(head+"Content-Type: Application/X-Amz-Json-1.1; charset=UTF-8\r\n"+listKeys, ``), 200, page, "ListKeys", ""},
		{"plain JSON", withLength(head+"Content-Type: application/json\r\n"+listKeys, ``), 200, page, "ListKeys", ""},
		{"the largest body", withLength(head+jsonType+listKeys, strings.Repeat(" ", wire.MaxBody)), 200, page, "ListKeys", ""},

		{"a body one byte over", withLength(head+jsonType+listKeys, strings.Repeat(" ", wire.MaxBody+1)), 413, tooLarge, "ListKeys", fault.RequestTooLarge},
		{"a chunked body over", head + jsonType + listKeys + "Transfer-Encoding: chunked\r\n\r\n" + chunks, 413, tooLarge, "ListKeys", fault.RequestTooLarge},
		{
			"broken chunks", head + jsonType + listKeys + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400,
			`{"__type":"SerializationException","message":"The request body could not be read to its end."}`, "ListKeys", fault.Serialization,
		},

		{"no target", withLength(head+jsonType+signed, `{}`), 400, unknown, "", fault.UnknownOperation},
		{"two targets", withLength(head+jsonType+listKeys+listKeys, `{}`), 400, unknown, "", fault.UnknownOperation},
		{"unknown operation", withLength(head+jsonType+"X-Amz-Target: TrentService.Listkeys\r\n", `{}`), 400, unknown, "", fault.UnknownOperation},
		{"unknown service", withLength(head+jsonType+"X-Amz-Target: Kinesis_20131202.ListKeys\r\n", `{}`), 400, unknown, "", fault.UnknownOperation},
		{"no service", withLength(head+jsonType+"X-Amz-Target: ListKeys\r\n", `{}`), 400, unknown, "", fault.UnknownOperation},

		{"GET", "GET / HTTP/1.1\r\nHost: h\r\n" + jsonType + listKeys + signed + "\r\n", 404, unknownXML, "", fault.UnknownOperation},
		{"GET without credentials", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 403, unsigned, "", fault.MissingToken},
		{"GET with a signed query", "GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256 HTTP/1.1\r\nHost: h\r\n\r\n", 404, unknownXML, "", fault.UnknownOperation},
		{"another path", withLength("POST /keys HTTP/1.1\r\nHost: h\r\n"+jsonType+listKeys+signed, `{}`), 404, unknownXML, "", fault.UnknownOperation},
		{"two slashes", withLength("POST // HTTP/1.1\r\nHost: h\r\n"+jsonType+listKeys+signed, `{}`), 404, unknownXML, "", fault.UnknownOperation},
		{"escaped slash", withLength("POST /%2F HTTP/1.1\r\nHost: h\r\n"+jsonType+listKeys+signed, `{}`), 404, unknownXML, "", fault.UnknownOperation},
		{"absolute target", withLength("POST http://h/ HTTP/1.1\r\nHost: h\r\n"+jsonType+listKeys+signed, `{}`), 404, unknownXML, "", fault.UnknownOperation},
		{"no content type", withLength(head+listKeys+signed, `{}`), 404, unknownXML, "", fault.UnknownOperation},
		{"a form", withLength(head+"Content-Type: application/x-www-form-urlencoded\r\n"+listKeys+signed, `{}`), 404, unknownXML, "", fault.UnknownOperation},
		{"two content types", withLength(head+jsonType+jsonType+listKeys+signed, `{}`), 404, unknownXML, "", fault.UnknownOperation},
	} {
		t.Run(test.name, func(t *testing.T) {
			address, all := serve(t)
			r, body := exchange(t, address, test.request)
			if r.StatusCode != test.status || body != test.body {
				t.Errorf("got %d %s, want %d %s", r.StatusCode, body, test.status, test.body)
			}
			got := <-all
			if got.message.Operation != test.operation {
				t.Errorf("got message %+v, want operation %q", got.message, test.operation)
			}
			if f, _ := errors.AsType[*fault.Error](got.err); test.code != "" && (f == nil || f.Code != test.code) {
				t.Errorf("got error %v, want %s", got.err, test.code)
			}
		})
	}
}

func TestReadKeepsWhatWasSent(t *testing.T) {
	address, all := serve(t)
	exchange(t, address, withLength("POST /?a=%20;b HTTP/1.1\r\nHost: KMS.local:8443\r\n"+jsonType+listKeys, `{"Limit":1}`))
	m := (<-all).message
	body := m.Body
	if string(body) != `{"Limit":1}` {
		t.Errorf("got %s", body)
	}
	m.Release()
	if m.Body != nil || strings.Trim(string(body), "\x00") != "" {
		t.Errorf("after the release: got %q, want it wiped", body)
	}
}

// However long a body is, and however it comes, all of it is read and nothing of it stays.
func TestReadSizes(t *testing.T) {
	for _, size := range []int{0, 1, 4095, 4096, 4097, 65535, 65536, 65537, 262144, 262145, wire.MaxBody - 1, wire.MaxBody} {
		for _, known := range []bool{true, false} {
			sent := bytes.Repeat([]byte("secret!"), size/7+1)[:size]
			r := httptest.NewRequest(http.MethodPost, "/", struct{ io.Reader }{iotest.OneByteReader(bytes.NewReader(sent))})
			r.Header.Set("Content-Type", "application/x-amz-json-1.1")
			r.Header.Set("X-Amz-Target", "TrentService.ListKeys")
			r.ContentLength = -1
			if known {
				r.ContentLength = int64(size)
			}
			var m wire.Message
			if err := m.Read(httptest.NewRecorder(), r); err != nil || !bytes.Equal(m.Body, sent) {
				t.Fatalf("%d bytes, length known: %t: got %d bytes, %v", size, known, len(m.Body), err)
			}
			body := m.Body
			m.Release()
			if bytes.ContainsAny(body, "secrt!") {
				t.Errorf("%d bytes, length known: %t: got some of it after the release", size, known)
			}
		}
	}
}

// A body that ends before its promised length is refused.
func TestReadShortBody(t *testing.T) {
	for _, promised := range []int64{2, 5000, 70000} {
		r := httptest.NewRequest(http.MethodPost, "/", struct{ io.Reader }{strings.NewReader("x")})
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", "TrentService.ListKeys")
		r.ContentLength = promised
		var m wire.Message
		if err := m.Read(httptest.NewRecorder(), r); err == nil {
			t.Errorf("%d bytes promised: got it read, want a refusal", promised)
		}
	}
}

func TestReadFromPeers(t *testing.T) {
	for peer, want := range map[string]string{
		"192.0.2.1:5": "192.0.2.1", "[2001:db8::1]:5": "2001:db8::1", "[::ffff:192.0.2.1]:5": "192.0.2.1", "[fe80::1%eth0]:5": "fe80::1", "@": "", "": "",
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.RemoteAddr = peer
		if got := wire.Peer(r); got != want {
			t.Errorf("%q: got %q, want %q", peer, got, want)
		}
	}
}

func TestAnswerHeaders(t *testing.T) {
	for name, request := range map[string]string{
		"success": withLength("POST / HTTP/1.1\r\nHost: h\r\n"+jsonType+listKeys, `{}`),
		"refusal": withLength("POST / HTTP/1.1\r\nHost: h\r\n"+jsonType, `{}`),
	} {
		address, _ := serve(t)
		r, body := exchange(t, address, request)
		for header, want := range map[string]string{
			"x-amzn-RequestId": requestID, "Cache-Control": "no-cache, no-store, must-revalidate, private", "Expires": "0", "Pragma": "no-cache",
			"Content-Type": "application/x-amz-json-1.1", "Content-Length": fmt.Sprint(len(body)), "x-amzn-ErrorType": "", "x-amz-crc32": "",
		} {
			if got := r.Header.Get(header); got != want {
				t.Errorf("%s: %s: got %q, want %q", name, header, got, want)
			}
		}
		if r.Header.Get("Date") == "" {
			t.Errorf("%s: no Date", name)
		}
	}
}

func TestAnswerWithoutOutput(t *testing.T) {
	w := httptest.NewRecorder()
	wire.Answer(w, requestID, nil)
	if w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "0" {
		t.Errorf("got %d %q %v, want an empty 200", w.Code, w.Body, w.Header())
	}
}

// An answer longer than the buffers that are kept arrives whole, as does the one after it.
func TestAnswerLong(t *testing.T) {
	for _, n := range []int{10, 131072, 10} {
		w := httptest.NewRecorder()
		wire.Answer(w, requestID, &shape.GetKeyPolicyResponse{Policy: strings.Repeat("p", n)})
		if got, want := w.Body.String(), `{"Policy":"`+strings.Repeat("p", n)+`"}`; got != want {
			t.Errorf("got %d bytes, want %d", len(got), len(want))
		}
	}
}

// What is wiped after use must have left by then, for the reader and for the one who keeps the slice.
func TestAnswerIsWiped(t *testing.T) {
	w := &keeper{header: http.Header{}}
	wire.Answer(w, requestID, &shape.DecryptResponse{Plaintext: []byte("secret"), KeyId: "k"})
	if w.copied != `{"KeyId":"k","Plaintext":"c2VjcmV0"}` {
		t.Errorf("got %s", w.copied)
	}
	if !bytes.Equal(w.kept, make([]byte, len(w.kept))) {
		t.Errorf("the buffer still holds %q", w.kept)
	}
}

// A keeper is a writer that holds on to what it is given, which writers may not do.
type keeper struct {
	header http.Header
	copied string
	kept   []byte
}

func (k *keeper) Header() http.Header { return k.header }
func (k *keeper) WriteHeader(int)     {}
func (k *keeper) Write(p []byte) (int, error) {
	k.copied, k.kept = string(p), p
	return len(p), nil
}

func TestRefuse(t *testing.T) {
	for _, test := range []struct {
		name   string
		err    error
		status int
		body   string
	}{
		{"a message", fault.KeyIDRequired(), 400, `{"__type":"ValidationException","message":"KeyId must not be null"}`},
		{"no message", fault.BadCiphertext(), 400, `{"__type":"InvalidCiphertextException"}`},
		{"access denied has a capital", fault.New(fault.AccessDenied, "no"), 400, `{"__type":"AccessDeniedException","Message":"no"}`},
		{"escaped", fault.New(fault.Validation, "Value '%s'", "\"\n<é"), 400, `{"__type":"ValidationException","message":"Value '\"\n<é'"}`},
		{"a wrapped fault", fmt.Errorf("resolve: %w", fault.BadMarker()), 400, `{"__type":"InvalidMarkerException"}`},
		{"a fault with a cause", fault.StoreBusy().Because(errors.New("secret")), 500, `{"__type":"DependencyTimeoutException"}`},
		{"anything else", errors.New("secret"), 500, `{"__type":"KMSInternalException"}`},
		{"out of time", fmt.Errorf("commit: %w", context.DeadlineExceeded), 500, `{"__type":"DependencyTimeoutException"}`},
		{"the client left", context.Canceled, 500, `{"__type":"DependencyTimeoutException"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			wire.Refuse(w, requestID, test.err)
			if w.Code != test.status || w.Body.String() != test.body {
				t.Errorf("got %d %s, want %d %s", w.Code, w.Body, test.status, test.body)
			}
		})
	}
}

func TestFaultKeepsTheCause(t *testing.T) {
	cause := errors.New("disk on fire")
	if f := wire.Fault(cause); f.Code != fault.Internal || !errors.Is(f, cause) {
		t.Errorf("got %v, want an internal error because of %v", f, cause)
	}
}
