package node_test

import (
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"qkms/internal/kmstest"
	"qkms/internal/store/postgres"
	"qkms/internal/store/postgres/pgtest"
)

var makeGolden = flag.String("make-golden", "", "make the golden stores of this version in the directory, which must not be there: testdata/formatN; needs pg_dump")

// What a released version wrote is opened for ever. Each directory testdata/formatN holds a store as the first version
// with store format N left it, once for each engine, with its root key (a test's, which protects nothing), its audit log
// if it is in the data directory, and what it answered to questions: answers.json. The store in PostgreSQL is what
// pg_dump made of it: its own tables, in SQL. Nothing there is ever changed; a version with another format adds a directory:
//
//	go test ./internal/node -run TestGolden -make-golden testdata/format2
func TestGolden(t *testing.T) {
	if *makeGolden != "" {
		t.Run("make", func(t *testing.T) { makeStores(t, *makeGolden) })
	}
	stores, err := filepath.Glob("testdata/format*/*")
	if err != nil || len(stores) == 0 {
		t.Fatalf("got %q, %v, want the stores of each format", stores, err)
	}
	for _, store := range stores {
		t.Run(store, func(t *testing.T) { openGolden(t, store) })
	}
}

// golden is what answers.json says.
type golden struct {
	Made      time.Time                              `json:"made"`        // when the answers were given: deletion dates and expiry are near it
	Secrets   map[string]struct{ ID, Secret string } `json:"credentials"` // of access keys of the store
	Records   int                                    `json:"records"`     // of the audit log
	Deletion  string                                 `json:"deletion"`    // a key that is to be deleted
	Questions []question                             `json:"questions"`
}

// A question is a request that changes nothing, and what was answered.
type question struct {
	As        string          `json:"as"`
	Region    string          `json:"region,omitempty"`
	Service   string          `json:"service,omitempty"` // empty: kms
	Operation string          `json:"operation"`
	Body      json.RawMessage `json:"body,omitempty"` // of KMS
	Form      []string        `json:"form,omitempty"` // of IAM
	Answer    string          `json:"answer"`
}

func openGolden(t *testing.T, from string) {
	text, err := os.ReadFile(filepath.Join(from, "answers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(text, &g); err != nil {
		t.Fatal(err)
	}
	o := kmstest.Options{Dir: placed(t, from), Clock: kmstest.NewClock()}
	o.Clock.Advance(g.Made.Sub(o.Clock.Now()))
	if dump, err := os.ReadFile(filepath.Join(from, "store.sql")); err == nil {
		o.Store = pgtest.URL(t)
		load(t, o.Store, string(dump))
		if _, err := postgres.Migrate(t.Context(), o.Store, postgres.Options{}); err != nil { // a data directory needs no such thing
			t.Fatal(err)
		}
	}
	s := kmstest.With(t, o) // and its end: every record opens, the change log is unbroken, the audit log proves itself
	if got := len(s.Records()); got < g.Records {
		t.Errorf("got an audit log of %d records, want the %d there were and more", got, g.Records)
	}
	for _, q := range g.Questions {
		key := g.Secrets[q.As]
		if got := q.ask(s, key.ID, key.Secret); !q.answered(got) {
			t.Errorf("%s %s by %s:\ngot  %s\nwant %s", q.Operation, q.Body, q.As, got, q.Answer)
		}
	}
	s.Clock.Advance(40 * 24 * time.Hour)
	s.Sweep()
	root := g.Secrets["root"]
	describe := question{As: "root", Operation: "DescribeKey", Body: json.RawMessage(`{"KeyId":"` + g.Deletion + `"}`)}
	if got := describe.ask(s, root.ID, root.Secret); !strings.Contains(got, "NotFoundException") {
		t.Errorf("a key whose date has come: got %s, want that it is gone", got)
	}
}

// placed is a data directory like from, with the modes that version control does not keep.
func placed(t *testing.T, from string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		to = filepath.Join(dir, to)
		if entry.IsDir() {
			return os.Mkdir(to, 0o700)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// load runs what pg_dump wrote, which sets an empty search_path for its connection.
func load(t *testing.T, url, dump string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), dump); err != nil {
		t.Fatal(err)
	}
}

var requestID = regexp.MustCompile(`<RequestId>[^<]*</RequestId>`)

// ask asks and returns the answer, without what differs each time.
func (q question) ask(s *kmstest.Server, id, secret string) string {
	c := &kmstest.Client{Server: s, AccessKeyID: id, Secret: secret, Region: kmstest.Region}
	if q.Region != "" {
		c.Region = q.Region
	}
	if q.Service == "" {
		return string(c.Call(q.Operation, string(q.Body)).Raw)
	}
	return requestID.ReplaceAllString(string(c.Query(q.Service, q.Operation, q.Form...).Raw), "")
}

var leaf = regexp.MustCompile(`<(\w+)>([^<]*)</`)

// answered reports whether an answer has all that the recorded one has. A later version may say more.
func (q question) answered(got string) bool {
	if q.Service == "" {
		var is, was any
		return json.Unmarshal([]byte(got), &is) == nil && json.Unmarshal([]byte(q.Answer), &was) == nil && holds(is, was)
	}
	rest := leaf.FindAllString(got, -1)
	for _, element := range leaf.FindAllString(q.Answer, -1) {
		at := slices.Index(rest, element)
		if at < 0 {
			return false
		}
		rest = rest[at+1:]
	}
	return true
}

// holds reports whether is has every member that was has.
func holds(is, was any) bool {
	switch was := was.(type) {
	case map[string]any:
		is, _ := is.(map[string]any)
		for name, v := range was {
			if !holds(is[name], v) {
				return false
			}
		}
		return true
	case []any:
		is, _ := is.([]any)
		return slices.EqualFunc(is, was, holds)
	}
	return reflect.DeepEqual(is, was)
}
