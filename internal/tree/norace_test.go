package tree_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What is not run with the race detector is run without: each such test is named, with its package, by make test-norace. It would
// otherwise run on a developer's machine at best.
func TestNothingIsLeftOut(t *testing.T) {
	root := os.DirFS("../..")
	lines := goTests(t, root, "test-norace")
	tagged, tests := regexp.MustCompile(`(?m)^//go:build.*!race\b`), regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)`)
	err := fs.WalkDir(root, ".", func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && e.Name() == "node_modules" {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(root, path)
		if err != nil || !tagged.Match(text) {
			return err
		}
		for _, m := range tests.FindAllStringSubmatch(string(text), -1) {
			if run := lines[filepath.ToSlash(filepath.Dir(path))]; run == nil || !run.MatchString(m[1]) {
				t.Errorf("%s: make test-norace does not run %s", path, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// goTests is what a target of the Makefile runs: by package, the pattern of its tests.
func goTests(t *testing.T, root fs.FS, target string) map[string]*regexp.Regexp {
	t.Helper()
	makefile, err := fs.ReadFile(root, "Makefile")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(strings.ReplaceAll(string(makefile), "\\\n", ""), "\n"+target+":\n")
	if !found {
		t.Fatalf("the Makefile has no target %s", target)
	}
	recipe, _, _ := strings.Cut(rest, "\n\n")
	patterns := map[string]string{}
	for _, m := range regexp.MustCompile(`go test -run '([^']*)'(.*)`).FindAllStringSubmatch(recipe, -1) {
		for _, pkg := range strings.Fields(m[2]) {
			pkg = strings.TrimPrefix(pkg, "./")
			patterns[pkg] = strings.TrimPrefix(patterns[pkg]+"|"+strings.ReplaceAll(m[1], "$$", "$"), "|")
		}
	}
	all := map[string]*regexp.Regexp{}
	for pkg, pattern := range patterns {
		all[pkg] = regexp.MustCompile(pattern)
	}
	return all
}
