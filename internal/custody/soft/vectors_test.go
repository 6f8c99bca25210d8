package soft_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"qkms/internal/blob"
	"qkms/internal/custody"
	"qkms/internal/custody/soft"
	"qkms/internal/kbkdf"
)

// hexBytes is a byte slice that JSON spells in hex.
type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

type vector struct {
	Name              string
	KeyID             string `json:"key_id"`
	Material          hexBytes
	MaterialID        string            `json:"material_id"`
	EncryptionContext map[string]string `json:"encryption_context"`
	Opens             bool
	Plaintext         hexBytes
	KEnc              hexBytes `json:"k_enc"`
	KCom              hexBytes `json:"k_com"`
	AAD               hexBytes
	Blob              hexBytes
}

// readVectors reads the vectors of docs/formats/ciphertext.md, which another program made.
func readVectors(t *testing.T) (idKey []byte, vectors []vector) {
	t.Helper()
	data, err := os.ReadFile("testdata/ciphertext_v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		IDKey   hexBytes `json:"id_key"`
		Vectors []vector
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) < 30 {
		t.Fatalf("got %d vectors, want all", len(file.Vectors))
	}
	return file.IDKey, file.Vectors
}

func TestVectors(t *testing.T) {
	idKey, vectors := readVectors(t)
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			s := soft.New(newDrawer(), idKey, nil)
			ref := makeMaterial(t, s, custody.Ref{Account: "111122223333", Region: "us-east-1", KeyID: v.KeyID}, v.Material)
			if ref.MaterialID != v.MaterialID {
				t.Errorf("material id: got %s, want %s", ref.MaterialID, v.MaterialID)
			}
			got, err := s.Open(t.Context(), ref, v.Blob, v.EncryptionContext)
			switch {
			case v.Opens && (err != nil || !bytes.Equal(got, v.Plaintext)):
				t.Errorf("got %x, %v, want %x", got, err, v.Plaintext)
			case !v.Opens && !errors.Is(err, custody.ErrWrongCiphertext):
				t.Errorf("got %x, %v, want ErrWrongCiphertext", got, err)
			}
		})
	}
}

// TestVectorSteps checks what lies between, so that a reader who fails TestVectors sees where.
func TestVectorSteps(t *testing.T) {
	_, vectors := readVectors(t)
	for _, v := range vectors {
		if !v.Opens {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			b, err := blob.Parse(v.Blob)
			if err != nil {
				t.Fatal(err)
			}
			keys := kbkdf.Counter(v.Material, "qkms ciphertext v1", b.Head(), 64)
			if got, want := keys, append(v.KEnc, v.KCom...); !bytes.Equal(got, want) {
				t.Errorf("K_enc and K_com: got %x, want %x", got, want)
			}
			if got := blob.AAD(b.Prefix(), v.EncryptionContext); !bytes.Equal(got, v.AAD) {
				t.Errorf("AAD: got %x, want %x", got, v.AAD)
			}
		})
	}
}

// TestExampleInDocs puts the blob together again from the lines of the page.
func TestExampleInDocs(t *testing.T) {
	page, err := os.ReadFile("../../../docs/formats/ciphertext.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "## 10. Example")
	line := func(from, to string) string {
		_, tail, _ := strings.Cut(example, "\n"+from+" ")
		value, _, _ := strings.Cut(tail, "\n"+to)
		return strings.Join(strings.Fields(value), "")
	}
	idKey, vectors := readVectors(t)
	v := vectors[slices.IndexFunc(vectors, func(v vector) bool { return v.Name == "one pair" })]
	box := line("nonce", "ciphertext") + line("ciphertext", "tag") + line("tag", "```")
	for _, tt := range []struct{ name, got, want string }{
		{"id key", line("id key", "key id"), hex.EncodeToString(idKey)},
		{"key id", line("key id", "material "), v.KeyID},
		{"material", line("material", "material id"), hex.EncodeToString(v.Material)},
		{"material id", line("material id", "\n"), v.MaterialID},
		{"K_enc", line("K_enc", "K_com"), hex.EncodeToString(v.KEnc)},
		{"blob", line("header", "K_enc") + line("K_com", "context") + box, hex.EncodeToString(v.Blob)},
		{"AAD", line("header", "K_enc") + line("K_com", "context") + line("context", "nonce"), hex.EncodeToString(v.AAD)},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}
