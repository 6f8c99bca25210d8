package console_test

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/reference"
)

var preOf = func(id string) *regexp.Regexp { return regexp.MustCompile(`(?s)<pre id="` + id + `"[^>]*>(.*?)</pre>`) }

// pre is the text of an element of the page.
func (p *page) pre(id string) string {
	m := preOf(id).FindStringSubmatch(p.text)
	if m == nil {
		p.t.Fatalf("%s: no <pre id=%q> in %s", p.res.Request.URL, id, p.text)
	}
	return html.UnescapeString(m[1])
}

// body is the JSON after the header of a request or an answer.
func (p *page) body(id string) map[string]any {
	p.t.Helper()
	_, text, _ := strings.Cut(p.pre(id), "\n\n")
	var out map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		p.t.Fatalf("%s: %v", text, err)
	}
	return out
}

func TestTryEncryptAndDecrypt(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true})
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	b := signedIn(t, root)

	p := b.post("/console/try/Encrypt", "KeyId", id, "Plaintext", "the plan", "EncryptionContext", "a=1\r\nb=x=y")
	p.want(http.StatusOK, "HTTP/1.1 200 OK")
	ciphertext, _ := p.body("response")["CiphertextBlob"].(string)
	if ciphertext == "" {
		t.Fatalf("no ciphertext in %s", p.pre("response"))
	}

	p = b.post("/console/try/Decrypt", "CiphertextBlob", ciphertext, "CiphertextBlob.as", "base64", "EncryptionContext", "a=1\nb=x=y")
	p.want(http.StatusOK, "Reveal what is hidden")
	if got := p.body("response")["Plaintext"]; got != "(hidden)" {
		t.Errorf("plaintext before it is revealed: got %q", got)
	}
	if got, want := p.body("whole-response")["Plaintext"], base64.StdEncoding.EncodeToString([]byte("the plan")); got != want {
		t.Errorf("plaintext: got %q, want %q", got, want)
	}
}

// What is shown is what was sent: the service takes it a second time, from anybody.
func TestTryShowsTheVeryRequest(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true})
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	b := signedIn(t, root)
	before := len(s.Records())
	p := b.post("/console/try/GenerateDataKey", "KeyId", id, "KeySpec", "AES_256", "do", "show")
	p.want(http.StatusOK, "Would be sent")
	for _, e := range s.Records()[before:] {
		if strings.Contains(string(e.Line), `"GenerateDataKey"`) {
			t.Errorf("it was sent: %s", e.Line)
		}
	}

	hr := p.request(s.URL)
	if r, err := root.Do(hr); err != nil || r.Status != http.StatusOK || r.String("Plaintext") == "" {
		t.Errorf("the request that is shown: got %v %v", r, err)
	}
	if strings.Contains(p.pre("request"), hr.Header.Get("X-Amz-Security-Token")) {
		t.Error("the session token is not hidden")
	}
}

// request is the one that the page shows, whole.
func (p *page) request(url string) *http.Request {
	p.t.Helper()
	head, body, _ := strings.Cut(p.pre("whole-request"), "\n\n")
	hr, err := http.NewRequest("POST", url+"/", strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, line := range strings.Split(head, "\n")[1:] {
		if name, value, _ := strings.Cut(line, ": "); name == "Host" {
			hr.Host = value
		} else {
			hr.Header.Set(name, value)
		}
	}
	return hr
}

// Letters that nobody sees are shown by their numbers, and were sent so: the request that is shown is still the one that was signed.
func TestTryShowsWhatIsUnseen(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true})
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	const description = "pic\u202egpj.exe\u2066\u200f\x1b[201~\x03\ntouch PWNED\n\u009b\x7f\U000e0041"
	raw, err := json.Marshal(map[string]string{"KeyId": id, "Description": description})
	if err != nil {
		t.Fatal(err)
	}
	p := signedIn(t, root).post("/console/try/UpdateKeyDescription", "raw", string(raw), "do", "show")
	for _, id := range []string{"request", "whole-request", "code-cli", "code-python", "code-go", "code-javascript"} {
		text := p.pre(id)
		if at := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && !strconv.IsPrint(r) }); at >= 0 || !strings.Contains(text, `\u202e`) {
			t.Errorf("%s: got %q, want all that is in it to be seen", id, text)
		}
	}
	if r, err := root.Do(p.request(s.URL)); err != nil || r.Status != http.StatusOK {
		t.Errorf("the request that is shown: got %v %v", r, err)
	}
	if got := root.Must("DescribeKey", `{"KeyId":"`+id+`"}`).String("KeyMetadata.Description"); got != description {
		t.Errorf("got %q, want %q", got, description)
	}
}

