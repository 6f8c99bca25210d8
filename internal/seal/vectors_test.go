package seal_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"qkms/internal/seal"
)

// vectors were made by testdata/vectors.mjs, which shares no code with this package.
type vectors struct {
	KeyFiles   map[string]string
	Passphrase string
	Store      string
	Generation uint64
	Current    uint32
	State      octets
	Records    []struct {
		Name              string
		KEK               uint32
		Key               octets
		Ver               uint64 `json:",string"`
		Schema            uint32
		Plaintext, Sealed octets
	}
	Tokens []struct {
		Name, Purpose string
		Bind          []string
		Plaintext     octets
		Token         string
	}
	Derived []struct{ Label, Key string }
}

type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

func openVectors(t testing.TB) (*vectors, *seal.Ring) {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	v := new(vectors)
	if err := json.Unmarshal(raw, v); err != nil {
		t.Fatal(err)
	}
	r, err := seal.Open(t.Context(), v.State, writeKey(t, v.KeyFiles["base64"]))
	if err != nil {
		t.Fatalf("published state does not open: %v", err)
	}
	return v, r
}

// writeKey makes a key file with the given content.
func writeKey(t testing.TB, text string) seal.Source {
	t.Helper()
	path := filepath.Join(t.TempDir(), "root.key")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return seal.KeyFile(path)
}

func TestVectorState(t *testing.T) {
	v, r := openVectors(t)
	if got := r.StoreID(); hex.EncodeToString(got[:]) != v.Store {
		t.Errorf("got store %x, want %s", got, v.Store)
	}
	if r.Generation() != v.Generation || r.Current() != v.Current {
		t.Errorf("got generation %d, current %d, want %d, %d", r.Generation(), r.Current(), v.Generation, v.Current)
	}
	if _, err := seal.Open(t.Context(), v.State, writeKey(t, v.KeyFiles["hex"])); err != nil {
		t.Errorf("with the key in hex: %v", err)
	}
	if _, err := seal.Open(t.Context(), v.State, typing(v.Passphrase)); err != nil {
		t.Errorf("with the passphrase: %v", err)
	}
	for _, d := range v.Derived {
		if got := r.Derive(d.Label); hex.EncodeToString(got[:]) != d.Key {
			t.Errorf("derive %q: got %x, want %s", d.Label, got, d.Key)
		}
	}
}

func TestVectorRecords(t *testing.T) {
	v, r := openVectors(t)
	for _, rec := range v.Records {
		got, err := r.Open(seal.AD{Key: rec.Key, Ver: rec.Ver, Schema: rec.Schema}, rec.Sealed)
		if err != nil || string(got) != string(rec.Plaintext) {
			t.Errorf("%s: got %x, %v, want %x", rec.Name, got, err, rec.Plaintext)
		}
		if id, err := seal.KEKOf(rec.Sealed); err != nil || id != rec.KEK {
			t.Errorf("%s: got KEK %d, %v, want %d", rec.Name, id, err, rec.KEK)
		}
	}
}

func TestVectorTokens(t *testing.T) {
	v, r := openVectors(t)
	for _, tok := range v.Tokens {
		got, err := r.OpenToken(tok.Purpose, seal.Bind(tok.Bind...), tok.Token)
		if err != nil || string(got) != string(tok.Plaintext) {
			t.Errorf("%s: got %x, %v, want %x", tok.Name, got, err, tok.Plaintext)
		}
	}
}
