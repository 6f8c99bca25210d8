package server_test

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"qkms/internal/key"
	"qkms/internal/kmstest"
)

// The scripts in testdata/script are the behaviour of the service through its front door: signed HTTP
// to a real server over a real store. Each ends with kmstest's judgement of everything it kept.
//
//	as NAME [REGION]     the root user of an account: owner, stranger, or twelve digits
//	principals NAME…     users and roles that are there: user/alice, 444455556666:role/path/reader
//	kms OP JSON          one call; `! kms` expects it to be refused
//	fault CODE [REGEXP]  the last call was refused so; REGEXP '' says it has no message
//	answer PATH VALUE    a member of the last answer, dots into objects; ~REGEXP to match
//	absent PATH…         members the last answer has not
//	save NAME PATH       a member of the last answer as $NAME
//	audit EVENT K=V…     the newest record of the event has these members (K dotted, V a regexp)
//	advance 7d | sweep | restart
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			o := kmstest.Options{}
			if strings.Contains(e.T().(interface{ Name() string }).Name(), "verenc") {
				o.Style = key.StyleVerenc
			}
			s := kmstest.With(e.T().(testing.TB), o)
			e.Values["script"] = &script{server: s, client: s.As(kmstest.Account)}
			e.Setenv("A", kmstest.Account)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"as": run((*script).as), "principals": run((*script).principals), "kms": kms, "fault": run((*script).fault), "answer": run((*script).answer),
			"absent": run((*script).absent), "save": run((*script).save), "audit": run((*script).audit),
			"advance": run((*script).advance), "sweep": run((*script).sweep), "restart": run((*script).restart),
		},
	})
}

type script struct {
	server *kmstest.Server
	client *kmstest.Client
	last   *kmstest.Reply
}

func run(f func(*script, *testscript.TestScript, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("this command cannot be negated")
		}
		f(ts.Value("script").(*script), ts, args)
	}
}

func kms(ts *testscript.TestScript, neg bool, args []string) {
	s := ts.Value("script").(*script)
	if len(args) != 2 {
		ts.Fatalf("usage: kms OP JSON")
	}
	s.last = s.client.Call(args[0], args[1])
	ts.Logf("%d %s", s.last.Status, s.last.Raw)
	if failed := s.last.Status != 200; failed != neg {
		ts.Fatalf("%s: got %d %s", args[0], s.last.Status, s.last.Raw)
	}
}

func (s *script) as(ts *testscript.TestScript, args []string) {
	account, known := map[string]string{"owner": kmstest.Account, "stranger": "444455556666"}[args[0]]
	if !known {
		account = args[0]
	}
	s.client = s.server.As(account)
	if len(args) > 1 {
		s.client = s.client.In(args[1])
	}
}

func (s *script) principals(_ *testscript.TestScript, args []string) { s.server.Exists(args...) }

func (s *script) fault(ts *testscript.TestScript, args []string) {
	if got := s.last.Code(); got != args[0] {
		ts.Fatalf("got %s, want %s", s.last.Raw, args[0])
	}
	if len(args) < 2 {
		return
	}
	got := s.last.Message()
	if args[1] == "" && got != "" || !regexp.MustCompile("^(?:"+args[1]+")$").MatchString(got) {
		ts.Fatalf("got message %q, want %q", got, args[1])
	}
}

func (s *script) answer(ts *testscript.TestScript, args []string) {
	got := s.last.String(args[0])
	if pattern, is := strings.CutPrefix(args[1], "~"); is {
		if !regexp.MustCompile("^(?:" + pattern + ")$").MatchString(got) {
			ts.Fatalf("%s: got %q, want a match of %q", args[0], got, pattern)
		}
		return
	}
	if got != args[1] {
		ts.Fatalf("%s: got %q, want %q", args[0], got, args[1])
	}
}

func (s *script) absent(ts *testscript.TestScript, args []string) {
	for _, path := range args {
		if got := s.last.String(path); got != "" {
			ts.Fatalf("%s: got %q, want no such member", path, got)
		}
	}
}

func (s *script) save(ts *testscript.TestScript, args []string) {
	v := s.last.String(args[1])
	if v == "" {
		ts.Fatalf("%s: no such member in %s", args[1], s.last.Raw)
	}
	ts.Setenv(args[0], v)
}

func (s *script) audit(ts *testscript.TestScript, args []string) {
	var newest map[string]any
	var of string // the account whose copy is meant
	for _, want := range args[1:] {
		if account, is := strings.CutPrefix(want, "recipientAccountId="); is {
			of = account
		}
	}
	for _, e := range s.server.Records() {
		var m map[string]any
		ts.Check(json.Unmarshal(e.Line, &m))
		if m["eventName"] == args[0] && (of == "" || m["recipientAccountId"] == of) {
			newest = m
		}
	}
	if newest == nil {
		ts.Fatalf("no record of %s", args[0])
	}
	apart(newest)
	r := kmstest.Reply{Fields: newest}
	for _, want := range args[1:] {
		path, pattern, _ := strings.Cut(want, "=")
		if got := r.String(path); !regexp.MustCompile("^(?:" + pattern + ")$").MatchString(got) {
			ts.Fatalf("%s: got %q, want %q in %v", path, got, pattern, newest)
		}
	}
}

// apart takes what was decided out of what an operation says of itself: scripts ask for them as "authorization" and
// "additionalEventData".
func apart(record map[string]any) {
	more, _ := record["additionalEventData"].(map[string]any)
	record["authorization"] = more["authorization"]
	if delete(more, "authorization"); len(more) == 0 {
		delete(record, "additionalEventData")
	}
}

func (s *script) advance(ts *testscript.TestScript, args []string) {
	d, err := time.ParseDuration(args[0])
	if days, is := strings.CutSuffix(args[0], "d"); is {
		var n int
		n, err = strconv.Atoi(days)
		d = time.Duration(n) * 24 * time.Hour
	}
	ts.Check(err)
	s.server.Clock.Advance(d)
}

func (s *script) sweep(*testscript.TestScript, []string) { s.server.Sweep() }

func (s *script) restart(*testscript.TestScript, []string) { s.server.Restart() }
