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

// A program is what Try it out offers for a request, and the access key to run it with.
type program struct{ File, AccessKeyID, Secret string }

// said is what a program got.
type said struct {
	Answer  json.RawMessage
	Refusal struct{ Code, Message string }
	Missing string // what its SDK does not have
}

// tryAll holds what Try it out offers for a language against the pages of the API reference: the program for the request of
// every example, each in a folder of its own as a file of this name, is given to run, and has to get what the page shows.
func tryAll(t *testing.T, language, name string, run func(t *testing.T, dir string, all []program) []said) {
	t.Helper()
	s, all := trials(t)
	console, dir := harness.SignIn(t, s.Login), folder(t)
	programs := make([]program, len(all))
	judges := make([]func(t *testing.T, got said), len(all))
	for i, e := range all {
		e = e.in(firstAccount + i)
		p, sent := e.prepare(t)
		text := typedAgain(console.Snippet(e.operation, language, json.RawMessage(sent)), referencetest.Tree(t, sent))
		programs[i] = program{write(t, text, dir, fmt.Sprint("example", i), name), e.login.AccessKeyID, e.login.Secret}
		judges[i] = func(t *testing.T, got said) { e.judge(t, p, sent, got) }
	}
	got := run(t, dir, programs)
	if len(got) != len(all) {
		t.Fatalf("got %d answers, want %d", len(got), len(all))
	}
	for i, e := range all {
		t.Run(e.operation+"/"+e.recipe.Title, func(t *testing.T) { judges[i](t, got[i]) })
	}
}

// typedAgain is a program with the passwords of its request, which the console hides.
func typedAgain(program string, sent any) string {
	members, _ := sent.(map[string]any)
	for name, v := range members {
		if password, is := v.(string); is {
			for _, before := range []string{strconv.Quote(name) + ": ", name + ": ", name + ": aws.String("} { // in Python, JavaScript and Go
				program = strings.ReplaceAll(program, before+`"(hidden)"`, before+strconv.Quote(password))
			}
		}
		program = typedAgain(program, v)
	}
	return program
}

// write writes a file, whose folder need not be there yet, and returns its path.
func write(t *testing.T, text string, path ...string) string {
	t.Helper()
	file, err := filepath.Abs(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// inOne runs all programs in one process, as an SDK may take a second to load: the command gets a file with a list of them,
// and says in a line of JSON what each of them got.
func inOne(argv ...string) func(t *testing.T, dir string, all []program) []said {
	return func(t *testing.T, dir string, all []program) (got []said) {
		t.Helper()
		list, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(argv[0], append(argv[1:], write(t, string(list), dir, "programs.json"))...)
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
			got = append(got, one)
		}
		return got
	}
}

// judge holds what a program got against what the page shows.
func (e trial) judge(t *testing.T, p *referencetest.Play, sent string, got said) {
	t.Helper()
	switch {
	case got.Missing != "" && slices.Contains(younger, e.operation):
		t.Logf("the SDK on this machine does not have %s yet: that part was not run", e.operation)
	case got.Missing != "":
		t.Error(got.Missing)
	case e.Status != http.StatusOK:
		if code, message := e.refusal(t); got.Refusal.Code != code || got.Refusal.Message != message {
			t.Errorf("got %s and %+v, want %s: %s", got.Answer, got.Refusal, code, message)
		}
	case len(got.Answer) == 0:
		t.Errorf("got %+v, want an answer", got.Refusal)
	default: // an SDK has an order of its own, and ids on a page are by which comes first
		_, want := p.Dressed(e.Sent, ordered(t, cmp.Or(e.Got, "{}")))
		e.compare(t, p, sent, want, ordered(t, string(got.Answer)))
	}
}

// ordered is JSON whose members are in the order of their names.
func ordered(t *testing.T, text string) string {
	t.Helper()
	b, err := json.Marshal(referencetest.Tree(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
