package attest

import (
	"fmt"

	"qkms/internal/fault"
)

// A Check is one of the steps of validation (key material spec §4.3), in their order. Its text is
// what the caller may see: whoever brings a document may know what is wrong with it.
type Check string

const (
	Form      Check = "it is not a COSE_Sign1 message signed with ES384"
	Payload   Check = "its payload is not an attestation document"
	Root      Check = "its root certificate is not trusted by this service"
	Chain     Check = "its certificates are expired or do not form a chain"
	Signature Check = "its signature does not match"
	PublicKey Check = "it has no RSA public key of 2048 to 4096 bits"
	Freshness Check = "its timestamp is not recent"
	DebugMode Check = "the enclave is in debug mode"
)

// An Error says why a document was refused: the check that it failed, and the details for the
// operator's log.
type Error struct {
	Check Check
	cause error
}

func refuse(c Check, cause error) *Error { return &Error{c, cause} }

func (e *Error) Error() string { return fmt.Sprintf("attestation document: %s: %v", e.Check, e.cause) }

// Unwrap returns the details.
func (e *Error) Unwrap() error { return e.cause }

// Fault is e as the caller sees it: the check, not the details. The API model has no exception for
// a bad document, so it is a ValidationException [U].
func (e *Error) Fault() *fault.Error { return fault.BadAttestation(string(e.Check)).Because(e) }
