// Package attesttest plays the hypervisor in tests of whatever takes attestation documents.
//
// New makes a root and a chain below it; Root is what the verifier is to be configured with. Document
// is what an enclave would send, Open what it does with the answer. Nothing here shares code with
// package attest, so that the two check each other.
package attesttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// A Hypervisor signs documents. It may be used concurrently.
type Hypervisor struct {
	Root   *x509.Certificate
	Bundle [][]byte // DER: the root, two intermediates
	Leaf   []byte   // DER

	now time.Time
	key *ecdsa.PrivateKey
}

// Templates are the certificates before they are signed, for tests that want bad ones.
type Templates struct {
	Root, First, Second, Leaf *x509.Certificate

	LeafCurve elliptic.Curve // P-384 unless changed; P-256 fits the signature too
}

// New returns a hypervisor whose documents are of now, and whose leaf certificate lives three hours
// from a minute before now, the CAs above it some days, the root for years.
func New(t testing.TB, now time.Time, edit ...func(*Templates)) *Hypervisor {
	t.Helper()
	c := templates(now)
	for _, e := range edit {
		e(c)
	}
	rootKey, firstKey, secondKey := newKey(t, elliptic.P384()), newKey(t, elliptic.P384()), newKey(t, elliptic.P384())
	h := &Hypervisor{now: now, key: newKey(t, c.LeafCurve)}
	h.Root = issue(t, c.Root, c.Root, rootKey, rootKey)
	first := issue(t, c.First, h.Root, firstKey, rootKey)
	second := issue(t, c.Second, first, secondKey, firstKey)
	h.Leaf = issue(t, c.Leaf, second, h.key, secondKey).Raw
	h.Bundle = [][]byte{h.Root.Raw, first.Raw, second.Raw}
	return h
}

func templates(now time.Time) *Templates {
	ca := func(name string, serial, pathLen int, life time.Duration) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(int64(serial)), Subject: pkix.Name{CommonName: name, Organization: []string{"Example"}},
			NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(life),
			BasicConstraintsValid: true, IsCA: true, MaxPathLen: pathLen, MaxPathLenZero: pathLen == 0,
			KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		}
	}
	leaf := ca("i-00000000000000001-enc0000000000000001.example", 4, -1, 3*time.Hour)
	leaf.NotBefore, leaf.IsCA, leaf.KeyUsage = now.Add(-time.Minute), false, x509.KeyUsageDigitalSignature
	return &Templates{
		Root:  ca("nitro-enclaves.example", 1, -1, 30*365*24*time.Hour),
		First: ca("region.nitro-enclaves.example", 2, 1, 20*24*time.Hour), Second: ca("host.nitro-enclaves.example", 3, 0, 24*time.Hour),
		Leaf: leaf, LeafCurve: elliptic.P384(),
	}
}

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func issue(t testing.TB, c, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// RootPEM is the root as a file that names trusted roots.
func (h *Hypervisor) RootPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Root.Raw})
}

// PCRs are measurements of an enclave that is not in debug mode: sixteen registers of 48 bytes, of
// which 0, 1, 2 and 8 are filled with 0xa0, 0xa1, 0xa2 and 0xa8.
func PCRs() map[int][]byte {
	pcrs := map[int][]byte{}
	for i := range 16 {
		pcrs[i] = make([]byte, 48)
	}
	for _, i := range []int{0, 1, 2, 8} {
		for j := range pcrs[i] {
			pcrs[i][j] = 0xa0 | byte(i)
		}
	}
	return pcrs
}

// Document returns a document of an enclave measured as pcrs (nil: PCRs()) that wants its answer
// encrypted to pub.
func (h *Hypervisor) Document(t testing.TB, pub *rsa.PublicKey, pcrs map[int][]byte) []byte {
	t.Helper()
	m := h.Payload(t, pub)
	if pcrs != nil {
		m.Set("pcrs", pcrs)
	}
	return h.Sign(t, EncodeOpen(m))
}

// TPMDocument is Document of an instance whose NitroTPM holds pcrs.
func (h *Hypervisor) TPMDocument(t testing.TB, pub *rsa.PublicKey, pcrs map[int][]byte) []byte {
	t.Helper()
	m := h.Payload(t, pub)
	m.Set("module_id", "i-00000000000000001-tpm0000000000000000")
	m.Delete("pcrs")
	m.Set("nitrotpm_pcrs", pcrs)
	return h.Sign(t, EncodeOpen(m))
}

// Payload is a good payload that a test may spoil before it is encoded and signed.
func (h *Hypervisor) Payload(t testing.TB, pub *rsa.PublicKey) Map {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return Map{
		{"module_id", "i-00000000000000001-enc0000000000000001"},
		{"digest", "SHA384"},
		{"timestamp", uint64(h.now.UnixMilli())},
		{"pcrs", PCRs()},
		{"certificate", h.Leaf},
		{"cabundle", h.Bundle},
		{"public_key", spki},
		{"user_data", nil},
		{"nonce", nil},
	}
}

// Sign wraps payload in an untagged COSE_Sign1.
func (h *Hypervisor) Sign(t testing.TB, payload []byte) []byte {
	t.Helper()
	protected := Encode([]byte{0xa1, 0x01, 0x38, 0x22}) // {1: -35}
	signed := append([]byte{0x84}, Encode("Signature1")...)
	signed = append(signed, protected...)
	signed = append(signed, Encode([]byte{})...)
	signed = append(signed, Encode(payload)...)
	digest := sha512.Sum384(signed)
	r, s, err := ecdsa.Sign(rand.Reader, h.key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := append(r.FillBytes(make([]byte, 48)), s.FillBytes(make([]byte, 48))...)

	message := append([]byte{0x84}, protected...)
	message = append(message, 0xa0)
	message = append(message, Encode(payload)...)
	return append(message, Encode(signature)...)
}
