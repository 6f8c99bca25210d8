package clients_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"qkms/compat/harness"
	"qkms/internal/reference/referencetest"
)

// What Try it out offers for boto3 does what it says: the program for the request of every example of the API reference
// runs, where boto3 is installed, and gets what the page shows.
func TestPython(t *testing.T) {
	if !installed(t, "python3", "-c", "import boto3") {
		return
	}
	s, all := trials(t)
	console, dir := harness.SignIn(t, s.Login), t.TempDir()
	type call struct{ File, AccessKeyID, Secret string }
	var calls []call
	judges := make([]func(t *testing.T, said said), len(all))
	for i, e := range all {
		e = e.in(firstAccount + i)
		p, sent := e.prepare(t)
		file := filepath.Join(dir, fmt.Sprintf("%d.py", i))
		program := typedAgain(console.Snippet(e.operation, "python", json.RawMessage(sent)), referencetest.Tree(t, sent))
		if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
			t.Fatal(err)
		}
		calls = append(calls, call{file, e.login.AccessKeyID, e.login.Secret})
		judges[i] = func(t *testing.T, got said) { e.judge(t, p, sent, got) }
	}
	for i, got := range runAll(t, dir, calls) {
		t.Run(all[i].operation+"/"+all[i].recipe.Title, func(t *testing.T) { judges[i](t, got) })
	}
}

// typedAgain is a program with the passwords of its request, which the console hides.
func typedAgain(program string, sent any) string {
	members, _ := sent.(map[string]any)
	for name, v := range members {
		if password, is := v.(string); is {
			program = strings.ReplaceAll(program, strconv.Quote(name)+`: "(hidden)"`, strconv.Quote(name)+": "+strconv.Quote(password))
		}
		program = typedAgain(program, v)
	}
	return program
}

// said is what a program got.
type said struct {
	Answer  json.RawMessage
	Refusal struct{ Code, Message string }
	Missing string
}

// runAll runs programs in one process, which takes boto3's second for all of them.
func runAll(t *testing.T, dir string, calls any) (all []said) {
	t.Helper()
	text, err := json.Marshal(calls)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "calls.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", "./run_snippets.py", file)
	cmd.Env = append(os.Environ(), "AWS_CONFIG_FILE=none", "AWS_SHARED_CREDENTIALS_FILE=none", "AWS_MAX_ATTEMPTS=1")
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, failed.String())
	}
	for line := range bytes.Lines(out) {
		var one said
		if err := json.Unmarshal(line, &one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// judge holds what a program got against what the page shows.
func (e trial) judge(t *testing.T, p *referencetest.Play, sent string, got said) {
	t.Helper()
	switch {
	case got.Missing != "" && slices.Contains(younger, e.operation):
		t.Logf("boto3 on this machine does not have %s yet: that part was not run", e.operation)
	case got.Missing != "":
		t.Error(got.Missing)
	case e.Status != http.StatusOK:
		if code, message := e.refusal(t); got.Refusal.Code != code || got.Refusal.Message != message {
			t.Errorf("got %s and %+v, want %s: %s", got.Answer, got.Refusal, code, message)
		}
	case len(got.Answer) == 0:
		t.Errorf("got %+v, want an answer", got.Refusal)
	default:
		e.compare(t, p, sent, cmp.Or(e.Got, "{}"), string(got.Answer))
	}
}
