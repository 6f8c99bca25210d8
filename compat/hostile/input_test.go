package hostile_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"qkms/compat/harness"
)

// Requests that are not of this protocol (operations.md §1.2, access.md §1.6 P1 to P3).
func TestRouting(t *testing.T) {
	p := &probe{Server: harness.Start(t)}
	before := len(p.Records())
	target := func(v ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header["X-Amz-Target"] = v }
	}
	for name, f := range map[string]forgery{
		"an unknown operation":     {op: "MakeCoffee"},
		"another case":             {op: "listkeys"},
		"another service":          {before: target("DynamoDB_20120810.ListTables")},
		"no target":                {before: func(r *http.Request) { r.Header.Del("X-Amz-Target") }},
		"two targets":              {before: target("TrentService.ListKeys", "TrentService.CreateKey")},
		"unknown and not signed":   {op: "MakeCoffee", unsigned: true},
		"a line break in a target": {before: target("TrentService.ListKeys x")},
	} {
		t.Run(name, func(t *testing.T) {
			p.send(t, f).checkFault(t, "UnknownOperationException", "")
		})
	}
	for name, tt := range map[string]struct {
		f      forgery
		status int
		want   string
	}{
		"GET, signed":   {forgery{before: func(r *http.Request) { r.Method = "GET" }}, 404, "<UnknownOperationException/>"},
		"GET, unsigned": {forgery{unsigned: true, before: func(r *http.Request) { r.Method = "GET" }}, 403, "<Message>Missing Authentication Token</Message>"},
		"another path":  {forgery{before: func(r *http.Request) { r.URL.Path = "/keys" }}, 404, "<UnknownOperationException/>"},
		"a form":        {forgery{before: func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }}, 404, "<UnknownOperationException/>"},
		"an absolute target": {forgery{rewritten: func(s string) string {
			return strings.Replace(s, "POST / ", "POST http://elsewhere/ ", 1)
		}}, 404, "<UnknownOperationException/>"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.f.op = "ListKeys"
			a := p.send(t, tt.f)
			if a.status != tt.status || !strings.Contains(string(a.body), tt.want) {
				t.Errorf("got %d %s, want %d %s", a.status, a.body, tt.status, tt.want)
			}
		})
	}
	p.checkRecorded(t, before)
}

// Bodies that are not what the model says. The texts of SerializationException are free (§1.2), but
// they never repeat what was sent: it may be somebody's plaintext.
func TestMalformedBodies(t *testing.T) {
	p := &probe{Server: harness.Start(t)}
	before := len(p.Records())
	const marker = "bWFya2VyLW9mLWEtcGxhaW50ZXh0"
	for name, tt := range map[string]struct{ op, body string }{
		"no JSON":               {"Encrypt", marker},
		"cut off":               {"Encrypt", `{"Plaintext":"` + marker},
		"an array":              {"Encrypt", `["` + marker + `"]`},
		"a string":              {"Encrypt", `"` + marker + `"`},
		"null":                  {"Encrypt", `null`},
		"two objects":           {"ListKeys", `{}{}`},
		"something after":       {"ListKeys", `{} ` + marker},
		"a number as KeyId":     {"DescribeKey", `{"KeyId":7}`},
		"an object as KeyId":    {"DescribeKey", `{"KeyId":{"` + marker + `":1}}`},
		"a string as number":    {"GenerateRandom", `{"NumberOfBytes":"32"}`},
		"a fraction":            {"GenerateRandom", `{"NumberOfBytes":1.5}`},
		"a number too large":    {"GenerateRandom", `{"NumberOfBytes":99999999999999999999}`},
		"a string as boolean":   {"Encrypt", `{"KeyId":"alias/dev","Plaintext":"eA==","DryRun":"true"}`},
		"no base64":             {"Encrypt", `{"KeyId":"alias/dev","Plaintext":"` + marker + `!"}`},
		"base64 of the web":     {"Encrypt", `{"KeyId":"alias/dev","Plaintext":"_-_-"}`},
		"a list as blob":        {"Encrypt", `{"KeyId":"alias/dev","Plaintext":[1,2]}`},
		"a number in a context": {"Encrypt", `{"KeyId":"alias/dev","Plaintext":"eA==","EncryptionContext":{"a":1}}`},
		"a list as context":     {"Encrypt", `{"KeyId":"alias/dev","Plaintext":"eA==","EncryptionContext":[]}`},
		"a string as tokens":    {"Encrypt", `{"KeyId":"alias/dev","Plaintext":"eA==","GrantTokens":"x"}`},
		"deep nesting":          {"ListKeys", `{"x":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`},
		"bytes not of UTF-8":    {"DescribeKey", "{\"KeyId\":\"\xff\xfe\"}"},
	} {
		t.Run(name, func(t *testing.T) {
			a := p.send(t, forgery{op: tt.op, body: tt.body})
			var got map[string]string
			if err := json.Unmarshal(a.body, &got); err != nil {
				t.Fatalf("got %d %q: %v", a.status, a.body, err)
			}
			if a.status != http.StatusBadRequest || got["__type"] != "SerializationException" {
				t.Errorf("got %d %s, want 400 SerializationException", a.status, a.body)
			}
			if strings.Contains(string(a.body), marker) {
				t.Errorf("got what was sent repeated: %s", a.body)
			}
		})
	}
	p.checkRecorded(t, before)
}

