package attest

import (
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
)

// nitroRoot is the public root of the commercial AWS partition, CN=aws.nitro-enclaves.
//
//go:embed nitro_root.pem
var nitroRoot []byte

// nitroRootSHA256 is the fingerprint that AWS publishes for it (key material spec §4.3 [D]).
const nitroRootSHA256 = "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"

// NitroRoot returns the root under which AWS signs for enclaves and NitroTPM instances.
func NitroRoot() *x509.Certificate {
	roots, err := ParseRoots(nitroRoot)
	if err != nil {
		panic("attest: internal error: " + err.Error()) // the file is part of the program
	}
	if sum := sha256.Sum256(roots[0].Raw); hex.EncodeToString(sum[:]) != nitroRootSHA256 {
		panic("attest: internal error: the built-in root is not the published one")
	}
	return roots[0]
}

// ParseRoots reads one or more PEM certificates, each of which has to be fit for a root. Anything
// else in the file but text between the blocks is an error.
func ParseRoots(file []byte) ([]*x509.Certificate, error) {
	var roots []*x509.Certificate
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("attestation roots: a PEM block of type %q", block.Type)
		}
		root, err := certificate(block.Bytes, checkCA)
		if err != nil {
			return nil, fmt.Errorf("attestation root %d: %w", len(roots), err)
		}
		roots = append(roots, root)
	}
	if len(roots) == 0 {
		return nil, errors.New("attestation roots: no PEM certificate")
	}
	return roots, nil
}
