package audit_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"qkms/internal/audit"
)

const (
	account = "111122223333"
	keyARN  = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	eventID = "b10b10b1-0b10-4b10-8b10-b10b10b10b10"
	request = "5e5e5e5e-5e5e-4e5e-8e5e-5e5e5e5e5e5e"
)

func decrypt() *audit.Record {
	return &audit.Record{
		Time:    time.Date(2026, 1, 2, 4, 4, 5, 999, time.FixedZone("CET", 3600)),
		EventID: eventID, RequestID: request, EventName: "Decrypt", Region: "us-east-1", SourceIP: "192.0.2.10",
		UserAgent: "aws-cli/2.0",
		Identity: audit.Identity{
			Type: "AssumedRole", PrincipalID: "AROAX:job1", ARN: "arn:aws:sts::111122223333:assumed-role/app/job1",
			AccountID: account, AccessKeyID: "ASIAX",
			Session: &audit.Session{
				Issuer: audit.Issuer{
					Type: "Role", PrincipalID: "AROAX", ARN: "arn:aws:iam::111122223333:role/app",
					AccountID: account, UserName: "app",
				},
				Created: time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC),
			},
		},
		Request: audit.Detail{
			audit.String("encryptionAlgorithm", "SYMMETRIC_DEFAULT"), audit.String("keyId", keyARN),
			audit.StringMap("encryptionContext", map[string]string{"App": "orders"}),
		},
		Additional:       audit.Detail{audit.String("keyMaterialId", strings.Repeat("ab", 32))},
		ReadOnly:         true,
		Resources:        []audit.Resource{{AccountID: account, ARN: keyARN}},
		RecipientAccount: account,
		TLS:              &audit.TLS{Version: "TLSv1.3", CipherSuite: "TLS_AES_256_GCM_SHA384", Host: "kms.us-east-1.example"},
	}
}

