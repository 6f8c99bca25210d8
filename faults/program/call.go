package program

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const region = "us-east-1"

// A Login is an access key.
type Login struct{ ID, Secret string }

// An Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Fields map[string]any
}

// Code is the exception's name; "" of a success.
func (a *Answer) Code() string {
	s, _ := a.Fields["__type"].(string)
	return s
}

// KeyID is of what CreateKey answers.
func (a *Answer) KeyID() string {
	m, _ := a.Fields["KeyMetadata"].(map[string]any)
	s, _ := m["KeyId"].(string)
	return s
}

func (a *Answer) String() string { return fmt.Sprint(a.Status, " ", a.Fields) }

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// Call sends one request, signed now. The error is of the connection; refusals are answers.
func (l Login) Call(ctx context.Context, url, operation string, fields map[string]any) (*Answer, error) {
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, "POST", url+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "TrentService."+operation)
	l.sign(req, body, time.Now().UTC())
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	a := &Answer{Status: res.StatusCode, Header: res.Header}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &a.Fields); err != nil {
			return nil, fmt.Errorf("answer is not JSON: %q: %w", text, err)
		}
	}
	return a, nil
}

// sign is Signature Version 4.
func (l Login) sign(req *http.Request, body []byte, now time.Time) {
	stamp := now.Format("20060102T150405Z")
	scope := stamp[:8] + "/" + region + "/kms/aws4_request"
	req.Header.Set("X-Amz-Date", stamp)
	const signed = "content-type;host;x-amz-date;x-amz-target"
	canonical := fmt.Sprintf("POST\n/\n\ncontent-type:%s\nhost:%s\nx-amz-date:%s\nx-amz-target:%s\n\n%s\n%x",
		req.Header.Get("Content-Type"), req.URL.Host, stamp, req.Header.Get("X-Amz-Target"), signed, sha256.Sum256(body))
	text := fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%x", stamp, scope, sha256.Sum256([]byte(canonical)))
	key := []byte("AWS4" + l.Secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%x", l.ID, scope, signed, mac(key, text)))
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// Ready asks /readyz.
func (p *Process) Ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, "GET", p.Metrics+"/readyz", nil)
	if err != nil {
		return false
	}
	res, err := client.Do(req)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}
