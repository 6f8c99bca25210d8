// Package deploy_test holds what is in deploy/ against those who will read it: the Containerfile against the builder's
// own parser, the compose file against Compose's, the chart against Helm and Kubernetes' types. Then it does what they
// say, with the binary that the Containerfile builds and a real PostgreSQL.
package deploy_test

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

const (
	root = "../.." // of the source, which is what the Containerfile is built from

	revision = "v0-test" // as the Containerfile is told
)

// image is what the Containerfile makes: its stages, and the binary of its last.
type image struct {
	stages []instructions.Stage
	binary string
}

var built image

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "qkms-deploy-")
	if err == nil {
		built, err = build(dir)
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// build does in dir what the Containerfile says, to the end of its first stage: what it copies is all that is there.
func build(dir string) (image, error) {
	stages, err := parse()
	if err != nil {
		return image{}, err
	}
	src, out := filepath.Join(dir, "src"), filepath.Join(dir, "out")
	for _, command := range stages[0].Commands {
		switch c := command.(type) {
		case *instructions.CopyCommand:
			for _, path := range c.SourcePaths {
				err = errors.Join(err, copyIn(src, path))
			}
		case *instructions.RunCommand:
			sh := exec.Command("/bin/sh", "-c", strings.ReplaceAll(strings.Join(c.CmdLine, " "), "/out", out))
			sh.Dir, sh.Env = src, append(os.Environ(), "REVISION="+revision)
			if said, failed := sh.CombinedOutput(); failed != nil {
				err = fmt.Errorf("%s: %w\n%s", c, failed, said)
			}
		}
		if err != nil {
			return image{}, err
		}
	}
	return image{stages, filepath.Join(out, "qkms")}, nil
}

func parse() ([]instructions.Stage, error) {
	file, err := os.Open(filepath.Join(root, "deploy", "Containerfile"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	parsed, err := parser.Parse(file)
	if err != nil {
		return nil, err
	}
	var warned error
	stages, _, err := instructions.Parse(parsed.AST, linter.New(&linter.Config{
		Warn: func(rule, _, _, text string, _ []parser.Range) {
			warned = fmt.Errorf("Containerfile: %s: %s", rule, text)
		},
	}))
	if err == nil && len(stages) != 2 {
		err = fmt.Errorf("got %d stages, want a build and what comes of it", len(stages))
	}
	return stages, errors.Join(err, warned)
}

func copyIn(to, path string) error {
	from, to := filepath.Join(root, path), filepath.Join(to, path)
	if info, err := os.Stat(from); err != nil {
		return err
	} else if info.IsDir() {
		return os.CopyFS(to, os.DirFS(from))
	}
	text, err := os.ReadFile(from)
	return errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o700), os.WriteFile(to, text, 0o600))
}

// Nothing is in the image that the binary could be linked to.
func TestBinaryIsStatic(t *testing.T) {
	file, err := elf.Open(built.binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("got a segment %v, want a program that needs no other", p.Type)
		}
	}
	if said := qkms(t, "version"); !strings.HasPrefix(said, "qkms (devel) "+revision+"\n") {
		t.Errorf("got %q, want the revision that was given", said)
	}
}

func TestImageIsBareAndNobodys(t *testing.T) {
	last := built.stages[1]
	if last.BaseName != "scratch" {
		t.Errorf("got an image on %s, want nothing below", last.BaseName)
	}
	var got []string
	for _, command := range last.Commands {
		switch c := command.(type) {
		case *instructions.UserCommand:
			uid, _, _ := strings.Cut(c.User, ":") // a name would be no proof to runAsNonRoot
			if n, err := strconv.Atoi(uid); err != nil || n == 0 {
				t.Errorf("got user %s, want a number that is not root's", c.User)
			}
			got = append(got, "USER")
		case *instructions.EntrypointCommand:
			if !slices.Equal(c.CmdLine, []string{"/usr/local/bin/qkms"}) || c.PrependShell {
				t.Errorf("got ENTRYPOINT %q, want the binary, without a shell", c.CmdLine)
			}
			got = append(got, "ENTRYPOINT")
		case *instructions.VolumeCommand:
			got = append(got, c.Volumes...)
		}
	}
	if want := []string{"/data", "USER", "ENTRYPOINT"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// qkms runs a verb of the binary to its end, and returns what it printed.
func qkms(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, nil, args...)
}

func run(t *testing.T, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), built.binary, args...)
	cmd.Env = env
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("qkms %q: %v\n%s", args, err, said)
	}
	return string(said)
}
