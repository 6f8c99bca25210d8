package attest_test

import (
	"maps"
	"strings"
	"testing"

	"qkms/internal/attest/attesttest"
)

func TestMeasurementsOfAnEnclave(t *testing.T) {
	h, key := attesttest.New(t, now), recipientKey(t)
	pcrs := attesttest.PCRs()
	maps.DeleteFunc(pcrs, func(i int, _ []byte) bool { return i > 3 && i != 8 })
	d := verify(t, trusting(h), h.Document(t, &key.PublicKey, pcrs))
	digits := func(s string) string { return strings.Repeat(s, 48) }
	const prefix = "kms:RecipientAttestation:"
	wantMap(t, d.Conditions(), map[string]string{
		prefix + "ImageSha384": digits("a0"), prefix + "PCR0": digits("a0"), prefix + "PCR1": digits("a1"),
		prefix + "PCR2": digits("a2"), prefix + "PCR3": digits("00"), prefix + "PCR8": digits("a8"),
	})
	wantMap(t, d.Audit(), map[string]string{
		"attestationDocumentModuleId":           "i-00000000000000001-enc0000000000000001",
		"attestationDocumentEnclaveImageDigest": digits("a0"), "attestationDocumentEnclavePCR1": digits("a1"),
		"attestationDocumentEnclavePCR2": digits("a2"), "attestationDocumentEnclavePCR8": digits("a8"),
	})
}

// PCR 4 of a TPM says something else than PCR 4 of an enclave, and must not match in its place.
func TestMeasurementsOfATPM(t *testing.T) {
	h, key := attesttest.New(t, now), recipientKey(t)
	pcrs := map[int][]byte{0: attesttest.PCRs()[0], 4: attesttest.PCRs()[8], 23: make([]byte, 48)}
	d := verify(t, trusting(h), h.TPMDocument(t, &key.PublicKey, pcrs))
	digits := func(s string) string { return strings.Repeat(s, 48) }
	const prefix = "kms:RecipientAttestation:NitroTPMPCR"
	wantMap(t, d.Conditions(), map[string]string{prefix + "0": digits("a0"), prefix + "4": digits("a8"), prefix + "23": digits("00")})
	wantMap(t, d.Audit(), map[string]string{
		"attestationDocumentModuleId":     "i-00000000000000001-tpm0000000000000000",
		"attestationDocumentNitroTPMPCR0": digits("a0"), "attestationDocumentNitroTPMPCR4": digits("a8"),
	})
}

func wantMap(t *testing.T, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
