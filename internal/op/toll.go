package op

import (
	"strings"

	"qkms/internal/throttle"
	"qkms/internal/wire/shape"
)

// The request says its algorithm, and with it the kind of key that it will use: no key needs to be
// looked up to know which pool pays (operations.md §18.2). Who names another algorithm than the key's
// pays that pool, and is refused before any cryptography.

// pool is the rate of cryptography with an algorithm; "" is what Encrypt takes when nothing is said.
func pool[A ~string](algorithm A) throttle.Class {
	switch family, _, _ := strings.Cut(string(algorithm), "_"); family {
	case "RSAES", "RSASSA":
		return throttle.RSA
	case "ECDSA", "ED25519", "SM2DSA", "SM2PKE":
		return throttle.ECC
	case "ML": // ML_DSA_SHAKE_256
		return throttle.MLDSA
	}
	return throttle.Symmetric
}

func tollOf[A ~string](algorithm A) []throttle.Toll { return pool(algorithm).Once() }

// reEncryptTolls count ReEncrypt once in each pool that it uses.
func reEncryptTolls(in *shape.ReEncryptRequest) []throttle.Toll {
	from, to := pool(in.SourceEncryptionAlgorithm), pool(in.DestinationEncryptionAlgorithm)
	if from == to {
		return from.Once()
	}
	return []throttle.Toll{{Class: from, N: 1}, {Class: to, N: 1}}
}

// replicateTolls count ReplicateKey also as two CreateKey requests where the replica comes (§18.2 [D]).
func replicateTolls(in *shape.ReplicateKeyRequest) []throttle.Toll {
	return []throttle.Toll{
		{Class: throttle.Of("ReplicateKey"), N: 1},
		{Class: throttle.Of("CreateKey"), N: 2, Region: in.ReplicaRegion},
	}
}

// primaryTolls count UpdatePrimaryRegion in the Region that was primary and in the one that will be.
func primaryTolls(in *shape.UpdatePrimaryRegionRequest) []throttle.Toll {
	moving := throttle.Of("UpdatePrimaryRegion")
	return []throttle.Toll{{Class: moving, N: 1}, {Class: moving, N: 1, Region: in.PrimaryRegion}}
}
