package load

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// A Login is an access key, and the Region that requests are signed for.
type Login struct{ Region, ID, Secret string }

// A Call is what is asked: an operation of KMS and its JSON.
type Call struct {
	Operation string
	Body      []byte
}

// A Request is a call, signed and rendered. It may be sent by many goroutines, again and again, for as long as its signature
// is good: five minutes.
type Request struct {
	Header []Field // without Content-Length
	Body   []byte
	raw    []byte // all of it, as HTTP/1.1
}

// A Field is a header field.
type Field struct{ Name, Value string }

// agent is as long as those of the SDKs are.
const agent = "qkms-bench/1 ua/2.1 os/linux lang/go md/GOARCH#amd64 api/kms"

// Sign renders a call to host as SDKs do, with an id of its own, so that no two requests have the same signature.
func (l Login) Sign(host string, c Call, now time.Time) *Request {
	stamp := now.UTC().Format("20060102T150405Z")
	r := &Request{Body: c.Body, Header: []Field{
		{"Host", host},
		{"User-Agent", agent},
		{"Accept-Encoding", "identity"},
		{"Amz-Sdk-Invocation-Id", invocation()},
		{"Amz-Sdk-Request", "attempt=1; max=3"},
		{"Content-Type", "application/x-amz-json-1.1"},
		{"X-Amz-Date", stamp},
		{"X-Amz-Target", "TrentService." + c.Operation},
	}}
	r.Header = append(r.Header, Field{"Authorization", l.authorization(r, stamp)})
	var b strings.Builder
	b.WriteString("POST / HTTP/1.1\r\n")
	for _, f := range r.Header {
		b.WriteString(f.Name + ": " + f.Value + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(c.Body), c.Body)
	r.raw = []byte(b.String())
	return r
}

// Raw is a request for HTTP/1.1 that somebody else has rendered, and where its Host says it goes.
func Raw(text []byte) (r *Request, host string, err error) {
	parsed, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(parsed.Body)
	if err == nil && parsed.ContentLength != int64(len(body)) {
		err = errors.New("a request with a Content-Length is needed")
	}
	return &Request{Body: body, raw: text}, parsed.Host, err
}

// authorization is Signature Version 4 over the fields that SDKs sign, which are in order already.
func (l Login) authorization(r *Request, stamp string) string {
	scope := stamp[:8] + "/" + l.Region + "/kms/aws4_request"
	const signed = "amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;host;x-amz-date;x-amz-target"
	value := map[string]string{"content-length": fmt.Sprint(len(r.Body))}
	for _, f := range r.Header {
		value[strings.ToLower(f.Name)] = f.Value
	}
	canonical := "POST\n/\n\n"
	for name := range strings.SplitSeq(signed, ";") {
		canonical += name + ":" + value[name] + "\n"
	}
	canonical += fmt.Sprintf("\n%s\n%x", signed, sha256.Sum256(r.Body))
	text := fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%x", stamp, scope, sha256.Sum256([]byte(canonical)))
	key := []byte("AWS4" + l.Secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	return fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%x", l.ID, scope, signed, mac(key, text))
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func invocation() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
