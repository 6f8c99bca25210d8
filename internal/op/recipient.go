package op

import (
	"errors"

	"qkms/internal/attest"
	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/wire/shape"
)

// A recipient is whom an answer's secret is for: the enclave that attested to the key it is to be
// encrypted to, or, nil, the caller.
type recipient struct{ document *attest.Document }

// recipient believes an attestation document, or says why it does not. It is asked before the work, so
// that nothing is made for a recipient that cannot be told.
func (c *Call) recipient(in *shape.RecipientInfo) (*recipient, error) {
	if in == nil {
		return nil, nil
	}
	if in.KeyEncryptionAlgorithm == "" || len(in.AttestationDocument) == 0 {
		return nil, fault.RecipientIncomplete()
	}
	d, err := c.Attestation.Verify(in.AttestationDocument, c.Now)
	if refused, is := errors.AsType[*attest.Error](err); is {
		return nil, refused.Fault().Because(err)
	}
	if err != nil {
		return nil, err
	}
	var measured audit.Detail
	for _, m := range sortedMembers(d.Audit()) {
		measured = append(measured, audit.String(m[0], m[1]))
	}
	c.Additional = append(c.Additional, audit.Object("recipient", measured))
	return &recipient{d}, nil
}

// deliver returns secret as it goes into the answer: in clear for the caller, or encrypted for the
// recipient, and then it is wiped.
func (r *recipient) deliver(secret []byte) (plaintext, ciphertext []byte, err error) {
	if r == nil {
		return secret, nil, nil
	}
	defer clear(secret)
	ciphertext, err = attest.Envelope(r.document.PublicKey, secret)
	return nil, ciphertext, err
}

// unless is what an answer says to the caller only: KeyMaterialId is left out for a recipient
// (operations.md §16).
func (r *recipient) unless(s string) string {
	if r != nil {
		return ""
	}
	return s
}
