package clients_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"qkms/compat/harness"
	"qkms/internal/reference/referencetest"
)

// A trial is an example that is tried out in an account of its own.
type trial struct {
	recipe
	shown
	operation string
	account   string
	login     harness.Login
	varies    map[string]bool
	proxy     string
	attest    func() []byte
}

func (e trial) in(account int) trial {
	e.account = fmt.Sprint(account)
	e.login.AccessKeyID, e.login.Secret = "AKIAEXAMPLE"+e.account, secret
	return e
}

func (e trial) curl(t *testing.T) {
	t.Parallel()
	p, sent := e.prepare(t)
	said, failed, err := e.typed(t, e.Curl, sent)
	if err != nil {
		t.Fatalf("%s\n%v: %s", e.Curl, err, failed)
	}
	e.compare(t, p, sent, e.Got, said)
}

func (e trial) cli(t *testing.T) {
	t.Parallel()
	p, sent := e.prepare(t)
	said, failed, err := e.typed(t, e.CLI, sent)
	switch {
	case err != nil && strings.Contains(failed, "nvalid choice") && slices.Contains(younger, e.operation):
		t.Logf("the AWS CLI on this machine does not have %s yet: that part was not run", e.operation)
	case e.Status != http.StatusOK:
		code, message := e.refusal(t)
		want := fmt.Sprintf("(%s) when calling the %s operation: %s", code, e.operation, message)
		if err == nil || !strings.Contains(failed, want) {
			t.Errorf("%s\ngot %v, %s%s\nwant %s", e.CLI, err, said, failed, want)
		}
	case err != nil:
		t.Errorf("%s\n%v: %s", e.CLI, err, failed)
	default:
		e.compare(t, p, sent, asTheCLI(t, e.Got, said), said)
	}
}

// refusal is what the page shows.
func (e trial) refusal(t *testing.T) (code, message string) {
	t.Helper()
	var refusal struct {
		Code    string `json:"__type"`
		Message string
	}
	if err := json.Unmarshal([]byte(e.Got), &refusal); err != nil {
		t.Fatal(err)
	}
	return refusal.Code, refusal.Message
}

// younger are the operations that AWS CLI 1.45 and boto3 1.43 do not have.
var younger = []string{"Decapsulate", "Encapsulate"}

// asTheCLI is the answer of a page without what the AWS CLI leaves out: empty objects, and, as it fetches all pages, whether
// there are more.
func asTheCLI(t *testing.T, want, said string) string {
	t.Helper()
	if said == "" && want == "{}" {
		return ""
	}
	members, _ := referencetest.Tree(t, want).(map[string]any)
	if members["Truncated"] != false || strings.Contains(said, `"Truncated"`) {
		return want
	}
	delete(members, "Truncated")
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// prepare does what was done before the example, and returns what is then to be sent.
func (e trial) prepare(t *testing.T) (*referencetest.Play, string) {
	t.Helper()
	p := &referencetest.Play{T: t, Account: e.account, Proxy: e.proxy, Attest: e.attest}
	p.Ask = func(operation, body string) (int, []byte) { return e.login.Ask(t, operation, body) }
	p.Do(e.Steps)
	return p, p.Filled(e.Request)
}

// typed types a command of the page with the reader's own values in it.
func (e trial) typed(t *testing.T, command, sent string) (said, failed string, err error) {
	t.Helper()
	change := append(own(referencetest.Tree(t, e.Sent), referencetest.Tree(t, sent)), [2]string{referencetest.Account, e.account})
	slices.SortStableFunc(change, func(a, b [2]string) int { return cmp.Compare(len(b[0]), len(a[0])) })
	for _, c := range change {
		command = strings.ReplaceAll(command, c[0], c[1])
	}
	if strings.Contains(command, "…") {
		t.Fatalf("%s\nshows something that is not in its request", command)
	}
	return typed(t, map[string]string{
		"AWS_ACCESS_KEY_ID": e.login.AccessKeyID, "AWS_SECRET_ACCESS_KEY": e.login.Secret,
	}, command)
}

// own are the texts that a page shows in a request and what stands there in the reader's.
func own(shown, mine any) (change [][2]string) {
	switch s := shown.(type) {
	case map[string]any:
		for name := range s {
			change = append(change, own(s[name], mine.(map[string]any)[name])...)
		}
	case []any:
		for i := range s {
			change = append(change, own(s[i], mine.([]any)[i])...)
		}
	case string:
		if s != mine {
			change = append(change, [2]string{s, mine.(string)})
		}
	}
	return change
}

// compare holds what was said against what the page shows.
func (e trial) compare(t *testing.T, p *referencetest.Play, sent, want, said string) {
	t.Helper()
	_, got := p.Dressed(sent, strings.TrimSpace(said))
	referencetest.Comparison{T: t, Varies: func(path string) bool { return e.varies[path] }}.Same("answer", want, got)
}
