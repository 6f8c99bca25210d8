package attest

import (
	"encoding/hex"
	"strconv"
)

// debug says whether d comes from an enclave in debug mode, whose measurements are all zero. Zero
// registers beyond the first three are ordinary ones that nothing extended; a TPM has no such mode.
func (d *Document) debug() bool {
	if d.TPM {
		return false
	}
	for i := range 3 { // image, kernel, application
		if value, ok := d.PCRs[i]; ok && zero(value) {
			return true
		}
	}
	return false
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// Conditions returns the condition keys that d sets for policies, with lower-case hexadecimal values
// (key material spec §4.4, access spec §5).
func (d *Document) Conditions() map[string]string {
	const prefix = "kms:RecipientAttestation:"
	keys := make(map[string]string, len(d.PCRs)+1)
	for i, value := range d.PCRs {
		name := "PCR"
		if d.TPM {
			name = "NitroTPMPCR"
		}
		keys[prefix+name+strconv.Itoa(i)] = hex.EncodeToString(value)
	}
	if image, ok := d.PCRs[0]; ok && !d.TPM {
		keys[prefix+"ImageSha384"] = hex.EncodeToString(image)
	}
	return keys
}

// Audit returns the members of additionalEventData.recipient (key material spec §4.4). PCR 0 of an
// enclave is its image digest. Registers that nothing extended are left out; the digest never is.
func (d *Document) Audit() map[string]string {
	const prefix = "attestationDocument"
	members := map[string]string{prefix + "ModuleId": d.ModuleID}
	for i, value := range d.PCRs {
		switch digits := hex.EncodeToString(value); {
		case i == 0 && !d.TPM:
			members[prefix+"EnclaveImageDigest"] = digits
		case zero(value):
		case d.TPM:
			members[prefix+"NitroTPMPCR"+strconv.Itoa(i)] = digits
		default:
			members[prefix+"EnclavePCR"+strconv.Itoa(i)] = digits
		}
	}
	return members
}
