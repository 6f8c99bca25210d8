package reference_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"qkms/internal/authz/policy"
	"qkms/internal/record/recordpb"
	"qkms/internal/reference"
)

// The condition keys of a page are those that have a value when a server decides about its operation: no others, and all of
// them. Of each key it is asked with a role whose policy denies what has a value there, and allows nothing; of requests that
// have all members there can be, by a session for which a service calls, about a key that is all a key can be.
func TestConditions(t *testing.T) {
	w := newInquiry(t)
	var keys []string
	for _, o := range reference.Operations() {
		for _, c := range o.Conditions {
			if !slices.Contains(keys, c.Key) {
				keys = append(keys, c.Key)
				w.roles[c.Key] = w.session(c.Key)
			}
		}
	}
	for _, o := range reference.Operations() {
		t.Run(o.Name, func(t *testing.T) {
			t.Parallel()
			for _, k := range keys {
				shown := slices.ContainsFunc(o.Conditions, func(c reference.Condition) bool { return c.Key == k })
				if got := w.has(t, o, k); got != shown {
					t.Errorf("%s: it has a value: %t, and is on the page: %t", k, got, shown)
				}
			}
		})
	}
}

// What the front page says of every request is so of the least of them, by a session or by a user.
func TestConditionsOfEveryRequest(t *testing.T) {
	w := newInquiry(t)
	for _, c := range reference.Conditions() {
		by := w.session(c.Key)
		if c.Key == "aws:username" {
			by = w.User(&recordpb.User{Name: "tester", Inline: denied(c.Key)})
		}
		if r := by.Call("ListKeys", `{}`); !strings.Contains(r.Message(), explicit) {
			t.Errorf("%s: got %d %s, want it denied: it has a value", c.Key, r.Status, r.Raw)
		}
	}
}

// No operation asks its request for what no page speaks of.
func TestConditionsOfTheCode(t *testing.T) {
	var told []string
	for _, o := range reference.Operations() {
		for _, c := range o.Conditions {
			name, _, _ := strings.Cut(policy.Fold(c.Key), "/")
			told = append(told, name)
		}
	}
	files, err := filepath.Glob("../op/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"((?:kms|aws):[a-z0-9]+)[:/]?"`).FindAllStringSubmatch(string(text), -1) {
			name := strings.Replace(m[1], "customermasterkey", "key", 1) // the former names of two
			if !slices.ContainsFunc(told, func(is string) bool { return is == name || strings.HasPrefix(is, name+":") }) {
				t.Errorf("%s: no page speaks of %s", file, m[1])
			}
		}
	}
}
