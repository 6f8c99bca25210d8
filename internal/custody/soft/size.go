package soft

import (
	"qkms/internal/custody"
	"qkms/internal/footprint"
)

// sizes are how many bytes of memory a decoded key takes, by spec; TestSizes looks after them.
var sizes = map[string]int64{
	"ECC_NIST_EDWARDS25519": 100,
	"ECC_NIST_P256":         1100,
	"ECC_NIST_P384":         1300,
	"ECC_NIST_P521":         1500,
	"ECC_SECG_P256K1":       200,
	"ML_DSA_44":             98500,
	"ML_DSA_65":             98500,
	"ML_DSA_87":             98500,
	"ML_KEM_1024":           13750,
	"ML_KEM_512":            4500,
	"ML_KEM_768":            8250,
	"RSA_2048":              4750,
	"RSA_3072":              6000,
	"RSA_4096":              7000,
	"SM2":                   500,
}

// entryBytes is what an entry takes besides its material.
const entryBytes = 96

// size is how many bytes m takes.
func (m material) size() int64 {
	if m.bytes != nil {
		return 2*32 + footprint.Room(len(m.bytes()))
	}
	return sizes[m.spec]
}

// refBytes is what ref takes. Its strings are mostly those of the record it is from, which may be gone before it.
func refBytes(ref custody.Ref) int64 {
	return footprint.Room(len(ref.Account)) + footprint.Room(len(ref.Region)) + footprint.Room(len(ref.KeyID)) + footprint.Room(len(ref.MaterialID))
}
