package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"qkms/internal/kmstest"
)

// Requests that no honest client sends. Each gets the exception and the sentence of the specification,
// nothing is stored for it, and it leaves exactly one record.
func TestHostileRequests(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	encrypt := fmt.Sprintf(`{"KeyId":"%s","Plaintext":"aGk="}`, id)

	signed := func(op, body string) *http.Request { return root.Request(op, []byte(body)) }
	resigned := func(r *http.Request, body string, c *kmstest.Client, now time.Time) *http.Request {
		r.Header.Del("Authorization")
		c.Sign(r, []byte(body), now)
		return r
	}
	const mismatch = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	now := s.Clock.Now()

	for _, row := range []struct {
		name    string
		request *http.Request
		status  int
		code    string
		message string // "*": anything
	}{
		{"body is no JSON", signed("Encrypt", `{"KeyId"`), 400, "SerializationException", "*"},
		{"body is an array", signed("Encrypt", `[]`), 400, "SerializationException", "*"},
		{"a number where a string belongs", signed("Encrypt", `{"KeyId":1}`), 400, "SerializationException", "*"},
		{"a string where a number belongs", signed("GenerateRandom", `{"NumberOfBytes":"32"}`), 400, "SerializationException", "*"},
		{"a blob that is no base64", signed("Encrypt", `{"KeyId":"x","Plaintext":"%%%"}`), 400, "SerializationException", "*"},
		{"a member twice", signed("Encrypt", `{"KeyId":"a","KeyId":"b"}`), 400, "SerializationException", "*"},
		{"more after the body", signed("Encrypt", encrypt+`{}`), 400, "SerializationException", "*"},
		{"nested without end", signed("Encrypt", strings.Repeat(`{"a":`, 100_000)), 400, "SerializationException", "*"},
		{"a body over the limit", signed("Encrypt", `{"KeyId":"`+strings.Repeat("x", 1<<20)+`"}`), 413, "RequestEntityTooLargeException", "The request body is larger than 1048576 bytes."},
		{"an operation that is none", signed("EncryptMore", encrypt), 400, "UnknownOperationException", ""},
		{"an operation in the wrong case", signed("encrypt", encrypt), 400, "UnknownOperationException", ""},
		{"no signature", unsigned(signed("Encrypt", encrypt)), 400, "MissingAuthenticationTokenException", "Missing Authentication Token"},
		{"another body than was signed", tampered(signed("Encrypt", encrypt), strings.Replace(encrypt, "aGk=", "aGo=", 1)), 400, "InvalidSignatureException", mismatch},
		{"another operation than was signed", retargeted(signed("Encrypt", encrypt), "Decrypt"), 400, "InvalidSignatureException", mismatch},
		{"another secret", resigned(signed("Encrypt", encrypt), encrypt, &kmstest.Client{Server: s, AccessKeyID: root.AccessKeyID, Secret: "guess", Region: kmstest.Region}, now), 400, "InvalidSignatureException", mismatch},
		{"an unknown access key", resigned(signed("Encrypt", encrypt), encrypt, &kmstest.Client{Server: s, AccessKeyID: "AKIAAAAAAAAAAAAAAAAA", Secret: root.Secret, Region: kmstest.Region}, now), 400, "UnrecognizedClientException", "The security token included in the request is invalid."},
		{"replayed six minutes later", resigned(signed("Encrypt", encrypt), encrypt, root, now.Add(-6*time.Minute)), 400, "InvalidSignatureException", expired(now)},
		{"a Region that is none", resigned(signed("Encrypt", encrypt), encrypt, root.In("nowhere"), now), 400, "InvalidSignatureException", "Credential should be scoped to a valid region, not 'nowhere'. "},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := len(s.Records())
			got, err := root.Do(row.request)
			if err != nil {
				t.Fatal(err)
			}
			if got.Status != row.status || got.Code() != row.code || row.message != "*" && got.Message() != row.message {
				t.Errorf("got %d %s, want %d %s %q", got.Status, got.Raw, row.status, row.code, row.message)
			}
			if got.Header.Get("x-amzn-RequestId") == "" {
				t.Error("got no request id")
			}
			after := s.Records()
			if len(after) != before+1 {
				t.Fatalf("got %d records, want one", len(after)-before)
			}
			var rec map[string]any
			if err := json.Unmarshal(after[before].Line, &rec); err != nil {
				t.Fatal(err)
			}
			if rec["errorCode"] != row.code || rec["requestID"] != got.Header.Get("x-amzn-RequestId") {
				t.Errorf("got record %s, want errorCode %s of the same request", after[before].Line, row.code)
			}
		})
	}
	if got := root.Must("ListKeys", `{}`).Fields["Keys"].([]any); len(got) != 1 {
		t.Errorf("got %d keys, want the one made first", len(got))
	}
}

func unsigned(r *http.Request) *http.Request {
	r.Header.Del("Authorization")
	return r
}

func tampered(r *http.Request, body string) *http.Request {
	r.Body, r.ContentLength = http.NoBody, int64(len(body))
	r.Body = readCloser{bytes.NewReader([]byte(body))}
	return r
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func retargeted(r *http.Request, op string) *http.Request {
	r.Header.Set("X-Amz-Target", "TrentService."+op)
	return r
}

func expired(now time.Time) string {
	const stamp = "20060102T150405Z"
	return fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - 5 min.)",
		now.Add(-6*time.Minute).Format(stamp), now.Add(-5*time.Minute).Format(stamp), now.Format(stamp))
}

