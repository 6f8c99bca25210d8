package attest

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"time"
)

const (
	maxPairs   = 32 // nine are known
	maxDepth   = 4  // of the value of a key that we do not know
	maxBundle  = 10 // certificates; real bundles have four
	maxKeySize = 64 // bytes of a key's name
)

// A payload is the attestation document proper, not yet known to be signed by anybody.
type payload struct {
	document    Document // without PublicKey
	certificate []byte   // the leaf, DER
	bundle      [][]byte // root, …, issuer of the leaf
	publicKey   []byte   // SubjectPublicKeyInfo, DER; nil if there is none

	seen map[string]bool
}

func parsePayload(b []byte) (*payload, error) {
	p, r := &payload{seen: map[string]bool{}}, &reader{b}
	if err := r.openMap(maxPairs, func() error { return p.pair(r) }); err != nil {
		return nil, err
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return p, p.complete()
}

func (p *payload) pair(r *reader) error {
	key, err := r.text(1, maxKeySize)
	if err != nil {
		return fmt.Errorf("a key: %w", err)
	}
	if p.seen[key] {
		// Two readers could believe two different measurements.
		return fmt.Errorf("%q: twice", key)
	}
	p.seen[key] = true
	if err := p.value(r, key); err != nil {
		return fmt.Errorf("%q: %w", key, err)
	}
	return nil
}

func (p *payload) value(r *reader, key string) (err error) {
	d := &p.document
	switch key {
	case "module_id":
		d.ModuleID, err = r.text(1, maxModuleID)
	case "timestamp":
		d.Time, err = timestamp(r)
	case "digest":
		d.Digest, err = digest(r)
	case "pcrs":
		d.PCRs, err = pcrs(r, 32)
	case "nitrotpm_pcrs":
		d.TPM = true
		d.PCRs, err = pcrs(r, 24)
	case "certificate":
		p.certificate, err = r.bytes(1, maxCertificate)
	case "cabundle":
		p.bundle, err = bundle(r)
	case "public_key":
		p.publicKey, err = r.optional(maxField)
	case "user_data":
		d.UserData, err = r.optional(maxField)
	case "nonce":
		d.Nonce, err = r.optional(maxField)
	default:
		// A hypervisor that says more than we know of says it signed: nothing here is less true.
		err = r.skip(maxDepth)
	}
	return err
}

func (p *payload) complete() error {
	for _, key := range []string{"module_id", "timestamp", "digest", "certificate", "cabundle"} {
		if !p.seen[key] {
			return fmt.Errorf("%q: missing", key)
		}
	}
	if p.seen["pcrs"] == p.seen["nitrotpm_pcrs"] {
		return errors.New("not either of \"pcrs\" and \"nitrotpm_pcrs\"")
	}
	return nil
}

// timestamp takes milliseconds since 1970.
func timestamp(r *reader) (time.Time, error) {
	ms, err := r.uint(math.MaxInt64)
	if err == nil && ms == 0 {
		err = errors.New("zero")
	}
	return time.UnixMilli(int64(ms)).UTC(), err
}

func digest(r *reader) (string, error) {
	s, err := r.text(1, maxKeySize)
	if err == nil && s != "SHA384" {
		err = errors.New("not SHA384")
	}
	return s, err
}

// pcrs takes 1 to n registers with indexes below n.
func pcrs(r *reader, n int) (map[int][]byte, error) {
	count, err := r.count(cborMap, 1, n)
	if err != nil {
		return nil, err
	}
	registers := make(map[int][]byte, count)
	for range count {
		index, err := r.uint(uint64(n - 1))
		if err != nil {
			return nil, err
		}
		if _, twice := registers[int(index)]; twice {
			return nil, fmt.Errorf("PCR %d twice", index)
		}
		if registers[int(index)], err = pcr(r); err != nil {
			return nil, fmt.Errorf("PCR %d: %w", index, err)
		}
	}
	return registers, nil
}

func pcr(r *reader) ([]byte, error) {
	value, err := r.bytes(32, 64)
	if err == nil && len(value)%16 != 0 {
		err = fmt.Errorf("%d bytes where 32, 48 or 64 are allowed", len(value))
	}
	return value, err
}

func bundle(r *reader) ([][]byte, error) {
	count, err := r.count(cborArray, 1, maxBundle)
	if err != nil {
		return nil, err
	}
	ders := make([][]byte, count)
	for i := range ders {
		if ders[i], err = r.bytes(1, maxCertificate); err != nil {
			return nil, fmt.Errorf("certificate %d: %w", i, err)
		}
	}
	return ders, nil
}

// parseKey returns the RSA key of a SubjectPublicKeyInfo. The API has no use for a document without:
// the answer is encrypted to it.
func parseKey(spki []byte) (*rsa.PublicKey, error) {
	if len(spki) == 0 {
		return nil, errors.New("no key")
	}
	public, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, err
	}
	key, ok := public.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%T", public)
	}
	return key, usable(key)
}

// usable refuses keys to which nothing should be encrypted. The signature says whose key it is, not
// that it is a good one: with an exponent of 1, RSA is the identity.
func usable(key *rsa.PublicKey) error {
	switch bits := key.N.BitLen(); {
	case bits < 2048 || bits > 4096:
		return fmt.Errorf("a modulus of %d bits", bits)
	case key.N.Bit(0) == 0:
		return errors.New("an even modulus")
	case key.E < 3 || key.E%2 == 0:
		return fmt.Errorf("an exponent of %d", key.E)
	}
	return nil
}
