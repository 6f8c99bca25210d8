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

// What the API reference offers to be copied works as it stands: of every example on every page the curl form and that of the
// AWS CLI are typed, where they are installed, each in an account where was done what the example says, and answer what the
// page shows. Nothing is changed in them but what a reader has to change: ids into one's own, what is cut (…) into the whole.
func TestExamples(t *testing.T) {
	all, account := recipes(t), 200000000000
	seed := filepath.Join(t.TempDir(), "seed.yaml")
	if err := os.WriteFile(seed, []byte(accounts(account, 200)), 0o600); err != nil {
		t.Fatal(err)
	}
	hypervisor, roots := attesttest.New(t, time.Now()), filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, hypervisor.RootPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	enclave, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	s := harness.Start(t, "--seed", seed, "--attestation-roots", roots)
	curl, cli := installed(t, "curl", "--version"), installed(t, "aws", "--version")
	for _, operation := range slices.Sorted(maps.Keys(all)) {
		p := open(t, s, operation)
		on := p.examples(t)
		if len(on) == 0 || len(on) != len(all[operation]) {
			t.Errorf("/docs/%s: got %d examples, want %d", operation, len(on), len(all[operation]))
			continue
		}
		for i, r := range all[operation] {
			e := trial{recipe: r, shown: on[i], operation: operation, varies: p.varying(), login: s.Login}
			e.attest = func() []byte { return hypervisor.Document(t, &enclave.PublicKey, nil) }
			e.proxy = strings.TrimSpace(all["CreateCustomKeyStore"][0].Request)
			if curl {
				t.Run(operation+"/"+r.Title+"/curl", e.in(account).curl)
			}
			if cli {
				t.Run(operation+"/"+r.Title+"/AWS CLI", e.in(account+1).cli)
			}
			account += 2
		}
	}
}
