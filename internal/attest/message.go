package attest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
)

// es384 is the protected header {1: -35}. A message that names any other algorithm, or says anything
// beside it, is refused before a byte of it is believed.
var es384 = []byte{0xa1, 0x01, 0x38, 0x22}

// coseSign1 is CBOR tag 18 (RFC 9052 §2). Hypervisors leave it out.
const coseSign1 = 0xc0 | 18

// A message is a COSE_Sign1 (RFC 9052 §4.2). Its slices alias the document.
type message struct{ payload, signature []byte }

func parseMessage(document []byte) (m message, err error) {
	if len(document) > MaxDocument {
		return m, fmt.Errorf("%d bytes, %d are the most", len(document), MaxDocument)
	}
	r := &reader{document}
	r.next(coseSign1)
	if _, err := r.count(cborArray, 4, 4); err != nil {
		return m, err
	}
	if err := headers(r); err != nil {
		return m, err
	}
	if m.payload, err = r.bytes(1, MaxDocument); err != nil {
		return m, fmt.Errorf("payload: %w", err)
	}
	if m.signature, err = r.bytes(signatureSize, signatureSize); err != nil {
		return m, fmt.Errorf("signature: %w", err)
	}
	return m, r.end()
}

func headers(r *reader) error {
	protected, err := r.bytes(0, MaxDocument)
	if err != nil {
		return fmt.Errorf("protected header: %w", err)
	}
	if !bytes.Equal(protected, es384) {
		return errors.New("protected header: not {1: -35}")
	}
	if _, err := r.count(cborMap, 0, 0); err != nil {
		return fmt.Errorf("unprotected header: %w", err)
	}
	return nil
}

// verify checks the signature over Sig_structure (RFC 9052 §4.4):
// ["Signature1", protected, external_aad, payload], where external_aad is empty.
func (m message) verify(leaf *x509.Certificate) error {
	key, ok := leaf.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P384() {
		return errors.New("the leaf's key is not on P-384")
	}
	signed := append([]byte{0x84, 0x6a}, "Signature1"...)
	signed = appendBytes(signed, es384)
	signed = appendBytes(signed, nil)
	signed = appendBytes(signed, m.payload)
	digest := sha512.Sum384(signed)
	r := new(big.Int).SetBytes(m.signature[:signatureSize/2])
	s := new(big.Int).SetBytes(m.signature[signatureSize/2:])
	if !ecdsa.Verify(key, digest[:], r, s) {
		return errors.New("ECDSA verification failed")
	}
	return nil
}
