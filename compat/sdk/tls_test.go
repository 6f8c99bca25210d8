package sdk_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"qkms/compat/harness"
)

// The production shape: init, serve, the CA that init made.
func TestServe(t *testing.T) {
	s := harness.Serve(t)
	c := s.KMS()
	k := newKey(t, c)
	out, err := c.GenerateDataKey(t.Context(), &kms.GenerateDataKeyInput{KeyId: k.KeyId, KeySpec: types.DataKeySpecAes256})
	made := ok(t, out, err)
	checkOpens(t, c, k, made.CiphertextBlob, nil, made.Plaintext, *made.KeyMaterialId)

	untrusting := s.Login
	untrusting.Client = &http.Client{Transport: &http.Transport{}}
	_, err = untrusting.KMS().ListKeys(t.Context(), &kms.ListKeysInput{})
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); !unknown {
		t.Errorf("without the CA: got %v, want its certificate refused", err)
	}
	old := &tls.Config{MaxVersion: tls.VersionTLS12, InsecureSkipVerify: true} // no handshake may succeed
	if conn, err := tls.Dial("tcp", strings.TrimPrefix(s.URL, "https://"), old); err == nil {
		conn.Close()
		t.Error("TLS 1.2: got a connection, want none")
	} else if _, refused := errors.AsType[*net.OpError](err); !refused {
		t.Errorf("TLS 1.2: got %v, want a refusal by the server", err)
	}
	var traces int
	for _, r := range s.Records() {
		if r.EventName == "GenerateDataKey" && bytes.Contains(r.TLSDetails, []byte(`"tlsVersion":"TLSv1.3"`)) {
			traces++
		}
	}
	if traces != 1 {
		t.Errorf("got %d records of GenerateDataKey over TLS 1.3, want 1", traces)
	}
	_, err = s.In("eu-west-1").KMS().ListKeys(t.Context(), &kms.ListKeysInput{}) // serves one Region unless told otherwise
	harness.Refused(t, err, "InvalidSignatureException", "Credential should be scoped to a valid region, not 'eu-west-1'. ")
}
