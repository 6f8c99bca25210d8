package reference_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/op"
	"qkms/internal/reference"
)

// Model and sentences name the same members and errors: whatever there is has one, and there is none of anything else.
func TestProse(t *testing.T) {
	for _, o := range reference.Operations() {
		if o.Summary == "" || o.Description[0] == "" || len(o.Examples) == 0 {
			t.Errorf("%s: want a summary, a description and an example", o.Name)
		}
		explained(t, o.Name+" request", o.Input)
		explained(t, o.Name+" answer", o.Output)
		for _, e := range o.Errors {
			if !sentence(e.When) {
				t.Errorf("%s: when does %s come?", o.Name, e.Code)
			}
		}
		var own struct{ Request, Response, Errors map[string]string }
		read(t, "prose/"+o.Name+".yaml", &own)
		only(t, o.Name+" request", own.Request, names(o.Input))
		only(t, o.Name+" answer", own.Response, names(o.Output))
		var codes []string
		for _, e := range o.Errors {
			codes = append(codes, e.Code)
		}
		only(t, o.Name+" errors", own.Errors, codes)
	}
	for _, e := range reference.Everywhere() {
		if !sentence(e.When) || !slices.Contains(fault.Codes, fault.Code(e.Code)) {
			t.Errorf("everywhere: got %+v", e)
		}
	}
}

// Every operation is found under one thing that it is about.
func TestGroups(t *testing.T) {
	var grouped, all []string
	for _, g := range reference.Groups {
		grouped = append(grouped, g.Operations...)
	}
	for _, o := range reference.Operations() {
		all = append(all, o.Name)
	}
	if slices.Sort(grouped); !slices.Equal(grouped, all) {
		t.Errorf("got %q, want %q", grouped, all)
	}
}

// A file about no operation would never be read by anybody.
func TestFilesAreAboutOperations(t *testing.T) {
	for _, pattern := range []string{"prose/*.yaml", "answers/*.json"} {
		all, err := filepath.Glob(pattern)
		if err != nil || len(all) != len(op.Table) {
			t.Errorf("%s: got %d files (%v), want %d", pattern, len(all), err, len(op.Table))
		}
		for _, file := range all {
			if name, _, _ := strings.Cut(filepath.Base(file), "."); reference.Find(name) == nil {
				t.Errorf("%s is about no operation", file)
			}
		}
	}
}

// What is said once for all is said of something: of members, structures and errors that there are.
func TestCommonProse(t *testing.T) {
	var common struct {
		Request, Response, Errors map[string]string
		Structures                map[string]map[string]string
		Conditions                []struct {
			Key, Value string
			All, Keys  bool
			Operations []string
		}
	}
	read(t, "common.yaml", &common)
	for _, c := range common.Conditions {
		if !sentence(c.Value) || len(c.Operations) == 0 && !c.All && !c.Keys {
			t.Errorf("%s: want a sentence, and what it is of", c.Key)
		}
		for _, o := range c.Operations {
			if reference.Find(o) == nil {
				t.Errorf("%s: there is no operation %s", c.Key, o)
			}
		}
	}
	var requests, answers, codes []string
	structures := map[string][]string{}
	for _, o := range reference.Operations() {
		requests, answers = append(requests, names(o.Input)...), append(answers, names(o.Output)...)
		gather(o.Input, structures)
		gather(o.Output, structures)
		for _, e := range o.Errors {
			codes = append(codes, e.Code)
		}
	}
	only(t, "request", common.Request, requests)
	only(t, "answer", common.Response, answers)
	only(t, "errors", common.Errors, codes)
	for shape, members := range common.Structures {
		only(t, shape, members, structures[shape])
	}
}

func gather(members []reference.Member, into map[string][]string) {
	for _, m := range members {
		if m.Type == "list" {
			m = *m.Element
		}
		if m.Shape != "" {
			into[m.Shape] = names(m.Members)
			gather(m.Members, into)
		}
	}
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func only(t *testing.T, of string, said map[string]string, there []string) {
	t.Helper()
	for name := range said {
		if !slices.Contains(there, name) {
			t.Errorf("%s: there is no %s to speak of", of, name)
		}
	}
}

func names(members []reference.Member) (all []string) {
	for _, m := range members {
		all = append(all, m.Name)
	}
	return all
}

func explained(t *testing.T, of string, members []reference.Member) {
	t.Helper()
	for _, m := range members {
		if !sentence(m.Meaning) {
			t.Errorf("%s: what is %s? got %q", of, m.Name, m.Meaning)
		}
		if m.Type == "list" {
			m.Members = m.Element.Members
		}
		explained(t, of+" "+m.Name, m.Members)
	}
}

func sentence(s string) bool { return s != "" && strings.HasSuffix(s, ".") }

// The permissions of a page are those that the operation table asks for its examples: no other ones, and all of them. (Of
// UpdatePrimaryRegion the table does not know the replica until the primary is found; both are the same action.)
func TestPermissions(t *testing.T) {
	type permission struct {
		action, on   string
		crossAccount bool
	}
	for _, o := range reference.Operations() {
		want, got := map[permission]bool{}, map[permission]bool{}
		for _, p := range o.Permissions {
			want[permission{p.Action, p.On, p.CrossAccount}] = true
		}
		for _, e := range o.Examples {
			for _, n := range needs(t, o.Name, e) {
				got[permission{n.Action, on(n), n.CrossAccount}] = true
			}
		}
		for p := range want {
			if !got[p] {
				t.Errorf("%s: the page asks for %+v, and the service does not", o.Name, p)
			}
		}
		for p := range got {
			if !want[p] {
				t.Errorf("%s: the service asks for %+v, and the page does not", o.Name, p)
			}
		}
	}
}

// needs are those of an example. What is cut on the page stands for a ciphertext that has to be one where the request names
// no key; then a key is named.
func needs(t *testing.T, operation string, e reference.Example) []key.Need {
	t.Helper()
	body := strings.ReplaceAll(e.Sent, "…", "")
	for _, member := range []string{"KeyId", "SourceKeyId"} {
		req, err := op.ByName[operation].Decode([]byte(body))
		if err != nil {
			t.Fatalf("%s: %v", operation, err)
		}
		if all, err := req.Needs(); err == nil {
			return all
		}
		body = `{"` + member + `": "1234abcd-12ab-34cd-56ef-1234567890ab", ` + strings.TrimPrefix(e.Sent, "{")
		body = strings.ReplaceAll(body, "…", "")
	}
	req, err := op.ByName[operation].Decode([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", operation, err)
	}
	all, err := req.Needs()
	if err != nil {
		t.Fatalf("%s: %v", operation, err)
	}
	return all
}

func on(n key.Need) string {
	switch {
	case n.Listing:
		return reference.OnAll
	case n.OnKey():
		return reference.OnKey
	case n.Alias != "":
		return reference.OnAlias
	case n.Principal != "":
		return reference.OnPrincipal
	}
	return reference.OnAll
}
