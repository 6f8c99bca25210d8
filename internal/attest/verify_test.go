package attest_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"qkms/internal/attest"
	"qkms/internal/attest/attesttest"
	"qkms/internal/fault"
)

var now = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func trusting(h *attesttest.Hypervisor) *attest.Verifier {
	return &attest.Verifier{Roots: []*x509.Certificate{h.Root}}
}

// recipientKey is the RSA-2048 key of testdata.
func recipientKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode(file(t, "recipient_key.pem"))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PrivateKey)
}

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func verify(t *testing.T, v *attest.Verifier, document []byte) *attest.Document {
	t.Helper()
	d, err := v.Verify(document, now)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func wantRefused(t *testing.T, v *attest.Verifier, document []byte, want attest.Check) {
	t.Helper()
	d, err := v.Verify(document, now)
	if e, ok := errors.AsType[*attest.Error](err); !ok || e.Check != want || d != nil {
		t.Errorf("got %v, %v; want it refused because %s", d, err, want)
	}
}

func TestGoodDocument(t *testing.T) {
	h, key := attesttest.New(t, now), recipientKey(t)
	m := h.Payload(t, &key.PublicKey)
	m.Set("user_data", []byte("data"))
	m.Set("nonce", []byte{})
	for name, document := range map[string][]byte{
		"payload of indefinite length": h.Sign(t, attesttest.EncodeOpen(m)),
		"payload of definite length":   h.Sign(t, attesttest.Encode(m)),
		"tagged":                       append([]byte{0xd2}, h.Sign(t, attesttest.Encode(m))...),
	} {
		t.Run(name, func(t *testing.T) {
			d := verify(t, trusting(h), document)
			if d.ModuleID != "i-00000000000000001-enc0000000000000001" || d.Digest != "SHA384" || d.TPM {
				t.Errorf("got %+v", d)
			}
			if !d.Time.Equal(now) {
				t.Errorf("got time %v, want %v", d.Time, now)
			}
			if len(d.PCRs) != 16 || !bytes.Equal(d.PCRs[8], bytes.Repeat([]byte{0xa8}, 48)) {
				t.Errorf("got PCRs %x", d.PCRs)
			}
			if !d.PublicKey.Equal(&key.PublicKey) {
				t.Errorf("got another public key")
			}
			if string(d.UserData) != "data" || len(d.Nonce) != 0 {
				t.Errorf("got user data %q, nonce %q", d.UserData, d.Nonce)
			}
		})
	}
}

// Whatever the payload gets wrong, it gets wrong under a good signature.
func TestBadPayload(t *testing.T) {
	h, key := attesttest.New(t, now), recipientKey(t)
	set := func(key string, value any) func(*attesttest.Map) {
		return func(m *attesttest.Map) { m.Set(key, value) }
	}
	without := func(key string) func(*attesttest.Map) {
		return func(m *attesttest.Map) { m.Delete(key) }
	}
	again := func(key string, value any) func(*attesttest.Map) {
		return func(m *attesttest.Map) { *m = append(*m, attesttest.Pair{Key: key, Value: value}) }
	}
	raw := func(s string) attesttest.Raw { return attesttest.Raw(s) }
	pcr := func(index, size int) map[int][]byte { return map[int][]byte{index: bytes.Repeat([]byte{1}, size)} }
	many := map[int][]byte{}
	for i := range 33 {
		many[i] = bytes.Repeat([]byte{1}, 48)
	}
	for _, tt := range []struct {
		name string
		edit func(*attesttest.Map)
		want attest.Check
	}{
		{"no module id", without("module_id"), attest.Payload},
		{"empty module id", set("module_id", ""), attest.Payload},
		{"null module id", set("module_id", nil), attest.Payload},
		{"module id of bytes", set("module_id", []byte("i-1")), attest.Payload},
		{"module id without end", set("module_id", strings.Repeat("i", 257)), attest.Payload},
		{"module id that is not UTF-8", set("module_id", "i-\xff"), attest.Payload},
		{"no timestamp", without("timestamp"), attest.Payload},
		{"zero timestamp", set("timestamp", uint64(0)), attest.Payload},
		{"timestamp beyond int64", set("timestamp", uint64(1)<<63), attest.Payload},
		{"negative timestamp", set("timestamp", raw("\x20")), attest.Payload},
		{"no digest", without("digest"), attest.Payload},
		{"another digest", set("digest", "SHA256"), attest.Payload},
		{"no registers", without("pcrs"), attest.Payload},
		{"empty registers", set("pcrs", map[int][]byte{}), attest.Payload},
		{"too many registers", set("pcrs", many), attest.Payload},
		{"register 32", set("pcrs", pcr(32, 48)), attest.Payload},
		{"register -1", set("pcrs", raw("\xa1\x20\x58\x20"+strings.Repeat("x", 32))), attest.Payload},
		{"register named in text", set("pcrs", raw("\xa1\x610\x58\x20"+strings.Repeat("x", 32))), attest.Payload},
		{"register twice", set("pcrs", raw("\xa2"+strings.Repeat("\x00\x58\x20"+strings.Repeat("x", 32), 2))), attest.Payload},
		{"register of 31 bytes", set("pcrs", pcr(0, 31)), attest.Payload},
		{"register of 40 bytes", set("pcrs", pcr(0, 40)), attest.Payload},
		{"register of 65 bytes", set("pcrs", pcr(0, 65)), attest.Payload},
		{"null register", set("pcrs", raw("\xa1\x00\xf6")), attest.Payload},
		{"registers of enclave and TPM", set("nitrotpm_pcrs", pcr(0, 48)), attest.Payload},
		{"register 24 of a TPM", func(m *attesttest.Map) { m.Delete("pcrs"); m.Set("nitrotpm_pcrs", pcr(24, 48)) }, attest.Payload},
		{"no certificate", without("certificate"), attest.Payload},
		{"empty certificate", set("certificate", []byte{}), attest.Payload},
		{"null certificate", set("certificate", nil), attest.Payload},
		{"certificate of 1025 bytes", set("certificate", make([]byte, 1025)), attest.Payload},
		{"no bundle", without("cabundle"), attest.Payload},
		{"empty bundle", set("cabundle", [][]byte{}), attest.Payload},
		{"empty certificate in the bundle", set("cabundle", append(h.Bundle[:3:3], []byte{})), attest.Payload},
		{"certificate of 1025 bytes in the bundle", set("cabundle", append(h.Bundle[:3:3], make([]byte, 1025))), attest.Payload},
		{"bundle without end", set("cabundle", append(h.Bundle[:3:3], make([][]byte, 8)...)), attest.Payload},
		{"public key of text", set("public_key", "key"), attest.Payload},
		{"public key of 1025 bytes", set("public_key", make([]byte, 1025)), attest.Payload},
		{"user data of 1025 bytes", set("user_data", make([]byte, 1025)), attest.Payload},
		{"nonce of 1025 bytes", set("nonce", make([]byte, 1025)), attest.Payload},
		{"a key twice", again("module_id", "i-2"), attest.Payload},
		{"an unknown key twice", func(m *attesttest.Map) { again("x", nil)(m); again("x", nil)(m) }, attest.Payload},
		{"an empty key", set("", nil), attest.Payload},
		{"33 keys", func(m *attesttest.Map) { pad(m, 33) }, attest.Payload},
		{"an unknown value, nested too deep", set("x", raw("\x81\x81\x81\x81\x00")), attest.Payload},
		{"an unknown value of indefinite length", set("x", raw("\x9f\xff")), attest.Payload},
		{"an unknown value that claims 2⁶⁴-1 elements", set("x", raw("\x9b\xff\xff\xff\xff\xff\xff\xff\xff")), attest.Payload},
		{"an unknown value that claims 2⁶⁴-1 pairs", set("x", raw("\xbb\xff\xff\xff\xff\xff\xff\xff\xff")), attest.Payload},
		{"an unknown value that claims 2⁶³ pairs", set("x", raw("\xbb\x80\x00\x00\x00\x00\x00\x00\x00")), attest.Payload},
		{"an unknown value that claims 2⁶⁴-1 bytes", set("x", raw("\x5b\xff\xff\xff\xff\xff\xff\xff\xff")), attest.Payload},
		{"an unknown value of a reserved kind", set("x", raw("\x1c")), attest.Payload},
		{"a number that is not in its shortest form", set("x", raw("\x19\x00\xff")), attest.Payload},
		{"no public key", without("public_key"), attest.PublicKey},
		{"null public key", set("public_key", nil), attest.PublicKey},
		{"empty public key", set("public_key", []byte{}), attest.PublicKey},
		{"public key that is none", set("public_key", []byte("key")), attest.PublicKey},
		{"public key on a curve", set("public_key", spki(t, curveKey(t))), attest.PublicKey},
		{"public key of 2047 bits", set("public_key", spki(t, modulus(2047, 65537))), attest.PublicKey},
		{"public key of 4097 bits", set("public_key", spki(t, modulus(4097, 65537))), attest.PublicKey},
		{"public key with exponent 1", set("public_key", spki(t, modulus(2048, 1))), attest.PublicKey},
		{"public key with an even exponent", set("public_key", spki(t, modulus(2048, 65536))), attest.PublicKey},
		{"public key with an even modulus", set("public_key", spki(t, evenModulus())), attest.PublicKey},
		{"public key with a byte too many", set("public_key", append(spki(t, &key.PublicKey), 0)), attest.PublicKey},
		{"signed 5 minutes and a bit ago", set("timestamp", uint64(now.Add(-5*time.Minute).UnixMilli()-1)), attest.Freshness},
		{"signed in a minute and a bit", set("timestamp", uint64(now.Add(time.Minute).UnixMilli()+1)), attest.Freshness},
		{"signed in the last year there is", set("timestamp", uint64(1)<<63-1), attest.Freshness},
		{"debug mode", set("pcrs", map[int][]byte{0: make([]byte, 48), 1: make([]byte, 48), 2: make([]byte, 48)}), attest.DebugMode},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := h.Payload(t, &key.PublicKey)
			tt.edit(&m)
			wantRefused(t, trusting(h), h.Sign(t, attesttest.Encode(m)), tt.want)
			wantRefused(t, trusting(h), h.Sign(t, attesttest.EncodeOpen(m)), tt.want)
		})
	}
}

