package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
)

// What access.md §10 chose where its sources contradict each other or say nothing, through the front door. What
// of it is about the language of policies alone is tested where that is: TestConflicts of internal/authz/policy.
var conflicts = map[int]struct {
	choice string
	check  func(t *testing.T, w *conflicting)
}{
	1:  {"AccessDeniedException is HTTP 400", deniedIs400},
	2:  {"keys of a grant's constraint compare without case", constraintsIgnoreCase},
	3:  {"the Sid of the default policy is the recorded one", defaultSid},
	6:  {"TagResource records the key's ARN", func(t *testing.T, w *conflicting) { w.responds(t, "TagResource", true) }},
	7:  {"PutKeyPolicy and RevokeGrant record no answer", recordsNothing},
	8:  {"a key policy has the quota's limit and the model's", bothLimits},
	9:  {"another account's grantee needs a policy, unless its account made the grant", grantsAcross},
	10: {"boundary and session policy limit grants", grantsAreLimited},
	11: {"NotFoundException comes before authorization in one's own account", notFoundFirst},
	12: {"validation comes before authorization", validationFirst},
	13: {"a wrong x-amz-content-sha256 reads like a wrong signature", wrongHash},
	15: {"a denied call records no parameters", recordsNoParameters},
	16: {"a grant without a name is listed without", namelessGrants},
	17: {"target and content type come before authentication, the body after", orderOfChecks},
	19: {"IncompleteSignature is HTTP 400, for STS too", incompleteIs400},
}

// ofPolicies are tested by TestConflicts of internal/authz/policy.
var ofPolicies = []int{4, 5, 14, 18, 20}

func TestConflicts(t *testing.T) {
	t.Parallel()
	s := withAlice(t)
	w := &conflicting{Server: s, root: s.As(kmstest.Account)}
	w.arn = w.root.Must("CreateKey", `{}`).String("KeyMetadata.Arn")
	for n := 1; n <= 20; n++ {
		c, here := conflicts[n]
		switch {
		case here == slices.Contains(ofPolicies, n):
			t.Errorf("§10 #%d: got %t here, want one place where it is tested", n, here)
		case here:
			t.Run(fmt.Sprintf("§10 #%d %s", n, c.choice), func(t *testing.T) { c.check(t, w) })
		}
	}
}

type conflicting struct {
	*kmstest.Server
	root *kmstest.Client
	arn  string // of a key
}

// nobody is a user without any permission.
func (w *conflicting) nobody() *kmstest.Client { return w.User(&recordpb.User{Name: "nobody"}) }

func (w *conflicting) encrypt(c *kmstest.Client, context fields) *kmstest.Reply {
	return c.Call("Encrypt", fields{"KeyId": w.arn, "Plaintext": "aGk=", "EncryptionContext": context})
}

// record is what the log says of the last request of an operation.
func (w *conflicting) record(t *testing.T, operation string) (r struct{ RequestParameters, ResponseElements json.RawMessage }) {
	t.Helper()
	for _, e := range w.Records() {
		var name struct{ EventName string }
		if err := json.Unmarshal(e.Line, &name); err != nil {
			t.Fatal(err)
		}
		if name.EventName == operation {
			r.RequestParameters, r.ResponseElements = nil, nil
			_ = json.Unmarshal(e.Line, &r)
		}
	}
	if r.ResponseElements == nil {
		t.Fatalf("no record of %s", operation)
	}
	return r
}

// responds sends a request and looks at what is recorded of the answer: the key's ARN, or nothing.
func (w *conflicting) responds(t *testing.T, operation string, keyID bool) {
	t.Helper()
	sent := body(operation, w.arn, "", "")
	switch operation {
	case "PutKeyPolicy":
		sent["Policy"] = document(open())
	case "RevokeGrant":
		sent["GrantId"] = w.root.Must("CreateGrant", body("CreateGrant", w.arn, "", "")).String("GrantId")
	}
	w.root.Must(operation, sent)
	want := "null"
	if keyID {
		want = `{"keyId":"` + w.arn + `"}`
	}
	if got := string(w.record(t, operation).ResponseElements); got != want {
		t.Errorf("%s: got %s, want %s", operation, got, want)
	}
}

