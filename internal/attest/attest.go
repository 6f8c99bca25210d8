// Package attest reads attestation documents of Nitro enclaves and NitroTPM instances, for whose keys
// it makes the envelopes of CiphertextForRecipient.
//
// Start with Verifier.Verify: bytes, roots and a time go in, a Document or an *Error comes out. A
// Document exists only if everything in it was signed by a chain that ends in a configured root.
// Envelope is the other half. There is no I/O here, no revocation list is asked (key material spec
// §4.3), and whether a measurement may do something is for policies to say.
package attest

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"time"
)

// Sizes in bytes (key material spec §4.1, §4.2).
const (
	MaxDocument    = 262144 // AttestationDocument of the API model
	maxCertificate = 1024
	maxField       = 1024 // public_key, user_data, nonce; the CDDL's number, the check list says 512
	maxModuleID    = 256  // real ones have about 40; the audit record repeats it
	signatureSize  = 96   // r ‖ s over P-384
)

// A Verifier says whom and when to believe. The zero value believes nobody. It may be used
// concurrently as long as nobody changes it.
type Verifier struct {
	// Roots are the certificates a chain may end in, byte for byte.
	Roots []*x509.Certificate

	// Window is how old a document may be; 0 means 5 minutes. What AWS allows is not published, and
	// its certificates live some hours.
	Window time.Duration

	// Skew is how far ahead of ours the clock of a hypervisor may be; 0 means 1 minute.
	Skew time.Duration

	// AllowDebug admits enclaves in debug mode. Their operator reads their memory, so whatever is
	// sealed to them is sealed to nobody in particular.
	AllowDebug bool
}

// A Document is what a hypervisor vouches for.
type Document struct {
	ModuleID string
	Time     time.Time // of signing, to the millisecond

	// PCRs are the registers, of 32, 48 or 64 bytes each: 0 to 31 of an enclave, or 0 to 23 of the
	// TPM of an instance if TPM is true. The two never mean the same.
	PCRs   map[int][]byte
	TPM    bool
	Digest string // "SHA384"

	PublicKey *rsa.PublicKey // 2048 to 4096 bits; what Envelope encrypts to

	UserData, Nonce []byte // as the enclave gave them; nil if it did not
}

// Verify returns what document says if it is to be believed at now. Every error is an *Error.
func (v *Verifier) Verify(document []byte, now time.Time) (*Document, error) {
	m, err := parseMessage(document)
	if err != nil {
		return nil, refuse(Form, err)
	}
	p, err := parsePayload(m.payload)
	if err != nil {
		return nil, refuse(Payload, err)
	}
	leaf, err := v.chain(p, now)
	if err != nil {
		return nil, err
	}
	if err := m.verify(leaf); err != nil {
		return nil, refuse(Signature, err)
	}
	return v.judge(p, now)
}

// judge checks what is known to be signed.
func (v *Verifier) judge(p *payload, now time.Time) (*Document, error) {
	d := p.document
	var err error
	if d.PublicKey, err = parseKey(p.publicKey); err != nil {
		return nil, refuse(PublicKey, err)
	}
	if err := v.fresh(d.Time, now); err != nil {
		return nil, refuse(Freshness, err)
	}
	if d.debug() && !v.AllowDebug {
		return nil, refuse(DebugMode, errors.New("a PCR that measures the enclave is all zero"))
	}
	return &d, nil
}

func (v *Verifier) fresh(signed, now time.Time) error {
	switch window, skew := or(v.Window, 5*time.Minute), or(v.Skew, time.Minute); {
	case signed.Before(now.Add(-window)):
		return errors.New("signed more than " + window.String() + " ago")
	case signed.After(now.Add(skew)):
		return errors.New("signed more than " + skew.String() + " ahead of our clock")
	}
	return nil
}

func or(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}
