package clients_test

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"qkms/compat/harness"
	"qkms/internal/attest/attesttest"
)

// A recipe is an example as its file has it: what a page does not show is what was done before.
type recipe struct {
	Title, Request string
	Steps          []string
}

// recipes are those of all operations.
func recipes(t *testing.T) map[string][]recipe {
	t.Helper()
	files, err := filepath.Glob("../../internal/reference/prose/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d files of the reference, %v", len(files), err)
	}
	all := map[string][]recipe{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var article struct{ Examples []recipe }
		if err := yaml.Unmarshal(text, &article); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".yaml")] = article.Examples
	}
	return all
}

// secret is that of every access key here.
const secret = "not-a-secret-for-tests-only"

// accounts is a seed file of n accounts from first on, each with an access key of its root user and the role that examples
// speak of.
func accounts(first, n int) string {
	var keys, roles strings.Builder
	for a := first; a < first+n; a++ {
		fmt.Fprintf(&keys, "- {id: AKIAEXAMPLE%d, secret: %s, account: \"%d\"}\n", a, secret, a)
		fmt.Fprintf(&roles, "- account: \"%d\"\n  roles: [{name: ExampleRole, trust: {Version: 2012-10-17, Statement: {Effect: Allow, Principal: {AWS: \"%d\"}, Action: sts:AssumeRole}}}]\n", a, a)
	}
	return "version: 1\naccess_keys:\n" + keys.String() + "identities:\n" + roles.String()
}

// firstAccount is that of the first trial.
const firstAccount = 200000000000

// trials are all examples of all pages, and the server to try them on.
func trials(t *testing.T) (s *harness.Server, all []trial) {
	t.Helper()
	dir, hypervisor := t.TempDir(), attesttest.New(t, time.Now())
	seed, roots := filepath.Join(dir, "seed.yaml"), filepath.Join(dir, "roots.pem")
	for file, text := range map[string][]byte{seed: []byte(accounts(firstAccount, 200)), roots: hypervisor.RootPEM()} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	enclave, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s = harness.Start(t, "--seed", seed, "--attestation-roots", roots)
	of := recipes(t)
	for _, operation := range slices.Sorted(maps.Keys(of)) {
		p := open(t, s, operation)
		on := p.examples(t)
		if len(on) == 0 || len(on) != len(of[operation]) {
			t.Errorf("/docs/%s: got %d examples, want %d", operation, len(on), len(of[operation]))
			continue
		}
		for i, r := range of[operation] {
			all = append(all, trial{
				recipe: r, shown: on[i], operation: operation, varies: p.varying(), login: s.Login,
				proxy:  strings.TrimSpace(of["CreateCustomKeyStore"][0].Request),
				attest: func() []byte { return hypervisor.Document(t, &enclave.PublicKey, nil) },
			})
		}
	}
	return s, all
}

// What the API reference offers to be copied works as it stands: of every example on every page the curl form and that of the
// AWS CLI are typed, where they are installed, each in an account where was done what the example says, and answer what the
// page shows. Nothing is changed in them but what a reader has to change: ids into one's own, what is cut (…) into the whole.
func TestExamples(t *testing.T) {
	_, all := trials(t)
	curl, cli := installed(t, "curl", "--version"), installed(t, "aws", "--version")
	for i, e := range all {
		name := e.operation + "/" + e.recipe.Title
		if curl {
			t.Run(name+"/curl", e.in(firstAccount+2*i).curl)
		}
		if cli {
			t.Run(name+"/AWS CLI", e.in(firstAccount+2*i+1).cli)
		}
	}
}
