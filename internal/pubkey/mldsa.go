package pubkey

import (
	"filippo.io/mldsa"

	"qkms/internal/pubkey/fips204"
)

type mldsaKey struct{ *mldsa.PublicKey }

func parseMLDSA44(bits []byte) (any, error) { return parseMLDSA(mldsa.MLDSA44(), bits) }
func parseMLDSA65(bits []byte) (any, error) { return parseMLDSA(mldsa.MLDSA65(), bits) }
func parseMLDSA87(bits []byte) (any, error) { return parseMLDSA(mldsa.MLDSA87(), bits) }

func parseMLDSA(p mldsa.Parameters, bits []byte) (any, error) {
	k, err := mldsa.NewPublicKey(p, bits)
	if err != nil {
		return nil, bad(p.String(), err)
	}
	return mldsaKey{k}, nil
}

// verify of μ is ours: the library verifies messages only (docs/decisions/0006-ml-dsa.md).
func (k mldsaKey) verify(_ string, kind MessageKind, message, signature []byte) bool {
	if kind == ExternalMu {
		return fips204.VerifyMu(k.Bytes(), message, signature)
	}
	return mldsa.Verify(k.PublicKey, message, signature, nil) == nil
}
