// Package tree_test says which package may know which.
package tree_test

import (
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// order is the tree from what everything stands on to the commands. A package may import what stands
// in an earlier row; pure packages may import nothing of ours but what is below them. Adding an arrow that this
// test refuses is a change of design, and says so.
var order = [][]string{
	{"fault", "footprint", "footprint/heaptest", "front", "mac", "store", "uuid", "pubkey/fips204"},
	{"blob", "bulkhead", "coherence", "kbkdf", "memo", "scale", "throttle", "store/storetest", "store/stream", "wire/shape", "authn/sigv4", "authn/webidentity", "authz/policy", "attest", "pubkey", "seal/sealpb", "custody/materialpb", "record/recordpb"},
	{"metrics", "trace"},
	{"audit", "custody", "seal", "store/postgres", "store/sqlite", "wire"},
	{"audit/sink", "custody/soft", "record"},
	{"backup", "identity", "ledger", "lastuse", "reseal"},
	{"authn"},
	{"key"},
	{"authz"},
	{"op", "query"},
	{"iam", "reference", "sts", "authz/explain"},
	{"oversight"},
	{"snippet"},
	{"console"},
	{"op/compatdoc", "iam/iamdoc", "scale/scaledoc"},
	{"gate", "server", "sweep"},
	{"node"},
	{"roster"},
	{"admin", "seed"},
	{"restore"},
}

var pure = []string{"fault", "blob", "wire/shape", "authn/sigv4", "authz/policy", "kbkdf", "mac", "front"}

// below is what the pure may import.
var below = []string{"fault", "footprint", "mac"}

// onlyCustody is what no package but custody and its own may import: it holds key bytes.
const onlyCustody = "custody/materialpb"

func TestImports(t *testing.T) {
	rank := map[string]int{}
	for i, row := range order {
		for _, p := range row {
			rank[p] = i
		}
	}
	for p, imports := range packages(t) {
		mine, known := rank[p]
		if !known {
			if p != "kmstest" && p != "store/storetest/modeltest" && p != "store/postgres/pgtest" && p != "attest/attesttest" && p != "reference/referencetest" && p != "tree" {
				t.Errorf("%s has no place in the order", p)
			}
			continue
		}
		for _, i := range imports {
			theirs, known := rank[i]
			switch {
			case !known || theirs >= mine:
				t.Errorf("%s imports %s, which does not stand below it", p, i)
			case slices.Contains(pure, p) && !slices.Contains(below, i):
				t.Errorf("%s is pure and imports %s", p, i)
			case i == onlyCustody && !strings.HasPrefix(p, "custody"):
				t.Errorf("%s imports %s, which holds key bytes", p, i)
			}
		}
	}
}

// packages returns, for each package below internal, which of them it imports outside of tests.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "qkms/internal/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		var ours []string
		for _, i := range p.Imports {
			if rest, is := strings.CutPrefix(i, "qkms/internal/"); is {
				ours = append(ours, rest)
			}
		}
		all[strings.TrimPrefix(p.ImportPath, "qkms/internal/")] = ours
	}
}

// The program carries the conformance suite of the store, for databases that we have never seen, and nothing
// that tests are made of: package testing would bring its flags.
func TestProgramHasNoTestsInIt(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "qkms/cmd/qkms").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, "qkms/internal/store/postgres") {
		t.Errorf("got %d packages without a store", len(deps))
	}
	for _, not := range []string{"testing", "pgregory.net/rapid", "qkms/internal/kmstest", "qkms/internal/footprint/heaptest", "qkms/internal/reference/referencetest", "qkms/internal/store/postgres/pgtest"} {
		if slices.Contains(deps, not) {
			t.Errorf("%s is in the program", not)
		}
	}
}