// A ciphertext opens whole or not at all, and says no more than that.
func TestHostileCiphertexts(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	good, _ := base64.StdEncoding.DecodeString(root.Must("Encrypt", map[string]any{"KeyId": id, "Plaintext": []byte("secret")}).String("CiphertextBlob"))
	refused := func(name string, blob []byte, withKey bool) {
		t.Helper()
		body := map[string]any{"CiphertextBlob": blob}
		if withKey {
			body["KeyId"] = id
		}
		got := root.Call("Decrypt", body)
		ok := got.Code() == "InvalidCiphertextException" && got.Message() == ""
		// A blob that names another key, or none that exists, is a matter of access.
		ok = ok || !withKey && got.Code() == "AccessDeniedException" || withKey && got.Code() == "IncorrectKeyException"
		if !ok {
			t.Errorf("%s: got %s", name, got.Raw)
		}
	}
	for n := 1; n < len(good); n++ {
		refused(fmt.Sprintf("cut to %d bytes", n), good[:n], true)
	}
	refused("one byte more", append(bytes.Clone(good), 0), false)
	for i := range good {
		flipped := bytes.Clone(good)
		flipped[i] ^= 1 << (i % 8)
		refused(fmt.Sprintf("bit flipped in byte %d", i), flipped, i%2 == 0)
	}
	refused("not one of ours", []byte("AQICAH and so on"), false)
	if got := root.Must("Decrypt", map[string]any{"CiphertextBlob": good}).String("Plaintext"); got != "c2VjcmV0" {
		t.Errorf("the ciphertext itself: got %q", got)
	}
}

// Of many who ask at once for what only one can have, one gets it.
func TestRaces(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	all := func(n int, f func(i int) *kmstest.Reply) map[string]int {
		var mu sync.Mutex
		var wg sync.WaitGroup
		codes := map[string]int{}
		for i := range n {
			wg.Go(func() {
				r := f(i)
				mu.Lock()
				defer mu.Unlock()
				codes[r.Code()]++
			})
		}
		wg.Wait()
		return codes
	}
	got := all(16, func(int) *kmstest.Reply {
		return root.Call("CreateAlias", fmt.Sprintf(`{"AliasName":"alias/one","TargetKeyId":"%s"}`, id))
	})
	if got[""] != 1 || got[""]+got["AlreadyExistsException"]+got["DependencyTimeoutException"] != 16 {
		t.Errorf("one alias for sixteen: got %v", got)
	}

	targets := []string{id, root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId"), root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")}
	for range 10 { // an alias that moves all the time is there all the time
		got := all(12, func(i int) *kmstest.Reply {
			return root.Call("UpdateAlias", fmt.Sprintf(`{"AliasName":"alias/one","TargetKeyId":"%s"}`, targets[i%3]))
		})
		if got[""] != 12 {
			t.Fatalf("twelve move one alias: got %v, want twelve successes", got)
		}
	}
	root.Must("UpdateAlias", fmt.Sprintf(`{"AliasName":"alias/one","TargetKeyId":"%s"}`, id))

	made := 1
	for round := 0; made < 50 && round < 20; round++ { // the quota is exact however many come at once
		got := all(16, func(i int) *kmstest.Reply {
			return root.Call("CreateAlias", fmt.Sprintf(`{"AliasName":"alias/%d-%d","TargetKeyId":"%s"}`, round, i, id))
		})
		made += got[""]
	}
	refused := root.Call("CreateAlias", fmt.Sprintf(`{"AliasName":"alias/more","TargetKeyId":"%s"}`, id))
	const quota = "Aliases per key quota for this account in this region is 50, current usage is 50."
	if made != 50 || refused.Code() != "LimitExceededException" || refused.Message() != quota {
		t.Errorf("got %d aliases, then %s, want 50 and %q", made, refused.Raw, quota)
	}
	if got := len(root.Must("ListAliases", map[string]any{"KeyId": id, "Limit": 100}).Fields["Aliases"].([]any)); got != 50 {
		t.Errorf("got %d aliases listed, want 50", got)
	}
}

// The answer is what the specification says it is, header by header (operations.md §1.3).
func TestAnswerHeaders(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	for _, r := range []*kmstest.Reply{root.Must("ListKeys", ``), root.Call("DescribeKey", `{"KeyId":"x"}`)} {
		for name, want := range map[string]string{
			"Content-Type": "application/x-amz-json-1.1", "Cache-Control": "no-cache, no-store, must-revalidate, private",
			"Expires": "0", "Pragma": "no-cache",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		if r.Header.Get("Date") == "" || r.Header.Get("x-amzn-ErrorType") != "" || r.Header.Get("x-amz-crc32") != "" {
			t.Errorf("got headers %v", r.Header)
		}
	}
	id := root.Must("CreateKey", ``).String("KeyMetadata.KeyId")
	if got := root.Must("DisableKey", map[string]any{"KeyId": id}); len(got.Raw) != 0 {
		t.Errorf("an operation without an answer: got body %q, want none", got.Raw)
	}
}
