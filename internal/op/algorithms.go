package op

import (
	"slices"
	"strings"

	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/pubkey"
	"qkms/internal/wire/shape"
)

// algorithms fills in what a key can do, by its usage, in the order of the service (operations.md §7.2).
func algorithms(m *shape.KeyMetadata) {
	spec := string(m.KeySpec)
	switch m.KeyUsage {
	case shape.KeyUsageTypeEncryptDecrypt:
		m.EncryptionAlgorithms = encryption(spec)
	case shape.KeyUsageTypeSignVerify:
		for _, a := range pubkey.SigningAlgorithms(spec) {
			m.SigningAlgorithms = append(m.SigningAlgorithms, shape.SigningAlgorithmSpec(a))
		}
	case shape.KeyUsageTypeGenerateVerifyMac:
		m.MacAlgorithms = []shape.MacAlgorithmSpec{shape.MacAlgorithmSpec("HMAC_SHA_" + strings.TrimPrefix(spec, "HMAC_"))}
	case shape.KeyUsageTypeKeyAgreement:
		m.KeyAgreementAlgorithms = []shape.KeyAgreementAlgorithmSpec{shape.KeyAgreementAlgorithmSpecEcdh}
	case shape.KeyUsageTypeEncapsulateDecapsulate:
		m.EncapsulationAlgorithms = []shape.EncapsulationAlgorithmSpec{shape.EncapsulationAlgorithmSpecMlKem}
	}
}

func encryption(spec string) []shape.EncryptionAlgorithmSpec {
	switch {
	case spec == string(shape.KeySpecSymmetricDefault):
		return []shape.EncryptionAlgorithmSpec{shape.EncryptionAlgorithmSpecSymmetricDefault}
	case spec == string(shape.KeySpecSm2):
		return []shape.EncryptionAlgorithmSpec{shape.EncryptionAlgorithmSpecSm2pke}
	}
	return []shape.EncryptionAlgorithmSpec{shape.EncryptionAlgorithmSpecRsaesOaepSha1, shape.EncryptionAlgorithmSpecRsaesOaepSha256}
}

// encrypts refuses an algorithm that is not the key's, and a context where there is nothing to bind it
// to (§4.1 steps 8 and 10).
func encrypts(k *key.Key, algorithm shape.EncryptionAlgorithmSpec, encryptionContext map[string]string) error {
	if !slices.Contains(encryption(k.Spec), algorithm) {
		return fault.WrongAlgorithm(string(algorithm), k.Spec)
	}
	if len(encryptionContext) > 0 && isAsymmetric(algorithm) {
		return fault.ContextAsymmetric()
	}
	return nil
}

func isAsymmetric(algorithm shape.EncryptionAlgorithmSpec) bool {
	return algorithm != shape.EncryptionAlgorithmSpecSymmetricDefault
}

// algorithmOr is the algorithm of a request, or the default.
func algorithmOr(a shape.EncryptionAlgorithmSpec) shape.EncryptionAlgorithmSpec {
	return orDefault(a, shape.EncryptionAlgorithmSpecSymmetricDefault)
}