func deniedIs400(t *testing.T, w *conflicting) {
	if r := w.encrypt(w.nobody(), nil); r.Code() != "AccessDeniedException" || r.Status != http.StatusBadRequest {
		t.Errorf("got %d %s, want 400 AccessDeniedException", r.Status, r.Raw)
	}
}

func constraintsIgnoreCase(t *testing.T, w *conflicting) {
	c := w.User(&recordpb.User{Name: "grantee"})
	w.root.Must("CreateGrant", fields{"KeyId": w.arn, "GranteePrincipal": "arn:aws:iam::" + kmstest.Account + ":user/grantee",
		"Operations": []string{"Encrypt"}, "Constraints": fields{"EncryptionContextSubset": fields{"App": "a"}}})
	for _, row := range []struct {
		context fields
		want    int
	}{{fields{"App": "a"}, 200}, {fields{"aPP": "a"}, 200}, {fields{"App": "A"}, 400}, {nil, 400}} {
		if r := w.encrypt(c, row.context); r.Status != row.want {
			t.Errorf("%v: got %s, want %d", row.context, r.Raw, row.want)
		}
	}
}

func defaultSid(t *testing.T, w *conflicting) {
	policy := w.root.Must("GetKeyPolicy", fields{"KeyId": w.root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")}).String("Policy")
	if !strings.Contains(policy, `"Sid" : "Enable IAM User Permissions"`) {
		t.Errorf("got %s", policy)
	}
}

func recordsNothing(t *testing.T, w *conflicting) {
	w.responds(t, "PutKeyPolicy", false)
	w.responds(t, "RevokeGrant", false)
}

func bothLimits(t *testing.T, w *conflicting) {
	text := document(open())
	for size, want := range map[int]string{32768: "", 32769: "LimitExceededException", 131072: "LimitExceededException", 131073: "ValidationException"} {
		r := w.root.Call("PutKeyPolicy", fields{"KeyId": w.arn, "Policy": text + strings.Repeat(" ", size-len(text))})
		if r.Code() != want {
			t.Errorf("%d bytes: got %s, want %q", size, r.Raw, want)
		}
	}
}

func grantsAcross(t *testing.T, w *conflicting) {
	const away = "arn:aws:iam::" + outside + ":user/away"
	c := w.User(&recordpb.User{Account: outside, Name: "away"})
	arn := w.root.Must("CreateKey", `{}`).String("KeyMetadata.Arn")
	use := func() *kmstest.Reply { return c.Call("Encrypt", fields{"KeyId": arn, "Plaintext": "aGk="}) }
	given := fields{"KeyId": arn, "GranteePrincipal": away, "Operations": []string{"Encrypt"}}
	w.root.Must("CreateGrant", given)
	if r := use(); r.Code() != "AccessDeniedException" {
		t.Errorf("granted by the owner: got %s, want AccessDeniedException", r.Raw)
	}
	w.root.Must("PutKeyPolicy", fields{"KeyId": arn, "Policy": document(open(), by(outside, allow("kms:CreateGrant", "*")))})
	w.As(outside).Must("CreateGrant", given)
	if r := use(); r.Status != http.StatusOK {
		t.Errorf("granted by its own account: got %s, want success", r.Raw)
	}
}

func grantsAreLimited(t *testing.T, w *conflicting) {
	const readOnly = "arn:aws:iam::aws:policy/IAMReadOnlyAccess" // nothing of KMS
	bounded := w.User(&recordpb.User{Name: "bounded", Boundary: readOnly})
	w.Exists("role/grantee")
	plain := w.Session(&recordpb.Session{Role: "grantee"})
	limited := w.Session(&recordpb.Session{Role: "grantee", Policy: document(allow("iam:*", "*"))})
	for _, principal := range []string{"user/bounded", "role/grantee"} {
		w.root.Must("CreateGrant", fields{"KeyId": w.arn, "GranteePrincipal": "arn:aws:iam::" + kmstest.Account + ":" + principal, "Operations": []string{"Encrypt"}})
	}
	if r := w.encrypt(plain, nil); r.Status != http.StatusOK {
		t.Errorf("without limits: got %s, want success", r.Raw)
	}
	for why, c := range map[string]*kmstest.Client{"permissions boundary": bounded, "session policy": limited} {
		if r := w.encrypt(c, nil); r.Code() != "AccessDeniedException" {
			t.Errorf("%s: got %s, want AccessDeniedException", why, r.Raw)
		}
	}
}

func notFoundFirst(t *testing.T, w *conflicting) {
	arn := w.arn[:len(w.arn)-12] + "000000000000"
	if r := w.nobody().Call("DescribeKey", fields{"KeyId": arn}); r.Code() != "NotFoundException" || r.Message() != "Key '"+arn+"' does not exist" {
		t.Errorf("got %s, want NotFoundException", r.Raw)
	}
}

func validationFirst(t *testing.T, w *conflicting) {
	if r := w.nobody().Call("GenerateDataKey", fields{"KeyId": w.arn, "KeySpec": "AES_1"}); r.Code() != "ValidationException" {
		t.Errorf("got %s, want ValidationException", r.Raw)
	}
}

// send signs a request whose headers are as change leaves them.
func (w *conflicting) send(t *testing.T, target, body string, change func(h http.Header)) *kmstest.Reply {
	t.Helper()
	req, err := http.NewRequest("POST", w.URL+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "TrentService."+target)
	change(req.Header)
	if req.Header.Get("Authorization") == "" {
		w.root.Sign(req, []byte(body), w.Clock.Now())
	} else {
		req.Header.Del("Authorization")
	}
	r, err := w.root.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// anonymous leaves a request unsigned.
func anonymous(h http.Header) { h.Set("Authorization", "none") }

func wrongHash(t *testing.T, w *conflicting) {
	const differs = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	for _, hash := range []string{strings.Repeat("0", 64), "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"} {
		r := w.send(t, "ListKeys", `{}`, func(h http.Header) { h.Set("X-Amz-Content-Sha256", hash) })
		if r.Code() != "InvalidSignatureException" || r.Message() != differs {
			t.Errorf("%s: got %s, want InvalidSignatureException", hash, r.Raw)
		}
	}
}

func recordsNoParameters(t *testing.T, w *conflicting) {
	w.nobody().Call("UpdateKeyDescription", fields{"KeyId": w.arn, "Description": "x"})
	if got := string(w.record(t, "UpdateKeyDescription").RequestParameters); got != "null" {
		t.Errorf("got %s, want null", got)
	}
}

func namelessGrants(t *testing.T, w *conflicting) {
	id := newKey(w.root)
	w.root.Must("CreateGrant", aGrant(id, nil))
	for _, g := range w.root.Must("ListGrants", fields{"KeyId": id}).Fields["Grants"].([]any) {
		if name, has := g.(map[string]any)["Name"]; has {
			t.Errorf("got Name %q, want none", name)
		}
	}
}

func orderOfChecks(t *testing.T, w *conflicting) {
	for _, row := range []struct {
		name, target, body string
		change             func(http.Header)
		want               string
	}{
		{"no such target, unsigned", "Nothing", `{}`, anonymous, "UnknownOperationException"},
		{"a body that is no JSON, unsigned", "ListKeys", `{`, anonymous, "MissingAuthenticationTokenException"},
		{"a body that is no JSON, signed", "ListKeys", `{`, func(http.Header) {}, "SerializationException"},
	} {
		if r := w.send(t, row.target, row.body, row.change); r.Code() != row.want {
			t.Errorf("%s: got %s, want %s", row.name, r.Raw, row.want)
		}
	}
}

func incompleteIs400(t *testing.T, w *conflicting) {
	form := url.Values{"Action": {"GetCallerIdentity"}, "Version": {"2011-06-15"}}.Encode()
	req, err := http.NewRequest("POST", w.URL+"/", strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=x")
	r, err := w.root.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != http.StatusBadRequest || !strings.Contains(string(r.Raw), "<Code>IncompleteSignature</Code>") {
		t.Errorf("got %d %s, want 400 IncompleteSignature", r.Status, r.Raw)
	}
}