// The skeletons of access.md §7.4, member by member and in their order.
func TestCloudTrailShape(t *testing.T) {
	denied := decrypt()
	denied.ErrorCode, denied.ErrorMessage = "AccessDeniedException", "User: x is not authorized"
	denied.Response = audit.Detail{audit.String("keyId", "never")}

	for name, tt := range map[string]struct {
		rec  *audit.Record
		want string
	}{
		"a success": {decrypt(), `{"eventVersion":"1.11","userIdentity":{"type":"AssumedRole","principalId":"AROAX:job1","arn":"arn:aws:sts::111122223333:assumed-role/app/job1","accountId":"111122223333","accessKeyId":"ASIAX","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAX","arn":"arn:aws:iam::111122223333:role/app","accountId":"111122223333","userName":"app"},"attributes":{"creationDate":"2026-01-02T03:00:00Z","mfaAuthenticated":"false"}}},` +
			`"eventTime":"2026-01-02T03:04:05Z","eventSource":"kms.amazonaws.com","eventName":"Decrypt","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.10","userAgent":"aws-cli/2.0",` +
			`"requestParameters":{"encryptionAlgorithm":"SYMMETRIC_DEFAULT","keyId":"` + keyARN + `","encryptionContext":{"App":"orders"}},"responseElements":null,` +
			`"additionalEventData":{"keyMaterialId":"` + strings.Repeat("ab", 32) + `"},"requestID":"` + request + `","eventID":"` + eventID + `","readOnly":true,` +
			`"resources":[{"accountId":"111122223333","type":"AWS::KMS::Key","ARN":"` + keyARN + `"}],` +
			`"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management",` +
			`"tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_256_GCM_SHA384","clientProvidedHostHeader":"kms.us-east-1.example"}}`},
		"a call that was not authorized": {denied, `{"eventVersion":"1.11","userIdentity":{"type":"AssumedRole","principalId":"AROAX:job1","arn":"arn:aws:sts::111122223333:assumed-role/app/job1","accountId":"111122223333","accessKeyId":"ASIAX","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROAX","arn":"arn:aws:iam::111122223333:role/app","accountId":"111122223333","userName":"app"},"attributes":{"creationDate":"2026-01-02T03:00:00Z","mfaAuthenticated":"false"}}},` +
			`"eventTime":"2026-01-02T03:04:05Z","eventSource":"kms.amazonaws.com","eventName":"Decrypt","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.10","userAgent":"aws-cli/2.0",` +
			`"errorCode":"AccessDenied","errorMessage":"User: x is not authorized","requestParameters":null,"responseElements":null,` +
			`"additionalEventData":{"keyMaterialId":"` + strings.Repeat("ab", 32) + `"},"requestID":"` + request + `","eventID":"` + eventID + `","readOnly":true,` +
			`"resources":[{"accountId":"111122223333","type":"AWS::KMS::Key","ARN":"` + keyARN + `"}],` +
			`"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management",` +
			`"tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_256_GCM_SHA384","clientProvidedHostHeader":"kms.us-east-1.example"}}`},
		"a service event": {&audit.Record{
			Time: time.Unix(0, 0), EventID: eventID, EventName: "RotateKey", EventType: audit.TypeServiceEvent,
			Identity:       audit.Identity{AccountID: account, InvokedBy: "AWS Internal"},
			ServiceDetails: audit.Detail{audit.String("keyId", "k"), audit.String("rotationType", "AUTOMATIC")},
		}, `{"eventVersion":"1.11","userIdentity":{"accountId":"111122223333","invokedBy":"AWS Internal"},` +
			`"eventTime":"1970-01-01T00:00:00Z","eventSource":"kms.amazonaws.com","eventName":"RotateKey","requestParameters":null,"responseElements":null,` +
			`"eventID":"` + eventID + `","readOnly":false,"resources":[],"eventType":"AwsServiceEvent","managementEvent":true,` +
			`"serviceEventDetails":{"keyId":"k","rotationType":"AUTOMATIC"},"eventCategory":"Management"}`},
		"a stranger": {&audit.Record{
			Time: time.Unix(0, 0), EventID: eventID, RequestID: request, Identity: audit.Identity{AccessKeyID: "AKIACLAIMED"},
			ErrorCode: "UnrecognizedClientException", ErrorMessage: "The security token included in the request is invalid.",
		}, `{"eventVersion":"1.11","userIdentity":{"type":"Unknown","accessKeyId":"AKIACLAIMED"},` +
			`"eventTime":"1970-01-01T00:00:00Z","eventSource":"kms.amazonaws.com","eventName":"Unknown",` +
			`"errorCode":"UnrecognizedClientException","errorMessage":"The security token included in the request is invalid.",` +
			`"requestParameters":null,"responseElements":null,"requestID":"` + request + `","eventID":"` + eventID + `",` +
			`"readOnly":false,"resources":[],"eventType":"AwsApiCall","managementEvent":true,"eventCategory":"Management"}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(tt.rec.Encode()); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestOptionalMembers(t *testing.T) {
	r := decrypt()
	r.EventSource, r.EventType, r.SharedEventID = audit.SourceAdmin, audit.TypeAdminAction, eventID
	r.Identity = audit.Identity{Type: "WebIdentityUser", UserName: "sub", IdentityProvider: "idp.example", InvokedBy: "forwarder"}
	r.Identity.Session = &audit.Session{MFAAuthenticated: true, SourceIdentity: "alice"}
	r.TLS.KeyExchange = "X25519MLKEM768"
	got := string(r.Encode())
	for _, want := range []string{
		`"eventSource":"qkms.admin"`, `"eventType":"QkmsAdminAction"`, `"sharedEventID":"` + eventID + `"`,
		`"userName":"sub"`, `"identityProvider":"idp.example"`, `"invokedBy":"forwarder"`,
		`"mfaAuthenticated":"true"}`, `"sourceIdentity":"alice"`, `"keyExchange":"X25519MLKEM768"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s in it", got, want)
		}
	}
}

type algorithm string

