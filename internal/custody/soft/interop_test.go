package soft_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"qkms/internal/custody"
	"qkms/internal/custody/materialpb"
	"qkms/internal/custody/soft"
	"qkms/internal/pubkey"
)

// What OpenSSL made opens here (theirs.json), and what was made here opened in OpenSSL when ours.json
// was written. testdata/interop/interop.py is the other side.

var update = flag.Bool("update", false, "write testdata/interop/ours.json; then run interop.py check on it")

const interopMessage = "The quick brown fox jumps over the lazy dog"

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

// An exchange is one key and what was made with it. Private is what is imported; Seed is the stored
// form of what is not.
type exchange struct {
	Spec         string         `json:"spec"`
	Public       hexBytes       `json:"public"`
	Private      hexBytes       `json:"private,omitempty"`
	Seed         hexBytes       `json:"seed,omitempty"`
	Signatures   []signed       `json:"signatures,omitempty"`
	Ciphertexts  []encrypted    `json:"ciphertexts,omitempty"`
	Secrets      []agreed       `json:"secrets,omitempty"`
	Encapsulated []encapsulated `json:"encapsulated,omitempty"`
	MACs         []authentic    `json:"macs,omitempty"`
}

type (
	signed struct {
		Algorithm string             `json:"algorithm"`
		Kind      pubkey.MessageKind `json:"kind"`
		Message   hexBytes           `json:"message"`
		Signature hexBytes           `json:"signature"`
	}
	encrypted struct {
		Algorithm  string   `json:"algorithm"`
		Plaintext  hexBytes `json:"plaintext"`
		Ciphertext hexBytes `json:"ciphertext"`
	}
	agreed struct {
		Peer   hexBytes `json:"peer"`
		Secret hexBytes `json:"secret"`
	}
	encapsulated struct {
		Ciphertext hexBytes `json:"ciphertext"`
		Secret     hexBytes `json:"secret"`
	}
	authentic struct {
		Algorithm string   `json:"algorithm"`
		Message   hexBytes `json:"message"`
		MAC       hexBytes `json:"mac"`
	}
)

func TestInterop(t *testing.T) {
	if *update {
		writeOurs(t)
	}
	for _, file := range []string{"theirs.json", "ours.json"} {
		text, err := os.ReadFile("testdata/interop/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var all []exchange
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatal(err)
		}
		for _, x := range all {
			t.Run(file+"/"+x.Spec, x.open)
		}
	}
}

// put makes x's private key a material.
func (x *exchange) put(t *testing.T) (*soft.Soft, custody.Ref) {
	t.Helper()
	d := newDrawer()
	s := soft.New(d, idKey, nil)
	ref := singleKey
	if strings.HasPrefix(x.Spec, "ML_") {
		seed := x.Seed
		if seed == nil {
			seed = x.Private[len(x.Private)-64:] // RFC 9935 §6: it ends in the seed
		}
		ref.MaterialID = strings.Repeat("5a", 32)
		d.put(t, ref, &materialpb.Material{Spec: x.Spec, Material: seed, KeyId: ref.KeyID, MaterialId: ref.MaterialID})
		return s, ref
	}
	made, err := s.Make(t.Context(), ref, x.Spec, x.Private)
	if err != nil {
		t.Fatalf("Make: %v", err)
	}
	if !bytes.Equal(made.PublicKey, x.Public) {
		t.Errorf("public key: got %x, want %x", made.PublicKey, []byte(x.Public))
	}
	ref.MaterialID = made.MaterialID
	return s, ref
}

