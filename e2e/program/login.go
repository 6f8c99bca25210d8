package program

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Region is that of every request.
const Region = "us-east-1"

// A Login is an access key, and where it is good.
type Login struct{ URL, ID, Secret string }

// KMS asks for one operation and decodes the answer into out, which may be nil. A refusal is an error.
func (l Login) KMS(operation string, in map[string]any, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	text, err := l.send("kms", string(body), http.Header{
		"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"TrentService." + operation},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// IAM is KMS of the identity service; parameters are names and values by turns.
func (l Login) IAM(action string, out any, parameters ...string) error {
	form := url.Values{"Action": {action}, "Version": {"2010-05-08"}}
	for i := 0; i < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	text, err := l.send("iam", form.Encode(), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	if out == nil {
		return nil
	}
	return xml.Unmarshal(text, out)
}

func (l Login) send(service, body string, header http.Header) ([]byte, error) {
	req, err := http.NewRequest("POST", l.URL+"/", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = header
	l.sign(req, service, body, time.Now().UTC())
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("got %d %s", res.StatusCode, text)
	}
	return text, err
}

// sign is Signature Version 4 over every header there is.
func (l Login) sign(req *http.Request, service, body string, now time.Time) {
	stamp := now.Format("20060102T150405Z")
	scope := stamp[:8] + "/" + Region + "/" + service + "/aws4_request"
	req.Header.Set("X-Amz-Date", stamp)
	req.Header.Set("Host", req.URL.Host) // net/http sends the URL's, and this one not
	var signed, canonical string
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		signed += ";" + strings.ToLower(name)
		canonical += strings.ToLower(name) + ":" + req.Header.Get(name) + "\n"
	}
	signed = signed[1:]
	canonical = fmt.Sprintf("POST\n/\n\n%s\n%s\n%x", canonical, signed, sha256.Sum256([]byte(body)))
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
