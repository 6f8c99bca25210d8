package sts_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
)

// A reader is what most roles here are: one that anybody of the account may assume whose own policies say so.
const (
	reader  = "arn:aws:iam::111122223333:role/apps/reader"
	other   = "444455556666"
	assumes = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}`
)

// statements are a policy.
func statements(each ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(each, ",") + `]}`
}

// trusts is a statement of a trust policy.
func trusts(principal, action, condition string) string {
	return `{"Effect":"Allow","Principal":` + principal + `,"Action":` + action + `,"Condition":{` + condition + `}}`
}

func inline(policies ...string) (all []*recordpb.NamedPolicy) {
	for i, p := range policies {
		all = append(all, &recordpb.NamedPolicy{Name: string(rune('a' + i)), Text: p})
	}
	return all
}

// sessionOf is a client with the credentials that r tells.
func sessionOf(t *testing.T, s *kmstest.Server, r *kmstest.Reply) *kmstest.Client {
	t.Helper()
	if r.Status != http.StatusOK {
		t.Fatalf("got %d %s, want credentials", r.Status, r.Raw)
	}
	return &kmstest.Client{Server: s, AccessKeyID: r.Text("AccessKeyId"), Secret: r.Text("SecretAccessKey"), Token: r.Text("SessionToken"), Region: kmstest.Region}
}

// assume assumes the reader as job, with further parameters.
func assume(c *kmstest.Client, parameters ...string) *kmstest.Reply {
	return c.Query("sts", "AssumeRole", append([]string{"RoleArn", reader, "RoleSessionName", "job"}, parameters...)...)
}

// unsigned sends a form that nobody has signed.
func unsigned(t *testing.T, client *http.Client, address, action string, parameters ...string) *kmstest.Reply {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2011-06-15"}}
	for i := 0; i < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", address, bytes.NewReader([]byte(form.Encode())))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var raw bytes.Buffer
	if _, err := raw.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return &kmstest.Reply{Status: res.StatusCode, Header: res.Header, Raw: raw.Bytes()}
}

// told checks a refusal: the code and how its sentence begins.
func told(t *testing.T, r *kmstest.Reply, status int, code, says string) {
	t.Helper()
	if r.Status != status || r.Text("Code") != code || !strings.Contains(r.Text("Message"), says) {
		t.Errorf("got %d %s, want %d %s %q", r.Status, r.Raw, status, code, says)
	}
}

// record is the newest record of an event.
func record(t *testing.T, s *kmstest.Server, event string) (rec map[string]any) {
	t.Helper()
	all := s.Records()
	for i := len(all) - 1; i >= 0; i-- {
		rec = map[string]any{}
		if err := json.Unmarshal(all[i].Line, &rec); err != nil {
			t.Fatal(err)
		}
		if rec["eventName"] == event {
			return rec
		}
	}
	t.Fatalf("no record of %s", event)
	return nil
}

// at is what path leads to in a record, as JSON.
func at(rec map[string]any, path ...string) string {
	var v any = rec
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	text, _ := json.Marshal(v)
	return strings.Trim(string(text), `"`)
}