func (x exchange) open(t *testing.T) {
	if len(x.Signatures)+len(x.Ciphertexts)+len(x.Secrets)+len(x.Encapsulated)+len(x.MACs) == 0 {
		t.Fatal("nothing was made with this key")
	}
	for _, v := range x.Signatures {
		if err := pubkey.Verify(x.Public, v.Algorithm, v.Kind, v.Message, v.Signature); err != nil {
			t.Errorf("%s, %s: %v", v.Algorithm, v.Kind, err)
		}
	}
	if x.Private == nil && x.Seed == nil {
		return // ML-DSA of ours
	}
	s, ref := x.put(t)
	for _, v := range x.Signatures {
		signature, err := s.Sign(t.Context(), ref, v.Algorithm, v.Kind, v.Message)
		if err == nil {
			err = pubkey.Verify(x.Public, v.Algorithm, v.Kind, v.Message, signature)
		}
		if err != nil {
			t.Errorf("signing with %s, %s: %v", v.Algorithm, v.Kind, err)
		}
	}
	for _, v := range x.Ciphertexts {
		want(t, v.Algorithm, v.Plaintext)(s.Decrypt(t.Context(), ref, v.Algorithm, v.Ciphertext))
	}
	for _, v := range x.Secrets {
		want(t, "secret", v.Secret)(s.Agree(t.Context(), ref, v.Peer))
	}
	for _, v := range x.Encapsulated {
		want(t, "encapsulated", v.Secret)(s.Decapsulate(t.Context(), ref, v.Ciphertext))
	}
	for _, v := range x.MACs {
		want(t, v.Algorithm, v.MAC)(s.MAC(t.Context(), ref, v.Algorithm, v.Message))
	}
}

func want(t testing.TB, what string, want []byte) func([]byte, error) {
	return func(got []byte, err error) {
		t.Helper()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %x, %v, want %x", what, got, err, want)
		}
	}
}

// writeOurs makes a key of each asymmetric spec and everything that can be made with it.
func writeOurs(t *testing.T) {
	t.Helper()
	var lines []string
	for _, spec := range append(slices.Clone(signers), "ML_KEM_512", "ML_KEM_768", "ML_KEM_1024") {
		line, err := json.Marshal(ours(t, spec))
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	if err := os.WriteFile("testdata/interop/ours.json", []byte("[\n"+strings.Join(lines, ",\n")+"\n]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func ours(t *testing.T, spec string) (x exchange) {
	t.Helper()
	s := soft.New(newDrawer(), idKey, nil)
	x.Spec = spec
	ref := singleKey
	var err error
	if x.Private, x.Public, err = s.MakePair(t.Context(), singleKey, spec); errors.Is(err, custody.ErrBadMaterial) { // ML-DSA
		made, err := s.Make(t.Context(), ref, spec, nil)
		if err != nil {
			t.Fatal(err)
		}
		x.Public, ref.MaterialID = made.PublicKey, made.MaterialID
	} else if s, ref = x.put(t); err != nil {
		t.Fatal(err)
	}
	for _, a := range pubkey.SigningAlgorithms(spec) {
		for kind, message := range kinds(madeKey{ref, x.Public}, spec, a, interopMessage) {
			signature, err := s.Sign(t.Context(), ref, a, kind, message)
			if err != nil {
				t.Fatal(err)
			}
			x.Signatures = append(x.Signatures, signed{a, kind, message, signature})
		}
	}
	for _, a := range []string{"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE"} {
		if pubkey.MaxPlaintext(spec, a) > 0 {
			ciphertext, err := pubkey.Encrypt(x.Public, a, []byte(interopMessage))
			if err != nil {
				t.Fatal(err)
			}
			x.Ciphertexts = append(x.Ciphertexts, encrypted{a, []byte(interopMessage), ciphertext})
		}
	}
	if strings.HasPrefix(spec, "ECC_NIST_P") || spec == "SM2" {
		peer := peerOf(t, spec)
		secret, err := s.Agree(t.Context(), ref, peer)
		if err != nil {
			t.Fatal(err)
		}
		x.Secrets = append(x.Secrets, agreed{peer, secret})
	}
	if secret, ciphertext, err := pubkey.Encapsulate(x.Public); err == nil {
		x.Encapsulated = append(x.Encapsulated, encapsulated{ciphertext, secret})
	}
	return x
}

// peerOf is another public key of spec.
func peerOf(t *testing.T, spec string) []byte {
	t.Helper()
	_, public, err := sharedSoft.MakePair(t.Context(), singleKey, spec)
	if err != nil {
		t.Fatal(fmt.Errorf("peer: %w", err))
	}
	return public
}
