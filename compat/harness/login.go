package harness

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"
)

// A Login is an access key, and where and in which Region it is used.
type Login struct {
	URL         string
	Region      string
	AccessKeyID string
	Secret      string
	Client      *http.Client
}

// In returns the login in another Region.
func (l Login) In(region string) Login {
	l.Region = region
	return l
}

// KMS returns a client of the AWS SDK, with nothing changed but the endpoint. It does not retry, so
// that what a test sees is one answer.
func (l Login) KMS() *kms.Client {
	return kms.New(kms.Options{
		BaseEndpoint: aws.String(l.URL),
		Region:       l.Region,
		Credentials:  credentials.NewStaticCredentialsProvider(l.AccessKeyID, l.Secret, ""),
		HTTPClient:   l.Client,
		Retryer:      aws.NopRetryer{},
	})
}

// Refused fails the test unless err is the exception code with exactly this message, "" being none.
func Refused(t testing.TB, err error, code, message string) {
	t.Helper()
	var refusal smithy.APIError
	if unmodelled, is := errors.AsType[*smithy.GenericAPIError](err); is && message == "" && unmodelled.Message == "UnknownError" {
		return // how the SDK says that there was none
	}
	switch {
	case err == nil:
		t.Errorf("got a success, want %s: %s", code, message)
	case !errors.As(err, &refusal):
		t.Errorf("got %v, want %s: %s", err, code, message)
	case refusal.ErrorCode() != code || refusal.ErrorMessage() != message:
		t.Errorf("got %s: %q\nwant %s: %q", refusal.ErrorCode(), refusal.ErrorMessage(), code, message)
	}
}

// A Wire carries requests, and keeps every answer that is no success. It may be used concurrently.
type Wire struct {
	under *http.Transport

	mu       sync.Mutex
	refusals []Refusal
	ids      []string
}

// A Refusal is an answer that is no success, as it was on the wire.
type Refusal struct {
	RequestID string
	Status    int
	Body      []byte
}

func newWire(t *http.Transport) *Wire {
	if t == nil {
		t = &http.Transport{MaxIdleConnsPerHost: 64}
	}
	return &Wire{under: t}
}

// RoundTrip implements http.RoundTripper.
//
// The SDK closes a request's body once it has the head of the answer, and its body says io.EOF to a
// second Close. Against a server that answers before net/http's writing goroutine comes to close the
// body itself, net/http takes that for a failed write and drops the connection, in the middle of an
// answer that is longer than its buffer. So the transport gets a body of its own.
func (w *Wire) RoundTrip(req *http.Request) (*http.Response, error) {
	sent, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req = req.Clone(req.Context())
	req.Body = io.NopCloser(bytes.NewReader(sent))
	res, err := w.under.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	id := res.Header.Get("X-Amzn-Requestid")
	w.mu.Lock()
	w.ids = append(w.ids, id)
	w.mu.Unlock()
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	w.mu.Lock()
	w.refusals = append(w.refusals, Refusal{id, res.StatusCode, body})
	w.mu.Unlock()
	return res, nil
}

// CloseIdleConnections forgets connections to a server that has ended.
func (w *Wire) CloseIdleConnections() { w.under.CloseIdleConnections() }

// Refusals returns the refusals so far.
func (w *Wire) Refusals() []Refusal {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.refusals)
}

// RequestIDs returns the request id of every answer so far, refusals included.
func (w *Wire) RequestIDs() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.ids)
}
