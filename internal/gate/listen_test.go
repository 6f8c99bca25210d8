package gate_test

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"qkms/internal/gate"
	"qkms/internal/kmstest"
)

// net/http answers "OPTIONS *" itself unless told otherwise, and then no record says who asked.
func TestOptionsAreRecordedToo(t *testing.T) {
	s := kmstest.New(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := gate.HTTP(s.Server, nil, slog.New(slog.DiscardHandler))
	go func() { _ = srv.Serve(ln) }() // ends with Close
	defer srv.Close()

	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	before := len(s.Records())
	if _, err := io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: kms\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusForbidden || res.Header.Get("x-amzn-RequestId") == "" {
		t.Errorf("got %s %v, want 403 with a request id", res.Status, res.Header)
	}
	if got := len(s.Records()) - before; got != 1 {
		t.Errorf("got %d records, want one", got)
	}
}