func TestEdgesOfWhatIsGood(t *testing.T) {
	h, key := attesttest.New(t, now), recipientKey(t)
	registers := map[int][]byte{31: make([]byte, 32), 30: make([]byte, 64)}
	for name, edit := range map[string]func(*attesttest.Map){
		"signed 5 minutes ago":    func(m *attesttest.Map) { m.Set("timestamp", uint64(now.Add(-5*time.Minute).UnixMilli())) },
		"signed in a minute":      func(m *attesttest.Map) { m.Set("timestamp", uint64(now.Add(time.Minute).UnixMilli())) },
		"registers 30 and 31":     func(m *attesttest.Map) { m.Set("pcrs", registers) },
		"user data of 1024 bytes": func(m *attesttest.Map) { m.Set("user_data", make([]byte, 1024)) },
		"no optional members":     func(m *attesttest.Map) { m.Delete("user_data"); m.Delete("nonce") },
		"32 keys":                 func(m *attesttest.Map) { pad(m, 32) },
		"an unknown null":         func(m *attesttest.Map) { m.Set("x", nil) },
		"an unknown nested value": func(m *attesttest.Map) {
			m.Set("x", attesttest.Raw("\xa1\x61a\x82\xc1\x00\xfb\x00\x00\x00\x00\x00\x00\x00\x00"))
		},
		"public key of 4096 bits":  func(m *attesttest.Map) { m.Set("public_key", spki(t, modulus(4096, 3))) },
		"module id of 256 letters": func(m *attesttest.Map) { m.Set("module_id", strings.Repeat("i", 256)) },
	} {
		t.Run(name, func(t *testing.T) {
			m := h.Payload(t, &key.PublicKey)
			edit(&m)
			verify(t, trusting(h), h.Sign(t, attesttest.EncodeOpen(m)))
		})
	}
}