// The limit is 1 MiB (§1.1): that much is read, one byte more is not, however it is framed.
func TestBodySize(t *testing.T) {
	p := &probe{Server: harness.Start(t)}
	before := len(p.Records())
	body := func(size int) string {
		const head, tail = `{"NumberOfBytes":1,"Unknown":"`, `"}`
		return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
	}
	if a := p.send(t, forgery{op: "GenerateRandom", body: body(1 << 20)}); a.status != http.StatusOK {
		t.Errorf("1 MiB: got %d %s, want 200", a.status, a.body)
	}
	chunked := func(r *http.Request) { r.ContentLength, r.TransferEncoding = -1, []string{"chunked"} }
	if a := p.send(t, forgery{op: "GenerateRandom", body: body(1 << 10), before: chunked}); a.status != http.StatusOK {
		t.Errorf("1 KiB in chunks: got %d %s, want 200", a.status, a.body)
	}
	for name, f := range map[string]forgery{"one byte more": {}, "one byte more, in chunks": {before: chunked}} {
		t.Run(name, func(t *testing.T) {
			f.op, f.body = "GenerateRandom", body(1<<20+1)
			p.send(t, f).checkBody(t, http.StatusRequestEntityTooLarge, map[string]any{
				"__type": "RequestEntityTooLargeException", "message": "The request body is larger than 1048576 bytes.",
			})
		})
	}
	t.Run("less than promised", func(t *testing.T) {
		a := p.send(t, forgery{op: "GenerateRandom", body: body(1 << 10), rewritten: func(s string) string { return s[:len(s)-100] }})
		if a.status != http.StatusBadRequest || !strings.Contains(string(a.body), `"SerializationException"`) {
			t.Errorf("got %d %s, want 400 SerializationException", a.status, a.body)
		}
	})
	p.checkRecorded(t, before)
}

// Bytes that are no HTTP never become a request; the server stays as it was.
func TestNoHTTP(t *testing.T) {
	p := &probe{Server: harness.Start(t)}
	before := len(p.Records())
	for name, raw := range map[string]string{
		"a TLS hello":       "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 600) + "\r\n\r\n",
		"two lengths":       "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
		"a header too long": "POST / HTTP/1.1\r\nHost: x\r\nX-Pad: " + strings.Repeat("x", 100_000) + "\r\n\r\n",
		"no host":           "POST / HTTP/1.1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			if a := p.exchange(t, raw); a.status/100 != 4 {
				t.Errorf("got %d, want a refusal", a.status)
			}
		})
	}
	p.answers = nil
	if a := p.send(t, forgery{op: "ListKeys"}); a.status != http.StatusOK {
		t.Errorf("afterwards: got %d %s, want 200", a.status, a.body)
	}
	p.checkRecorded(t, before)
}

// Names that could be taken for more than names: each is quoted as it came and means nothing.
func TestKeyIDs(t *testing.T) {
	p := &probe{Server: harness.Start(t)}
	before := len(p.Records())
	const validation = "1 validation error detected: Value "
	long := strings.Repeat("k", 2049)
	for name, tt := range map[string]struct{ id, code, message string }{
		"a path":           {`"../../root.key"`, "NotFoundException", "Invalid keyId '../../root.key'"},
		"a quote":          {`"x' OR '1'='1"`, "NotFoundException", "Invalid keyId 'x' OR '1'='1'"},
		"a verb":           {`"%s%n%x"`, "NotFoundException", "Invalid keyId '%s%n%x'"},
		"a line break":     {`"a\nb\u0000"`, "NotFoundException", "Invalid keyId 'a\nb\x00'"},
		"markup":           {`"<script>"`, "NotFoundException", "Invalid keyId '<script>'"},
		"half an ARN":      {`"arn:aws:kms"`, "InvalidArnException", "Invalid arn arn:aws:kms"},
		"an ARN of colons": {`"arn::::::"`, "InvalidArnException", "Invalid arn arn::::::"},
		"null":             {`null`, "ValidationException", validation + "null at 'keyId' failed to satisfy constraint: Member must not be null"},
		"2,049 characters": {`"` + long + `"`, "ValidationException", validation + "'" + long + "' at 'keyId' failed to satisfy constraint: Member must have length less than or equal to 2048"},
		"another alphabet": {`"ключ"`, "ValidationException", validation + `'ключ' at 'keyId' failed to satisfy constraint: Member must satisfy regular expression pattern: ^\p{ASCII}+$`},
	} {
		for _, op := range []string{"DescribeKey", "GenerateDataKeyWithoutPlaintext", "ScheduleKeyDeletion"} {
			t.Run(name+"/"+op, func(t *testing.T) {
				p.send(t, forgery{op: op, body: `{"KeySpec":"AES_256","KeyId":` + tt.id + `}`}).checkFault(t, tt.code, tt.message)
			})
		}
	}
	p.checkRecorded(t, before)
}

