package front_test

import (
	"fmt"
	"strings"
	"testing"
)

// request is what an SDK sends; fields and body are more.
func request(fields, body string) string {
	return "POST / HTTP/1.1\r\nHost: kms.local:8443\r\nUser-Agent: sdk/1.0 (a; b)\r\n" + fields + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body
}

// raw is a request whose header is all of fields.
func raw(fields, body string) string { return "POST / HTTP/1.1\r\n" + fields + "\r\n" + body }

const (
	host  = "Host: kms\r\n"
	two   = "Content-Length: 2\r\n"
	inner = "GET /inner HTTP/1.1\r\nHost: inner\r\n\r\n" // what a smuggler hides
)

// streams are what clients may send, and whether package front has a part in the first request of it.
var streams = []struct {
	name   string
	here   bool
	stream string
}{
	{"an SDK's", true, request("X-Amz-Target: TrentService.GenerateDataKey\r\nContent-Type: application/x-amz-json-1.1\r\namz-sdk-request: attempt=1; max=3\r\nX-Amz-Date: 20260101T000000Z\r\naccept-encoding: identity\r\n", `{"KeyId":"a"}`)},
	{"pipelined", true, request("", "a") + request("", "bc") + request("", "") + request("", "def")},
	{"kept alive", true, request("Connection: keep-alive\r\n", "a") + request("", "b")},
	{"no body", true, raw(host+"Content-Length: 0\r\n", "")},
	{"no body read", true, request("X-Ignore: 1\r\n", "abc") + request("", "b")},
	{"an empty value", true, request("X-Empty:\r\nX-Spaces:    \r\n", "a")},
	{"spaces around a value", true, request("X-Spaced:   a  b   \r\n", "a")},
	{"no space after the colon", true, raw("Host:kms\r\nContent-Length:2\r\n", "ab")},
	{"spaces around the length", true, raw(host+"Content-Length:   2  \r\n", "ab")},
	{"names in any case", true, raw("HOST: kms\r\nCONTENT-length: 2\r\nx-AMZ-tArGeT: a\r\nx-1-y: b\r\na--b: c\r\n-a: d\r\nb-: e\r\n", "ab")},
	{"an IPv6 host", true, raw("Host: [::1]:8443\r\n"+two, "ab")},
	{"the handler closes", true, request("", "close") + request("", "never")},
	{"the handler panics", true, request("", "panic") + request("", "never")},
	{"the handler aborts", true, request("", "abort") + request("", "never")},
	{"no content", true, request("", "empty") + request("", "a")},
	{"not modified", true, request("", "same") + request("", "a")},
	{"an empty answer", true, request("", "silent") + request("", "a")},
	{"line ends in a value of the answer", true, request("", "split") + request("", "a")},
	{"an unknown status", true, request("", "odd") + request("", "a")},
	{"9,000 bytes of body", true, request("", strings.Repeat("a", 9000)) + request("", "a")},
	{"32 fields", true, request(fields(29), "a")},

	{"33 fields", false, request(fields(30), "a")},
	{"20,000 bytes of body", false, request("", strings.Repeat("a", 20000)) + request("", "a")},
	{"9,000 bytes of header", false, request("X-Long: "+strings.Repeat("a", 9000)+"\r\n", "a") + request("", "a")},
	{"a request of net/http's between two", true, request("", "a") + "GET /b?c HTTP/1.1\r\n" + host + "\r\n" + request("", "d")},
	{"a line end after a request", true, request("", "a") + "\r\n" + request("", "b")},
	{"four line ends after a request", true, request("", "a") + "\n\n\r\n" + request("", "b")},
	{"five line ends after a request", true, request("", "a") + "\n\n\n\n\n" + request("", "b")},
	{"line ends and no more", true, request("", "a") + "\r\n"},
	{"three bytes and no more", true, request("", "a") + "POS"},
	{"four bytes and no more", true, request("", "a") + "POST"},
	{"a line end before a request", false, "\r\n" + request("", "b")},
	{"nothing", false, ""},
	{"one byte", false, "P"},
	{"another byte", false, "G"},
	{"half a header", false, "POST / HTTP/1.1\r\nHost: km"},
	{"half a body", false, raw(host+"Content-Length: 10\r\n", "half")},
	{"half a body and then another request", false, raw(host+"Content-Length: 400\r\n", "half") + request("", "b")},

	{"CL.TE", false, raw(host+"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nG") + inner},
	{"TE.CL", false, raw(host+"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "5c\r\n"+inner+"\r\n0\r\n\r\n")},
	{"TE.TE, one with a space", false, raw(host+"Transfer-Encoding: chunked\r\nTransfer-Encoding : x\r\n"+two, "0\r\n\r\n") + inner},
	{"TE twice", false, raw(host+"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n") + inner},
	{"TE: identity", false, raw(host+"Transfer-Encoding: identity\r\n"+two, "ab") + inner},
	{"TE: xchunked", false, raw(host+"Transfer-Encoding: xchunked\r\n"+two, "ab") + inner},
	{"TE with a tab", false, raw(host+"Transfer-Encoding:\tchunked\r\n"+two, "0\r\n\r\n") + inner},
	{"TE with a vertical tab", false, raw(host+"Transfer-Encoding: \x0bchunked\r\n"+two, "0\r\n\r\n") + inner},
	{"TE quoted", false, raw(host+"Transfer-Encoding: \"chunked\"\r\n"+two, "0\r\n\r\n") + inner},
	{"TE after a line with a bare CR", false, raw(host+"X: a\rTransfer-Encoding: chunked\r\n"+two, "ab") + inner},
	{"TE after a bare LF", false, raw(host+"X: a\nTransfer-Encoding: chunked\r\n"+two, "0\r\n\r\n") + inner},
	{"TE on a folded line", false, raw(host+"X: a\r\n Transfer-Encoding: chunked\r\n"+two, "ab") + inner},
	{"TE folded", false, raw(host+"Transfer-Encoding:\r\n chunked\r\n"+two, "0\r\n\r\n") + inner},
	{"chunked", false, raw(host+"Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\n") + request("", "b")},
	{"chunk extensions", false, raw(host+"Transfer-Encoding: chunked\r\n", "1;a=b\r\na\r\n0;c\r\nT: d\r\n\r\n") + request("", "b")},
	{"chunks with bare LF", false, raw(host+"Transfer-Encoding: chunked\r\n", "1\na\n0\n\n") + request("", "b")},
	{"a huge chunk", false, raw(host+"Transfer-Encoding: chunked\r\n", "ffffffffffffffff1\r\na\r\n0\r\n\r\n") + request("", "b")},
	{"two equal CL", false, raw(host+two+two, "ab") + request("", "b")},
	{"two CL", false, raw(host+two+"Content-Length: 30\r\n", "ab") + inner},
	{"two CL in different case", false, raw(host+two+"content-length: 30\r\n", "ab") + inner},
	{"CL with a plus", false, raw(host+"Content-Length: +2\r\n", "ab") + inner},
	{"CL with a minus", false, raw(host+"Content-Length: -2\r\n", "ab") + inner},
	{"CL: -0", false, raw(host+"Content-Length: -0\r\n", "") + inner},
	{"CL with zeros in front", false, raw(host+"Content-Length: 002\r\n", "ab") + request("", "b")},
	{"CL: 00", false, raw(host+"Content-Length: 00\r\n", "") + request("", "b")},
	{"CL in hexadecimal", false, raw(host+"Content-Length: 0x2\r\n", "ab") + inner},
	{"CL with an underscore", false, raw(host+"Content-Length: 1_0\r\n", "0123456789") + inner},
	{"CL with a comma", false, raw(host+"Content-Length: 2, 2\r\n", "ab") + request("", "b")},
	{"CL with a comma and another", false, raw(host+"Content-Length: 2,30\r\n", "ab") + inner},
	{"CL with a space within", false, raw(host+"Content-Length: 2 0\r\n", "ab") + inner},
	{"CL with a fraction", false, raw(host+"Content-Length: 2.0\r\n", "ab") + inner},
	{"CL with a tab", false, raw(host+"Content-Length:\t2\r\n", "ab") + request("", "b")},
	{"CL with a tab behind", false, raw(host+"Content-Length: 2\t\r\n", "ab") + request("", "b")},
	{"CL empty", false, raw(host+"Content-Length:\r\n", "") + inner},
	{"CL of 20 digits", false, raw(host+"Content-Length: 18446744073709551618\r\n", "ab") + inner},
	{"CL in other digits", false, raw(host+"Content-Length: ２\r\n", "ab") + inner},
	{"CL with a space before the colon", false, raw(host+"Content-Length : 2\r\n", "ab") + inner},
	{"CL with an underscore in its name", false, raw(host+"Content_Length: 30\r\n"+two, "ab") + request("", "b")},
	{"no CL", false, raw(host, "") + inner},
	{"a body shorter than the next request", true, request("", "ab") + inner},
	{"a bare LF", false, "POST / HTTP/1.1\nHost: kms\nContent-Length: 2\n\nab" + request("", "b")},
	{"a bare LF at the end of the header", false, "POST / HTTP/1.1\r\n" + host + two + "\nab" + request("", "b")},
	{"a bare CR as line end", false, "POST / HTTP/1.1\r\nHost: kms\rX: y\r\n" + two + "\r\nab" + inner},
	{"two CR", false, "POST / HTTP/1.1\r\nHost: kms\r\r\n" + two + "\r\nab" + inner},
	{"a CR before the header ends", false, "POST / HTTP/1.1\r\n" + host + two + "\r\r\nab" + inner},
	{"NUL in a value", false, raw(host+"X: a\x00b\r\n"+two, "ab") + inner},
	{"NUL in a name", false, raw(host+"X\x00: a\r\n"+two, "ab") + inner},
	{"DEL in a value", false, raw(host+"X: a\x7fb\r\n"+two, "ab") + inner},
	{"a control character in a long value", false, raw(host+"X: 0123456789abcdef\x1f123456789\r\n"+two, "ab") + inner},
	{"UTF-8 in a value", false, raw(host+"X: ä\r\n"+two, "ab") + request("", "b")},
	{"a tab in a value", false, raw(host+"X: a\tb\r\n"+two, "ab") + request("", "b")},
	{"obs-fold", false, raw(host+"X: a\r\n b\r\n"+two, "ab") + request("", "b")},
	{"obs-fold with a tab", false, raw(host+"X: a\r\n\tb\r\n"+two, "ab") + request("", "b")},
	{"obs-fold at the first line", false, raw(" X: a\r\n"+host+two, "ab") + request("", "b")},
	{"a space before the colon", false, raw(host+"X : a\r\n"+two, "ab") + inner},
	{"a line without a colon", false, raw(host+"X\r\n"+two, "ab") + inner},
	{"a line without a name", false, raw(host+": a\r\n"+two, "ab") + inner},
	{"a name with an underscore", false, raw(host+"X_Y: a\r\n"+two, "ab") + request("", "b")},
	{"a name that is no token", false, raw(host+"X(Y): a\r\n"+two, "ab") + inner},
	{"a name in UTF-8", false, raw(host+"Ä: a\r\n"+two, "ab") + inner},
	{"a field twice", false, request("X-A: 1\r\nX-A: 2\r\n", "a") + request("", "b")},
	{"a field twice in different case", false, request("X-A: 1\r\nx-a: 2\r\n", "a") + request("", "b")},
	{"Host twice", false, raw(host+host+two, "ab") + inner},
	{"Host twice in different case", false, raw(host+"hOST: other\r\n"+two, "ab") + inner},
	{"no Host", false, raw(two, "ab") + inner},
	{"an empty Host", false, raw("Host:\r\n"+two, "ab") + request("", "b")},
	{"a Host with a path", false, raw("Host: kms/a\r\n"+two, "ab") + request("", "b")},
	{"a Host with a user", false, raw("Host: a@kms\r\n"+two, "ab") + request("", "b")},
	{"a Host with a space", false, raw("Host: kms other\r\n"+two, "ab") + inner},
	{"a Host with a comma", false, raw("Host: kms,other\r\n"+two, "ab") + request("", "b")},
	{"a Host in UTF-8", false, raw("Host: kmß\r\n"+two, "ab") + inner},
	{"Connection: close", false, request("Connection: close\r\n", "a") + inner},
	{"Connection: close, keep-alive", false, request("Connection: close, keep-alive\r\n", "a") + inner},
	{"Connection: Keep-Alive", false, request("Connection: Keep-Alive\r\n", "a") + request("", "b")},
	{"Connection: Content-Length", false, request("Connection: Content-Length\r\n", "a") + request("", "b")},
	{"h2c upgrade", false, request("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n", "a") + request("", "b")},
	{"WebSocket upgrade", false, request("Connection: Upgrade\r\nUpgrade: websocket\r\n", "a") + request("", "b")},
	{"Upgrade alone", false, request("Upgrade: h2c\r\n", "a") + request("", "b")},
	{"Expect: 100-continue", false, request("Expect: 100-continue\r\n", "a") + request("", "b")},
	{"Expect: other", false, request("Expect: other\r\n", "a") + request("", "b")},
	{"Trailer", false, request("Trailer: X\r\n", "a") + request("", "b")},
	{"TE", false, request("TE: trailers\r\n", "a") + request("", "b")},
	{"Pragma", false, request("Pragma: no-cache\r\n", "a") + request("", "b")},
	{"an HTTP/2 preface", false, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + request("", "b")},
	{"a lower-case method", false, strings.Replace(request("", "a"), "POST", "post", 1) + request("", "b")},
	{"another method", false, strings.Replace(request("", "a"), "POST", "PUT", 1) + request("", "b")},
	{"HEAD", false, "HEAD / HTTP/1.1\r\n" + host + "\r\n" + request("", "b")},
	{"CONNECT", false, "CONNECT kms:443 HTTP/1.1\r\n" + host + "\r\n" + request("", "b")},
	{"OPTIONS *", false, "OPTIONS * HTTP/1.1\r\n" + host + "\r\n" + request("", "b")},
	{"another path", false, strings.Replace(request("", "a"), "/", "/a", 1) + request("", "b")},
	{"a query", false, strings.Replace(request("", "a"), "/", "/?a=b", 1) + request("", "b")},
	{"an absolute target", false, strings.Replace(request("", "a"), "/", "http://other/", 1) + request("", "b")},
	{"two spaces before the target", false, strings.Replace(request("", "a"), " /", "  /", 1) + request("", "b")},
	{"two spaces after the target", false, strings.Replace(request("", "a"), "/ ", "/  ", 1) + request("", "b")},
	{"a tab in the request line", false, strings.Replace(request("", "a"), " /", "\t/", 1) + request("", "b")},
	{"a space after the version", false, strings.Replace(request("", "a"), "1.1\r", "1.1 \r", 1) + request("", "b")},
	{"HTTP/1.0", false, strings.Replace(request("", "a"), "1.1", "1.0", 1) + request("", "b")},
	{"HTTP/1.0 kept alive", false, strings.Replace(request("Connection: keep-alive\r\n", "a"), "1.1", "1.0", 1) + request("", "b")},
	{"HTTP/1.2", false, strings.Replace(request("", "a"), "1.1", "1.2", 1) + request("", "b")},
	{"HTTP/2.0", false, strings.Replace(request("", "a"), "1.1", "2.0", 1) + request("", "b")},
	{"HTTP/0.9", false, "POST /\r\n" + request("", "b")},
	{"http/1.1", false, strings.Replace(request("", "a"), "HTTP", "http", 1) + request("", "b")},
	{"HTTP/1.10", false, strings.Replace(request("", "a"), "1.1", "1.10", 1) + request("", "b")},
	{"a TLS hello", false, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"},
}

func fields(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "X-%d: %d\r\n", i, i)
	}
	return b.String()
}

// cut makes pieces of s, of size bytes each after the first.
func cut(s string, first, size int) (pieces [][]byte) {
	for n := first; s != ""; n = size {
		n = min(n, len(s))
		pieces = append(pieces, []byte(s[:n]))
		s = s[n:]
	}
	return pieces
}

// Whatever a client sends, whole and in pieces: the handler sees what it would see behind net/http, and the client is
// answered as by net/http. What is in doubt is never read here at all.
func TestEverythingIsReadAsByNetHTTP(t *testing.T) {
	b := begin(t)
	for _, row := range streams {
		t.Run(row.name, func(t *testing.T) {
			got := b.same(t, cut(row.stream, len(row.stream), 1))
			if here := len(got.seen) > 0 && got.seen[0].here; here != row.here {
				t.Errorf("got the first request served here: %v, want %v", here, row.here)
			}
			b.same(t, cut(row.stream, 1, 1))
			b.same(t, cut(row.stream, len(row.stream)/2, 7))
		})
	}
}

// It takes net/http half a second to close a connection after such a request, so it is not cut at each byte.
func TestLongBodies(t *testing.T) {
	b := begin(t)
	for _, length := range []string{"9999999", "10000000"} {
		b.same(t, cut(raw(host+"Content-Length: "+length+"\r\n", "ab"), 20, 40))
	}
}

func FuzzFront(f *testing.F) {
	for _, row := range streams {
		f.Add([]byte(row.stream), []byte{})
		f.Add([]byte(row.stream), []byte{200, 1, 50})
		f.Add([]byte(request("", "a")+row.stream), []byte{100})
	}
	b := begin(f)
	f.Fuzz(func(t *testing.T, stream, cuts []byte) {
		if len(stream) > 60_000 {
			return // net/http waits half a second after it has refused a header beyond its limit
		}
		var pieces [][]byte
		for _, n := range cuts {
			n := min(int(n), len(stream))
			pieces, stream = append(pieces, stream[:n]), stream[n:]
		}
		b.same(t, append(pieces, stream))
	})
}
