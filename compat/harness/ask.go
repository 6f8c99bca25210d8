package harness

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Ask sends a request with this very body, and returns the status of HTTP and the body of the answer.
func (l Login) Ask(t testing.TB, operation, body string) (status int, answer []byte) {
	t.Helper()
	req, err := http.NewRequest("POST", l.URL+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "TrentService."+operation)
	sum := sha256.Sum256([]byte(body))
	creds := aws.Credentials{AccessKeyID: l.AccessKeyID, SecretAccessKey: l.Secret}
	if err := v4.NewSigner().SignHTTP(t.Context(), creds, req, hex.EncodeToString(sum[:]), "kms", l.Region, time.Now()); err != nil {
		t.Fatal(err)
	}
	res, err := l.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if answer, err = io.ReadAll(res.Body); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, answer
}
