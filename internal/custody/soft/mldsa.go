package soft

import (
	"crypto"

	"filippo.io/mldsa"
	"filippo.io/mldsa/mldsacrypto"

	"qkms/internal/pubkey"
)

var mldsa44, mldsa65, mldsa87 = mldsa.MLDSA44(), mldsa.MLDSA65(), mldsa.MLDSA87()

// mldsaKey is derived from its seed once: that takes about as long as signing does.
type mldsaKey struct{ *mldsa.PrivateKey }

// mldsaRecipe neither imports nor exports: the API does not (key-material spec §6.1).
func mldsaRecipe(p mldsa.Parameters) recipe {
	return recipe{
		generate: func() ([]byte, error) { return randomBytes(mldsa.PrivateKeySize)(), nil },
		decode: func(seed []byte) (privateKey, error) {
			k, err := mldsa.NewPrivateKey(p, seed)
			return mldsaKey{k}, err
		},
		slowUse: true,
	}
}

func (k mldsaKey) public() []byte { return k.PublicKey().Bytes() }

// sign is hedged: the library mixes fresh randomness into every signature (FIPS 204 §3.4).
func (k mldsaKey) sign(_ string, kind pubkey.MessageKind, message []byte) ([]byte, error) {
	what := crypto.Hash(0)
	if kind == pubkey.ExternalMu {
		what = mldsacrypto.MLDSAMu
	}
	return k.PrivateKey.Sign(nil, message, what)
}
