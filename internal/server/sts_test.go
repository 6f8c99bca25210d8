package server_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"qkms/internal/kmstest"
)

const whoAmI = "Action=GetCallerIdentity&Version=2011-06-15"

// Clients ask who they are before they ask for a key, at the same endpoint (access.md §2.4).
func TestCallerIdentity(t *testing.T) {
	s := kmstest.New(t)
	root := *s.As(kmstest.Account)
	root.Service = "sts"
	ask := func(c *kmstest.Client, body string, at time.Duration) *kmstest.Reply {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/", bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		if c != nil {
			c.Sign(req, []byte(body), s.Clock.Now().Add(at))
		}
		r, err := root.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	forKMS, wrong := root, root
	forKMS.Service, wrong.Secret = "kms", "guess"
	for _, row := range []struct {
		name   string
		client *kmstest.Client
		body   string
		at     time.Duration
		status int
		says   string
	}{
		{"the root user", &root, whoAmI, 0, 200, "<Arn>arn:aws:iam::111122223333:root</Arn><UserId>111122223333</UserId><Account>111122223333</Account>"},
		{"a quarter of an hour off", &root, whoAmI, -15 * time.Minute, 200, "<Account>111122223333</Account>"},
		{"and a minute", &root, whoAmI, -16 * time.Minute, 403, "<Code>SignatureDoesNotMatch</Code><Message>Signature expired: "},
		{"nobody", nil, whoAmI, 0, 403, "<Code>MissingAuthenticationToken</Code>"},
		{"another secret", &wrong, whoAmI, 0, 403, "<Code>SignatureDoesNotMatch</Code>"},
		{"signed for another service", &forKMS, whoAmI, 0, 403, "Credential should be scoped to correct service: &#39;sts&#39;."},
		{"an action that is none here", &root, "Action=GetFederationToken&Version=2011-06-15", 0, 400, "<Code>InvalidAction</Code>"},
		{"two actions", &root, whoAmI + "&Action=AssumeRole", 0, 400, "<Code>InvalidAction</Code>"},
		{"another version", &root, "Action=GetCallerIdentity&Version=2010-01-01", 0, 400, "<Code>InvalidAction</Code>"},
		{"a body without end", &root, whoAmI + strings.Repeat("&a=b", 300_000), 0, 413, "<Code>RequestEntityTooLarge</Code>"},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := len(s.Records())
			got := ask(row.client, row.body, row.at)
			if got.Status != row.status || !strings.Contains(string(got.Raw), row.says) || got.Header.Get("Content-Type") != "text/xml" {
				t.Errorf("got %d %s %s, want %d %s", got.Status, got.Header, got.Raw, row.status, row.says)
			}
			if !strings.Contains(string(got.Raw), `xmlns="https://sts.amazonaws.com/doc/2011-06-15/"`) {
				t.Errorf("got %s, want the namespace of the service", got.Raw)
			}
			records := s.Records()
			if len(records) != before+1 {
				t.Fatalf("got %d records, want one", len(records)-before)
			}
			var rec map[string]any
			if err := json.Unmarshal(records[before].Line, &rec); err != nil || rec["eventSource"] != "sts.amazonaws.com" || rec["readOnly"] != true {
				t.Errorf("got record %s, %v", records[before].Line, err)
			}
		})
	}
}

// A presigned identity is what a caller shows to somebody else, who sends it here within its time.
func TestPresignedIdentity(t *testing.T) {
	s := kmstest.New(t)
	root := *s.As(kmstest.Account)
	root.Service = "sts"
	url := root.Presign(whoAmI, 3600)
	get := func() *kmstest.Reply {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := root.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	s.Clock.Advance(59 * time.Minute)
	if got := get(); got.Status != 200 || !strings.Contains(string(got.Raw), "<Account>111122223333</Account>") {
		t.Errorf("within its hour: got %d %s", got.Status, got.Raw)
	}
	s.Clock.Advance(2 * time.Minute)
	if got := get(); got.Status != 403 {
		t.Errorf("after its hour: got %d %s", got.Status, got.Raw)
	}
}
