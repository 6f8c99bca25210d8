package attest_test

import (
	"bytes"
	"errors"
	"testing"

	"qkms/internal/attest"
	"qkms/internal/attest/attesttest"
)

func TestBadMessage(t *testing.T) {
	h, key := attesttest.New(t, now), recipientKey(t)
	good := h.Document(t, &key.PublicKey, nil)
	payload := attesttest.Encode(h.Payload(t, &key.PublicKey))
	const header = "\x84\x44\xa1\x01\x38\x22\xa0" // of good
	start := func(s string) []byte { return append([]byte(s), good[len(header):]...) }
	for _, tt := range []struct {
		name     string
		document []byte
	}{
		{"nothing", nil},
		{"a tag and nothing", []byte{0xd2}},
		{"not CBOR", []byte("attestation")},
		{"another tag", append([]byte{0xd3}, good...)},
		{"tagged twice", append([]byte{0xd2, 0xd2}, good...)},
		{"a byte too many", append(bytes.Clone(good), 0)},
		{"a byte too few", good[:len(good)-1]},
		{"too large", append(bytes.Clone(good), make([]byte, attest.MaxDocument)...)},
		{"array of three", start("\x83\x44\xa1\x01\x38\x22\xa0")},
		{"array of five", start("\x85\x44\xa1\x01\x38\x22\xa0")},
		{"array of indefinite length", append(start("\x9f\x44\xa1\x01\x38\x22\xa0"), 0xff)},
		{"a map", start("\xa4\x44\xa1\x01\x38\x22\xa0")},
		{"ES256", start("\x84\x43\xa1\x01\x26\xa0")},
		{"ES512", start("\x84\x44\xa1\x01\x38\x23\xa0")},
		{"EdDSA", start("\x84\x43\xa1\x01\x27\xa0")},
		{"HMAC", start("\x84\x43\xa1\x01\x05\xa0")},
		{"no algorithm", start("\x84\x40\xa0")},
		{"algorithm in the unprotected header", start("\x84\x40\xa1\x01\x38\x22")},
		{"a critical header beside the algorithm", start("\x84\x47\xa2\x01\x38\x22\x02\x81\x04\xa0")},
		{"an unprotected header", start("\x84\x44\xa1\x01\x38\x22\xa1\x04\x41x")},
		{"null headers", start("\x84\x44\xa1\x01\x38\x22\xf6")},
		{"detached payload", append([]byte(header+"\xf6"), good[len(good)-98:]...)},
		{"empty payload", append([]byte(header+"\x40"), good[len(good)-98:]...)},
		{"payload that claims more than there is", []byte(header + "\x59\xff\xff\xa9")},
		{"signature of 95 bytes", append(append([]byte(header), attesttest.Encode(payload)...), attesttest.Encode(make([]byte, 95))...)},
		{"signature of 97 bytes", append(append([]byte(header), attesttest.Encode(payload)...), attesttest.Encode(make([]byte, 97))...)},
	} {
		t.Run(tt.name, func(t *testing.T) { wantRefused(t, trusting(h), tt.document, attest.Form) })
	}
}

func TestLargestDocument(t *testing.T) {
	h, key := attesttest.New(t, now), recipientKey(t)
	sized := func(n int) []byte {
		m := h.Payload(t, &key.PublicKey)
		m.Set("x", make([]byte, n))
		return h.Sign(t, attesttest.Encode(m))
	}
	rest := len(sized(200_000)) - 200_000
	verify(t, trusting(h), sized(attest.MaxDocument-rest))
	wantRefused(t, trusting(h), sized(attest.MaxDocument-rest+1), attest.Form)
}

// A payload of as many pairs as there may be, without the octet that ends it.
func TestPayloadWithoutEnd(t *testing.T) {
	h, key := attesttest.New(t, now), recipientKey(t)
	m := h.Payload(t, &key.PublicKey)
	pad(&m, 32)
	payload := attesttest.EncodeOpen(m)
	verify(t, trusting(h), h.Sign(t, payload))
	wantRefused(t, trusting(h), h.Sign(t, payload[:len(payload)-1]), attest.Payload)
}

