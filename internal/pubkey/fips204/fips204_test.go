package fips204_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"filippo.io/mldsa"
	"filippo.io/mldsa/mldsacrypto"

	"qkms/internal/pubkey/fips204"
)

var sets = []mldsa.Parameters{mldsa.MLDSA44(), mldsa.MLDSA65(), mldsa.MLDSA87()}

// seed is the one of key-material spec §10.
func seed() []byte {
	b := make([]byte, 32)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func newKey(t testing.TB, p mldsa.Parameters) *mldsa.PrivateKey {
	t.Helper()
	k, err := mldsa.NewPrivateKey(p, seed())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// muOf is FIPS 204, Algorithm 2 with an empty context, up to Algorithm 7, line 6.
func muOf(public, message []byte) []byte {
	tr := sha3.SumSHAKE256(public, 64)
	return sha3.SumSHAKE256(append(append(tr, 0, 0), message...), 64)
}

func signMu(t testing.TB, k *mldsa.PrivateKey, mu []byte) []byte {
	t.Helper()
	s, err := k.Sign(nil, mu, mldsacrypto.MLDSAMu)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

func TestNISTVectors(t *testing.T) {
	file, err := os.ReadFile("testdata/acvp_sigver.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		ID                 int
		Set                string
		Key, Mu, Signature hexBytes
		Passed             bool
	}
	if err := json.Unmarshal(file, &vectors); err != nil {
		t.Fatal(err)
	}
	if got, want := len(vectors), 45; got != want {
		t.Fatalf("got %d vectors, want %d", got, want)
	}
	for _, v := range vectors {
		if got := fips204.VerifyMu(v.Key, v.Mu, v.Signature); got != v.Passed {
			t.Errorf("%s, test %d: got %t, want %t", v.Set, v.ID, got, v.Passed)
		}
	}
}

// TestMuOfSpec: key-material spec §10 [T].
func TestMuOfSpec(t *testing.T) {
	want := map[string][2]string{
		"ML-DSA-44": {
			"9f107644c1084526af3bc8098680b05499a2325a644e388fb4f970e058d19d46",
			"9d2fda51914c0728a0a5efb14d6a54a39c4cb3010ba41611358ba4b2c1555fe781e0f094e0056e8f4206fce70de15f59354fc850e933e657dc6df2fa29392941",
		},
		"ML-DSA-65": {
			"d666806e11cee19a7c989f7445f90dd419cf4d2d51db8c0fdb4c0f0a542238c9",
			"dd6812f25654d8a2cc129caff14b596af0182c0253ff75ea2a654652e51acbe4ff8d9669a000b42596ebc1c57657b0de5d001683ec9811cb856e3b67d19f42af",
		},
		"ML-DSA-87": {
			"91dc389cfaa01470b7f66eee45a4ae9026d154817c754dfe22298b3fa241ffcd",
			"eb2cbf81b7a8e4737b4987a43797648a06c8f850adbca8d87e62be365f93ac811357a274fe020eea054d9bc21f2cb6e7fb938ac05a7e5081a55548b3e5f5b004",
		},
	}
	for _, p := range sets {
		k := newKey(t, p)
		public := k.PublicKey().Bytes()
		digest, mu := sha256.Sum256(public), muOf(public, []byte("abc"))
		if got := [2]string{hex.EncodeToString(digest[:]), hex.EncodeToString(mu)}; got != want[p.String()] {
			t.Errorf("%s: got %s, want %s", p, got, want[p.String()])
		}
		if !fips204.VerifyMu(public, mu, signMu(t, k, mu)) {
			t.Errorf("%s: a good signature does not verify", p)
		}
	}
}

// TestAgreesWithTheLibrary: whatever happens to a signature of a message, verifying it with μ says what
// the library says of the message.
func TestAgreesWithTheLibrary(t *testing.T) {
	for _, p := range sets {
		k := newKey(t, p)
		public := k.PublicKey()
		for i := range 8 {
			message := []byte(fmt.Sprint("message ", i))
			signature := signMu(t, k, muOf(public.Bytes(), message))
			agree(t, public, message, signature, true)
			for at := i; at < len(signature); at += 97 {
				flipped := bytes.Clone(signature)
				flipped[at] ^= 1 << (at % 8)
				agree(t, public, message, flipped, false)
			}
			agree(t, public, []byte("another message"), signature, false)
		}
	}
}

func agree(t testing.TB, public *mldsa.PublicKey, message, signature []byte, want bool) {
	t.Helper()
	theirs := mldsa.Verify(public, message, signature, nil) == nil
	ours := fips204.VerifyMu(public.Bytes(), muOf(public.Bytes(), message), signature)
	if ours != theirs || ours != want {
		t.Errorf("%s: got %t, the library %t, want %t", public.Parameters(), ours, theirs, want)
	}
}

// TestHintsHaveOneEncoding: positions rise within a polynomial, counts never fall, what is not used is
// zero (FIPS 204, Algorithm 21). The signer's own hints are decoded here, and encoded in wrong ways.
func TestHintsHaveOneEncoding(t *testing.T) {
	const omega, k = 55, 6
	private := newKey(t, mldsa.MLDSA65())
	public := private.PublicKey().Bytes()
	mu := muOf(public, []byte("abc"))
	for name, change := range map[string]func(h []byte) bool{
		"positions swapped": func(h []byte) bool {
			if h[omega] < 2 {
				return false
			}
			h[0], h[1] = h[1], h[0]
			return true
		},
		"a position twice": func(h []byte) bool {
			if h[omega] < 2 {
				return false
			}
			h[1] = h[0]
			return true
		},
		"more hints than there is room": func(h []byte) bool { h[omega+k-1] = omega + 1; return true },
		"a count that falls":            func(h []byte) bool { h[omega+1] = h[omega] - 1; return h[omega] > 0 },
		"unused room not zero": func(h []byte) bool {
			h[omega-1]++
			return h[omega+k-1] < omega
		},
	} {
		done := false
		for range 50 { // signatures differ; almost any will do
			signature := signMu(t, private, mu)
			if done = change(signature[len(signature)-omega-k:]); done {
				if fips204.VerifyMu(public, mu, signature) {
					t.Errorf("%s: got a good signature", name)
				}
				break
			}
		}
		if !done {
			t.Errorf("%s: no signature to try it on", name)
		}
	}
}

func TestWrongSizes(t *testing.T) {
	k := newKey(t, mldsa.MLDSA44())
	public := k.PublicKey().Bytes()
	mu := muOf(public, []byte("abc"))
	signature := signMu(t, k, mu)
	other := newKey(t, mldsa.MLDSA65()).PublicKey().Bytes()
	for _, tt := range []struct {
		name                  string
		public, mu, signature []byte
	}{
		{"no key", nil, mu, signature},
		{"key too short", public[1:], mu, signature},
		{"key of another set", other, mu, signature},
		{"no μ", public, nil, signature},
		{"μ too short", public, mu[1:], signature},
		{"μ too long", public, append(bytes.Clone(mu), 0), signature},
		{"no signature", public, mu, nil},
		{"signature too short", public, mu, signature[:len(signature)-1]},
		{"signature too long", public, mu, append(bytes.Clone(signature), 0)},
	} {
		if fips204.VerifyMu(tt.public, tt.mu, tt.signature) {
			t.Errorf("%s: got a good signature", tt.name)
		}
	}
}

func FuzzVerifyMu(f *testing.F) {
	for _, p := range sets {
		k := newKey(f, p)
		message := []byte("abc")
		f.Add(k.PublicKey().Bytes(), message, signMu(f, k, muOf(k.PublicKey().Bytes(), message)))
	}
	f.Add([]byte{}, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, public, message, signature []byte) {
		ours := fips204.VerifyMu(public, muOf(public, message), signature)
		theirs := false
		for _, p := range sets {
			if k, err := mldsa.NewPublicKey(p, public); err == nil {
				theirs = mldsa.Verify(k, message, signature, nil) == nil
			}
		}
		if ours != theirs {
			t.Errorf("got %t, the library %t", ours, theirs)
		}
	})
}

func BenchmarkVerifyMu(b *testing.B) {
	for _, p := range sets {
		b.Run(p.String(), func(b *testing.B) {
			k := newKey(b, p)
			public := k.PublicKey().Bytes()
			mu := muOf(public, []byte("abc"))
			signature := signMu(b, k, mu)
			for b.Loop() {
				if !fips204.VerifyMu(public, mu, signature) {
					b.Fatal("bad signature")
				}
			}
		})
	}
}
