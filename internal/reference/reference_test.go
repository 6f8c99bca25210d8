package reference_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"qkms/internal/op"
	"qkms/internal/reference"
	"qkms/internal/wire/shape"
)

// The reference is about the operations that there are, and each of them has the members of its request.
func TestOperations(t *testing.T) {
	all := reference.Operations()
	if len(all) != len(op.Table) {
		t.Errorf("got %d operations, want %d", len(all), len(op.Table))
	}
	for _, row := range op.Table {
		o := reference.Find(row.Operation())
		if o == nil {
			t.Errorf("%s is not in the reference", row.Operation())
			continue
		}
		var got []string
		for _, m := range o.Input {
			got = append(got, m.Name)
		}
		if want := shape.Find(o.Name).Members; !slices.Equal(got, want) {
			t.Errorf("%s: got members %q, want %q", o.Name, got, want)
		}
	}
	if !slices.IsSortedFunc(all, func(a, b *reference.Operation) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("operations are not in order of their names")
	}
	if reference.Find("Obliterate") != nil {
		t.Error("found an operation that does not exist")
	}
}

// What a person is warned of is never something that only reads, and covers what takes something away, three
// operations apart that may take away as a side of adding.
func TestDestructive(t *testing.T) {
	for _, o := range reference.Operations() {
		if o.Destructive && o.ReadOnly {
			t.Errorf("%s is destructive and read-only", o.Name)
		}
		adds := slices.Contains([]string{"CreateAlias", "ImportKeyMaterial", "TagResource"}, o.Name)
		if op.ByName[o.Name].Facts().Restricts && !o.Destructive && !adds {
			t.Errorf("%s takes something away and is not destructive", o.Name)
		}
	}
}

func TestFacts(t *testing.T) {
	o := reference.Find("GenerateDataKey")
	spec := member(t, o.Input, "KeySpec")
	if spec.Type != "string" || !slices.Equal(spec.Enum, []string{"AES_256", "AES_128"}) {
		t.Errorf("KeySpec: got %+v", spec)
	}
	if n := member(t, o.Input, "NumberOfBytes"); n.Type != "integer" || n.Min != 1 || n.Max != 1024 {
		t.Errorf("NumberOfBytes: got %+v", n)
	}
	if c := member(t, o.Input, "EncryptionContext"); c.Type != "map" || c.Key.Type != "string" || c.Element.Type != "string" {
		t.Errorf("EncryptionContext: got %+v", c)
	}
	if p := member(t, o.Output, "Plaintext"); p.Type != "blob" || !p.Sensitive {
		t.Errorf("Plaintext: got %+v", p)
	}
	if tags := member(t, reference.Find("CreateKey").Input, "Tags"); tags.Element.Shape != "Tag" || !member(t, tags.Element.Members, "TagKey").Required {
		t.Errorf("Tags: got %+v", tags)
	}
	for _, e := range o.Errors {
		want := http.StatusBadRequest
		if slices.Contains([]string{"DependencyTimeoutException", "KMSInternalException", "KeyUnavailableException"}, e.Code) {
			want = http.StatusInternalServerError
		}
		if e.Status != want {
			t.Errorf("%s: got %d, want %d", e.Code, e.Status, want)
		}
	}
	if !o.CrossAccount || reference.Find("DisableKey").CrossAccount {
		t.Error("another account's key can be used for a data key, and cannot be disabled")
	}
}

func member(t *testing.T, in []reference.Member, name string) reference.Member {
	t.Helper()
	for _, m := range in {
		if m.Name == name {
			return m
		}
	}
	t.Fatalf("there is no member %s", name)
	return reference.Member{}
}