func TestBadSignature(t *testing.T) {
	h, key := attesttest.New(t, now), recipientKey(t)
	good := h.Document(t, &key.PublicKey, nil)
	unsigned := good[:len(good)-96]
	other := h.Document(t, &key.PublicKey, map[int][]byte{0: bytes.Repeat([]byte{1}, 48)})
	for name, signature := range map[string][]byte{
		"zero":                make([]byte, 96),
		"all ones":            bytes.Repeat([]byte{0xff}, 96),
		"of another document": other[len(other)-96:],
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, trusting(h), append(bytes.Clone(unsigned), signature...), attest.Signature)
		})
	}
}

// A payload cut anywhere is refused by the parser, although its signature is good.
func TestTruncatedPayload(t *testing.T) {
	h, key := attesttest.New(t, now), recipientKey(t)
	m := h.Payload(t, &key.PublicKey)
	m.Set("pcrs", map[int][]byte{0: bytes.Repeat([]byte{1}, 48)})
	m.Set("x", attesttest.Raw("\xa1\x61a\x82\xc1\x18\x20\xfb\x00\x00\x00\x00\x00\x00\x00\x00"))
	for _, whole := range [][]byte{attesttest.Encode(m), attesttest.EncodeOpen(m)} {
		for n := 1; n < len(whole); n++ {
			message := append([]byte("\x84\x44\xa1\x01\x38\x22\xa0"), attesttest.Encode(whole[:n])...)
			wantRefused(t, trusting(h), append(message, attesttest.Encode(make([]byte, 96))...), attest.Payload)
		}
		wantRefused(t, trusting(h), h.Sign(t, append(bytes.Clone(whole), 0)), attest.Payload)
	}
}

func TestTruncatedDocument(t *testing.T) {
	h, key := attesttest.New(t, now), recipientKey(t)
	document := h.Document(t, &key.PublicKey, nil)
	for n := range document {
		wantRefused(t, trusting(h), document[:n], attest.Form)
	}
}

// TestFlippedBits flips every bit at the edges, where the structure is, and one bit in every eleventh
// byte between, where flipping them all would take minutes.
func TestFlippedBits(t *testing.T) {
	h, key := attesttest.New(t, now), recipientKey(t)
	document := h.Document(t, &key.PublicKey, map[int][]byte{0: bytes.Repeat([]byte{1}, 48)})
	v := trusting(h)
	flip := func(i, bit int) {
		flipped := bytes.Clone(document)
		flipped[i] ^= 1 << bit
		if _, err := v.Verify(flipped, now); err == nil {
			t.Errorf("byte %d, bit %d: got it accepted", i, bit)
		}
	}
	for i := range document {
		switch {
		case i < 24 || i >= len(document)-12:
			for bit := range 8 {
				flip(i, bit)
			}
		case i%11 == 0:
			flip(i, i/11%8)
		}
	}
}

func FuzzVerify(f *testing.F) {
	h, key := attesttest.New(f, now), recipientKey(f)
	m := h.Payload(f, &key.PublicKey)
	good := h.Sign(f, attesttest.Encode(m))
	f.Add(good)
	f.Add(h.Document(f, &key.PublicKey, nil))
	f.Add(append([]byte{0xd2}, h.TPMDocument(f, &key.PublicKey, map[int][]byte{0: make([]byte, 48)})...))
	m.Set("x", attesttest.Raw("\xa1\x61a\x82\xc1\x18\x20\xfb\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add(h.Sign(f, attesttest.EncodeOpen(m)))
	f.Add([]byte("\x84\x44\xa1\x01\x38\x22\xa0\x41\xbf\x58\x60"))
	v := trusting(h)
	f.Fuzz(func(t *testing.T, document []byte) {
		d, err := v.Verify(document, now)
		if e, ok := errors.AsType[*attest.Error](err); err != nil && (!ok || e.Check == "" || d != nil) {
			t.Fatalf("got %v, %v; want nothing and an *attest.Error", d, err)
		}
		if err == nil && (d.PublicKey == nil || len(d.PCRs) == 0 || d.ModuleID == "") {
			t.Fatalf("got %+v accepted", d)
		}
	})
}