// A ciphertext opens as it was made and in no other way (§8.2). One whose key id was changed names a
// key that is not there, which reads like any key that the caller may not know of (§5.3).
func TestCiphertexts(t *testing.T) {
	p := &probe{Server: harness.Start(t)}
	c := p.KMS()
	alias := "alias/dev"
	sealed, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &alias, Plaintext: []byte("0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	blob := sealed.CiphertextBlob
	before := len(p.Records())
	decrypt := func(t *testing.T, b []byte, more string) answer {
		t.Helper()
		return p.send(t, forgery{op: "Decrypt", body: `{"CiphertextBlob":"` + base64.StdEncoding.EncodeToString(b) + `"` + more + `}`})
	}
	if a := decrypt(t, blob, ""); a.status != http.StatusOK {
		t.Fatalf("as it was made: got %d %s, want 200", a.status, a.body)
	}
	t.Run("cut short", func(t *testing.T) {
		for n := 1; n < len(blob); n++ {
			decrypt(t, blob[:n], "").checkFault(t, "InvalidCiphertextException", "")
		}
	})
	t.Run("one bit", func(t *testing.T) {
		checkFlips(t, blob, func(b []byte) answer { return decrypt(t, b, "") }, "AccessDeniedException",
			"User: arn:aws:iam::111122223333:root is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext "+
				"because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access")
	})
	t.Run("one bit, the key named", func(t *testing.T) {
		checkFlips(t, blob, func(b []byte) answer { return decrypt(t, b, `,"KeyId":"alias/dev"`) }, "IncorrectKeyException",
			"The key ID in the request does not identify a CMK that can perform this operation.")
	})
	random := make([]byte, 200)
	_, _ = rand.Read(random)
	for name, b := range map[string][]byte{"something after": append(blob[:len(blob):len(blob)], 0), "random bytes": random, "zeros": make([]byte, 200), "twice": append(blob[:len(blob):len(blob)], blob...)} {
		t.Run(name, func(t *testing.T) { decrypt(t, b, "").checkFault(t, "InvalidCiphertextException", "") })
	}
	for name, context := range map[string]string{"a context it was not made with": `{"a":"b"}`, "one of empty text": `{"":""}`} {
		t.Run(name, func(t *testing.T) {
			decrypt(t, blob, `,"EncryptionContext":`+context).checkFault(t, "InvalidCiphertextException", "")
		})
	}
	for size, message := range map[int]string{0: "greater than or equal to 1", 6145: "less than or equal to 6144"} {
		t.Run(fmt.Sprint(size, " bytes"), func(t *testing.T) {
			decrypt(t, make([]byte, size), "").checkFault(t, "ValidationException",
				"1 validation error detected: Value at 'ciphertextBlob' failed to satisfy constraint: Member must have length "+message)
		})
	}
	p.checkRecorded(t, before)
}

// checkFlips opens blob with one bit of each byte changed; code and message are for those bytes that
// say which key it is of.
func checkFlips(t *testing.T, blob []byte, decrypt func([]byte) answer, code, message string) {
	t.Helper()
	const keyID = 16 // bytes
	strange := 0
	for i := range blob {
		b := bytes.Clone(blob)
		b[i] ^= 1 << (i % 8)
		a := decrypt(b)
		if strings.Contains(string(a.body), `"`+code+`"`) {
			strange++
			a.checkFault(t, code, message)
			continue
		}
		a.checkFault(t, "InvalidCiphertextException", "")
	}
	if strange > keyID {
		t.Errorf("got %d flips that name another key, want %d at most", strange, keyID)
	}
}

// After all that there is nothing in the store that was not there before.
func TestNothingStored(t *testing.T) {
	p := &probe{Server: harness.Start(t)}
	list := func() string {
		a, b := p.send(t, forgery{op: "ListKeys"}), p.send(t, forgery{op: "ListAliases"})
		return string(a.body) + string(b.body)
	}
	was := list()
	for _, f := range []forgery{
		{op: "CreateKey", unsigned: true},
		{op: "CreateKey", body: "{"},
		{op: "CreateKey", body: `{"KeyUsage":"SIGN_VERIFY"}`},
		{op: "CreateKey", late: 6 * 60e9},
		{op: "CreateKey", service: "s3"},
		{op: "CreateAlias", body: `{"AliasName":"alias/x","TargetKeyId":"00000000-0000-4000-8000-000000000000"}`},
		{op: "DeleteAlias", body: `{"AliasName":"alias/dev"`},
		{op: "UpdateAlias", body: `{"AliasName":"alias/dev","TargetKeyId":"alias/dev"}`},
	} {
		if a := p.send(t, f); a.status == http.StatusOK {
			t.Errorf("%s: got a success", f.op)
		}
	}
	if got := list(); got != was {
		t.Errorf("got %s\nwant %s", got, was)
	}
}