func TestDetail(t *testing.T) {
	for name, tt := range map[string]struct {
		detail audit.Detail
		want   string
	}{
		"nil":                      {nil, `null`},
		"empty":                    {audit.Detail{}, `null`},
		"only members left out":    {audit.Detail{audit.String("a", "x").If(false), {}}, `null`},
		"an empty text stays":      {audit.Detail{audit.String("description", "").If(true)}, `{"description":""}`},
		"order is the caller's":    {audit.Detail{audit.Int("b", 2), {}, audit.Int("a", int32(-1))}, `{"b":2,"a":-1}`},
		"flags":                    {audit.Detail{audit.Bool("yes", true), audit.Bool("no", false)}, `{"yes":true,"no":false}`},
		"types of the model":       {audit.Detail{audit.String("a", algorithm("X")), audit.Strings("b", []algorithm{"Y", "Z"})}, `{"a":"X","b":["Y","Z"]}`},
		"an empty list stays":      {audit.Detail{audit.Strings("l", []string{}), audit.Strings[string]("nil", nil)}, `{"l":[]}`},
		"maps in order of keys":    {audit.Detail{audit.StringMap("m", map[string]string{"b": "1", "a": "2", "B": "3"})}, `{"m":{"B":"3","a":"2","b":"1"}}`},
		"an empty map stays":       {audit.Detail{audit.StringMap("m", map[string]string{}), audit.StringMap("nil", nil)}, `{"m":{}}`},
		"objects":                  {audit.Detail{audit.Object("o", audit.Detail{audit.Int("n", 1)}), audit.Object("none", nil)}, `{"o":{"n":1},"none":null}`},
		"lists of objects":         {audit.Detail{audit.Objects("tags", []audit.Detail{{audit.String("tagKey", "k")}, {audit.String("tagKey", "l")}}), audit.Objects("nil", nil)}, `{"tags":[{"tagKey":"k"},{"tagKey":"l"}]}`},
		"at the limit":             {audit.Detail{audit.String("x", strings.Repeat("a", 102400-8))}, `{"x":"` + strings.Repeat("a", 102400-8) + `"}`},
		"over the limit":           {audit.Detail{audit.String("x", strings.Repeat("a", 102400-7))}, `{"omitted":"102401 bytes"}`},
		"over the limit, escaped":  {audit.Detail{audit.String("x", strings.Repeat("\x00", 20000))}, `{"omitted":"120008 bytes"}`},
		"names cannot break loose": {audit.Detail{audit.Int(`a":1,"b`, 1)}, `{"a\":1,\"b":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			for _, rec := range []*audit.Record{{Request: tt.detail}, {Response: tt.detail}} {
				got := members(t, rec.Encode())
				member := "requestParameters"
				if rec.Response != nil {
					member = "responseElements"
				}
				if string(got[member]) != tt.want {
					t.Errorf("got %s %.200s, want %.200s", member, got[member], tt.want)
				}
			}
		})
	}
}

func members(t *testing.T, line []byte) map[string]json.RawMessage {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal(line, &m); err != nil {
		t.Fatalf("%.200s: %v", line, err)
	}
	return m
}

func TestAdditionalDataHasItsOwnLimit(t *testing.T) {
	r := &audit.Record{Additional: audit.Detail{audit.String("x", strings.Repeat("a", 28<<10))}}
	if got := members(t, r.Encode())["additionalEventData"]; string(got) != `{"omitted":"28680 bytes"}` {
		t.Errorf("got %.200s, want it omitted", got)
	}
}

func TestFailuresHaveNoResponse(t *testing.T) {
	r := decrypt()
	r.ErrorCode, r.Response = "DisabledException", audit.Detail{audit.Int("n", 1)}
	got := members(t, r.Encode())
	if string(got["responseElements"]) != "null" || string(got["requestParameters"]) == "null" {
		t.Errorf("got %s, %s, want the request and no response", got["requestParameters"], got["responseElements"])
	}
}

// Everything a client, a token or a policy author may have chosen.
var hostile = map[string]string{
	"quotes":          `","eventName":"Forged","x":"\`,
	"newlines":        "a\r\n{\"seq\":0,\"eventVersion\":\"1.11\"}\n",
	"controls":        "\x00\x01\x1b[2J\x7f",
	"C1 controls":     "\u0085\u009b31m",
	"line separators": "\u2028\u2029",
	"bidi":            "\u202e\u2066txt.exe",
	"invalid UTF-8":   "\xff\xc0\x80\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82",
	"astral":          "😀\U000E0041",
	"markup":          "<script>&amp;</script>",
	"replacement":     "\uFFFD",
	"huge":            strings.Repeat("é\n", 34_000),
}

func TestHostileTexts(t *testing.T) {
	for name, s := range hostile {
		t.Run(name, func(t *testing.T) { checkHostile(t, s, "k"+s, -1, true) })
	}
}

func FuzzEncode(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, "key", 1, true)
		f.Add("", s, -1, false)
	}
	f.Fuzz(checkHostile)
}

func checkHostile(t *testing.T, s, k string, n int, b bool) {
	id := audit.Identity{
		Type: s, PrincipalID: s, ARN: s, AccountID: s, AccessKeyID: s, UserName: s, IdentityProvider: s, InvokedBy: s,
		Session: &audit.Session{Issuer: audit.Issuer{Type: s, PrincipalID: s, ARN: s, AccountID: s, UserName: s}, SourceIdentity: s},
	}
	d := audit.Detail{
		audit.String("s", s), audit.Strings("l", []string{s, k}), audit.StringMap("m", map[string]string{k: s}),
		audit.Int("n", n), audit.Bool("b", b),
		audit.Object("o", audit.Detail{audit.String("s", s)}), audit.Objects("os", []audit.Detail{{audit.String("s", s)}}),
	}
	r := &audit.Record{
		EventID: cmp.Or(s, eventID), RequestID: s, EventName: s, EventSource: s, EventType: s, Region: s, SourceIP: s, UserAgent: s,
		RecipientAccount: s, SharedEventID: s, ErrorMessage: s, Identity: id, Request: d, Response: d, Additional: d,
		ServiceDetails: d, Resources: []audit.Resource{{AccountID: s, ARN: s}},
		TLS: &audit.TLS{Version: s, CipherSuite: s, Host: s, KeyExchange: s},
	}
	line := r.Encode()
	if again := r.Encode(); string(again) != string(line) {
		t.Fatal("two renderings differ")
	}
	for _, c := range string(line) {
		if !strconv.IsPrint(c) {
			t.Fatalf("got %U in the line", c)
		}
	}
	var got map[string]any
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatalf("%.300q: %v", line, err)
	}
	// A failure's response is withheld, so the error code is left to the end.
	r.ErrorCode = s
	checkTexts(t, got, s)
	checkTexts(t, got["userIdentity"].(map[string]any), s)
	checkTexts(t, got["resources"].([]any)[0].(map[string]any), s)
	for _, m := range []string{"requestParameters", "responseElements", "additionalEventData", "serviceEventDetails"} {
		checkDetail(t, got[m].(map[string]any), s, k, n, b)
	}
	got = nil
	if err := json.Unmarshal(r.Encode(), &got); err != nil {
		t.Fatal(err)
	}
	checkTexts(t, got, s)
}

// clean is s as JSON can carry it.
func clean(s string) string { return string([]rune(s)) }

// checkTexts looks at every text that a renderer may cut but not change.
func checkTexts(t *testing.T, object map[string]any, s string) {
	t.Helper()
	fixed := map[string]bool{"eventVersion": true, "eventTime": true, "eventCategory": true}
	for name, v := range object {
		text, ok := v.(string)
		if !ok || fixed[name] || text == "AWS::KMS::Key" {
			continue
		}
		if s == "" && slices.Contains([]string{"Unknown", audit.SourceKMS, audit.TypeAPICall, eventID}, text) {
			continue
		}
		if s == "AccessDeniedException" && text == "AccessDenied" {
			continue
		}
		limit := 1 << 10
		switch name {
		case "arn", "ARN":
			limit = 2048
		case "accessKeyId":
			limit = 128
		}
		if len(s) <= limit && text != clean(s) || !strings.HasPrefix(clean(s), text) || len(s) > limit && len(text) < limit-3 {
			t.Fatalf("%s: got %.100q of %d bytes, want %.100q of %d", name, text, len(text), clean(s), len(s))
		}
	}
}

func checkDetail(t *testing.T, got map[string]any, s, k string, n int, b bool) {
	t.Helper()
	if got["omitted"] != nil {
		if len(s)+len(k) < 1000 {
			t.Fatal("a small detail was omitted")
		}
		return
	}
	want := map[string]any{
		"s": clean(s), "l": []any{clean(s), clean(k)}, "m": map[string]any{clean(k): clean(s)}, "n": float64(n), "b": b,
		"o": map[string]any{"s": clean(s)}, "os": []any{map[string]any{"s": clean(s)}},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || len(got) != len(want) {
		t.Fatalf("got %v , want %v", got, want)
	}
}

func TestEveryRecordHasAnID(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		r := &audit.Record{}
		if !strings.Contains(string(r.Encode()), `"eventID":"`+r.EventID+`"`) {
			t.Fatalf("got %s, want the id %s in it", r.Encode(), r.EventID)
		}
		if id := r.EventID; len(id) != 36 || id[14] != '4' || !strings.Contains("89ab", id[19:20]) || seen[id] {
			t.Fatalf("got id %s, want a new UUIDv4", id)
		}
		seen[r.EventID] = true
	}
}

// Texts are looked at eight bytes at a time: what is wrong with a byte is seen wherever it stands.
func TestEveryByteEverywhere(t *testing.T) {
	for c := range 256 {
		escaped := string(rune(c))
		switch {
		case c >= 0x80: // alone it is no UTF-8
			escaped = "\uFFFD"
		case c == '"' || c == '\\':
			escaped = `\` + escaped
		case c < ' ' || c == 0x7f:
			escaped = fmt.Sprintf(`\u%04x`, c)
		}
		for at := range 24 {
			before, after := strings.Repeat("~", at), strings.Repeat(" ", 23-at)
			r := audit.Record{UserAgent: before + string([]byte{byte(c)}) + after}
			if got, want := string(members(t, r.Encode())["userAgent"]), `"`+before+escaped+after+`"`; got != want {
				t.Fatalf("byte %#x at %d: got %s, want %s", c, at, got, want)
			}
		}
	}
}