func TestTryAsksBeforeItDestroys(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true})
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	b := signedIn(t, root)
	state := func() string { return root.Must("DescribeKey", `{"KeyId":"`+id+`"}`).String("KeyMetadata.KeyState") }

	p := b.post("/console/try/ScheduleKeyDeletion", "KeyId", id, "PendingWindowInDays", "7")
	p.want(http.StatusOK, "This takes something away")
	if got := state(); got != "Enabled" {
		t.Fatalf("state before it was confirmed: got %s", got)
	}
	raw := regexp.MustCompile(`name="raw" value="([^"]+)"`).FindStringSubmatch(p.text)
	if raw == nil {
		t.Fatalf("nothing to confirm in %s", p.text)
	}
	b.post("/console/try/ScheduleKeyDeletion", "raw", html.UnescapeString(raw[1]), "sure", "yes").want(http.StatusOK, "HTTP/1.1 200 OK")
	if got := state(); got != "PendingDeletion" {
		t.Errorf("state: got %s", got)
	}
}

func TestTryRefusals(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true})
	b := signedIn(t, s.As(kmstest.Account))
	b.post("/console/try/Encrypt", "KeyId", "alias/none", "Plaintext", "x").want(http.StatusOK, "NotFoundException", "HTTP/1.1 400")
	b.post("/console/try/Encrypt", "KeyId", "k", "Plaintext", "%%", "Plaintext.as", "base64").want(http.StatusBadRequest, "it is not base64")
	b.post("/console/try/ListKeys", "Limit", "many").want(http.StatusBadRequest, "is not a whole number")
	b.post("/console/try/ListKeys", "raw", "[1]").want(http.StatusBadRequest, "not a JSON object")
	b.get("/console/try/Nothing").want(http.StatusNotFound, "no such operation")
}

// Every operation has a form, which can be filled with a request and says the same request again.
func TestTryForms(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true})
	b := signedIn(t, s.As(kmstest.Account))
	for _, op := range reference.Operations() {
		body := map[string]any{}
		for i := range op.Input {
			body[op.Input[i].Name] = sample(&op.Input[i])
		}
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		p := b.get("/console/try/" + op.Name + "?raw=" + url.QueryEscape(string(raw)))
		p.want(http.StatusOK)
		for _, m := range op.Input {
			if !strings.Contains(p.text, `>`+m.Name) {
				t.Errorf("%s: no field for %s", op.Name, m.Name)
			}
		}
	}
}

// sample is some value that the model allows, or nearly.
func sample(m *reference.Member) any {
	switch m.Type {
	case "boolean":
		return true
	case "integer":
		return max(m.Min, 1)
	case "timestamp":
		return 1900000000
	case "blob":
		return "aGVsbG8="
	case "list":
		return []any{sample(m.Element)}
	case "map":
		return map[string]any{"a": sample(m.Element)}
	case "structure":
		object := map[string]any{}
		for i := range m.Members {
			object[m.Members[i].Name] = sample(&m.Members[i])
		}
		return object
	}
	if len(m.Enum) > 0 {
		return m.Enum[0]
	}
	return "text"
}

// The record that a request leaves is shown beside it, to whoever may see the log.
func TestTryShowsTheRecord(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true})
	root := s.As(kmstest.Account)
	p := signedIn(t, root).post("/console/try/GenerateRandom", "NumberOfBytes", "16")
	p.want(http.StatusOK)
	var rec struct{ EventName, RequestID string }
	if err := json.Unmarshal([]byte(p.pre("record")), &rec); err != nil || rec.EventName != "GenerateRandom" || !strings.Contains(p.pre("response"), rec.RequestID) {
		t.Errorf("record: got %s, %v", p.pre("record"), err)
	}
	user := s.NewUser(kmstest.Account, "ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}`)
	p = signedIn(t, user).post("/console/try/GenerateRandom", "NumberOfBytes", "16")
	p.want(http.StatusOK, "There is a record, and it is not for you to see", "qkms:LookupEvents")
}

// A password that was typed is nowhere on the page that comes back, sent or refused.
func TestTryForgetsPasswords(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true})
	b := signedIn(t, s.As(kmstest.Account))
	const password = "kmsPswd-of-the-test"
	for name, fields := range map[string][]string{
		"in its field":  {"CustomKeyStoreName", "store", "KeyStorePassword", password},
		"as JSON":       {"raw", `{"CustomKeyStoreName":"store","KeyStorePassword":"` + password + `","Other":1}`},
		"as no JSON":    {"raw", `{"KeyStorePassword":"` + password + `"`},
		"only to look":  {"CustomKeyStoreName", "store", "KeyStorePassword", password, "do", "show"},
		"wrong as well": {"CustomKeyStoreName", "store", "KeyStorePassword", password, "raw", "[]"},
	} {
		p := b.post("/console/try/CreateCustomKeyStore", fields...)
		whole := preOf("whole-request").FindString(p.text) // which is for who wants to see it
		if text := strings.ReplaceAll(p.text, whole, ""); whole != "" && strings.Contains(text, password) || whole == "" && strings.Contains(p.text, password) {
			t.Errorf("%s: the password is in %s", name, text)
		}
	}
}