func TestWindowIsConfigurable(t *testing.T) {
	h, key := attesttest.New(t, now), recipientKey(t)
	m := h.Payload(t, &key.PublicKey)
	m.Set("timestamp", uint64(now.Add(-time.Hour).UnixMilli()))
	v := trusting(h)
	v.Window = time.Hour
	verify(t, v, h.Sign(t, attesttest.Encode(m)))
	v.Window = time.Hour - time.Millisecond
	wantRefused(t, v, h.Sign(t, attesttest.Encode(m)), attest.Freshness)

	m.Set("timestamp", uint64(now.Add(time.Hour).UnixMilli()))
	v.Skew = time.Hour
	verify(t, v, h.Sign(t, attesttest.Encode(m)))
}

func TestDebugMode(t *testing.T) {
	h, key := attesttest.New(t, now), recipientKey(t)
	for i := range 3 {
		pcrs := attesttest.PCRs()
		clear(pcrs[i])
		document := h.Document(t, &key.PublicKey, pcrs)
		wantRefused(t, trusting(h), document, attest.DebugMode)
		v := trusting(h)
		v.AllowDebug = true
		verify(t, v, document)
	}
	// A TPM has registers of zeros in every mode.
	verify(t, trusting(h), h.TPMDocument(t, &key.PublicKey, map[int][]byte{0: make([]byte, 48)}))
}

func TestFault(t *testing.T) {
	_, err := new(attest.Verifier).Verify([]byte("secret"), now)
	e, ok := errors.AsType[*attest.Error](err)
	if !ok {
		t.Fatalf("got %v, want an *attest.Error", err)
	}
	f := e.Fault()
	if want := "The attestation document is not valid: it is not a COSE_Sign1 message signed with ES384."; f.Code != fault.Validation || f.Text != want {
		t.Errorf("got %v, want ValidationException: %s", f, want)
	}
	if !errors.Is(f, e) || errors.Unwrap(e) == nil {
		t.Errorf("got %v without its cause", f)
	}
}

// pad adds unknown keys until m has n.
func pad(m *attesttest.Map, n int) {
	for i := len(*m); i < n; i++ {
		m.Set("x"+strconv.Itoa(i), nil)
	}
}

func spki(t *testing.T, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func curveKey(t *testing.T) *ecdsa.PublicKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &key.PublicKey
}

// modulus is a public key of that many bits that nobody has a private key for.
func modulus(bits uint, e int) *rsa.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: e}
}

func evenModulus() *rsa.PublicKey {
	key := modulus(2048, 65537)
	key.N.SetBit(key.N, 0, 0)
	return key
}
