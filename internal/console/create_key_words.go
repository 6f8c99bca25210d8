package console

import (
	"cmp"
	"slices"

	"qkms/internal/op"
	"qkms/internal/wire/shape"
)

// A purpose is what a key can be for.
type purpose struct {
	Usage   shape.KeyUsageType
	Name    string // what one wants to do
	Line    string
	Default shape.KeySpec
	actions []string // that using such a key takes, besides kms:DescribeKey
}

var purposes = []purpose{
	{shape.KeyUsageTypeEncryptDecrypt, "Encrypt data", "Data keys for files, volumes and databases, or small secrets directly. Most keys are these.",
		shape.KeySpecSymmetricDefault, []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*"}},
	{shape.KeyUsageTypeSignVerify, "Sign", "Signatures of releases, tokens and certificates. Whoever has the public key can verify them anywhere.",
		shape.KeySpecEccNistP256, []string{"kms:Sign", "kms:Verify"}},
	{shape.KeyUsageTypeGenerateVerifyMac, "Authenticate with a MAC", "Short tags for tokens, cookies and webhooks. Who makes them and who checks them both ask the service.",
		shape.KeySpecHmac256, []string{"kms:GenerateMac", "kms:VerifyMac"}},
	{shape.KeyUsageTypeKeyAgreement, "Agree on a key", "A secret that two parties derive from each other's public keys (ECDH).",
		shape.KeySpecEccNistP256, []string{"kms:DeriveSharedSecret"}},
	{shape.KeyUsageTypeEncapsulateDecapsulate, "Encapsulate a key", "A secret sent to whoever holds the private key (KEM), safe from quantum computers too.",
		shape.KeySpecMlKem768, []string{"kms:Encapsulate", "kms:Decapsulate"}},
}

// purposeOf is the purpose of a usage, and the first of one that there is not.
func purposeOf(usage string) purpose {
	for _, p := range purposes {
		if string(p.Usage) == usage {
			return p
		}
	}
	return purposes[0]
}

// specs say what each key spec is, in the order in which they are offered.
var specs = []struct {
	spec shape.KeySpec
	line string
}{
	{shape.KeySpecSymmetricDefault, "AES-256. Ciphertexts say their key by themselves, and the key can rotate."},
	{shape.KeySpecEccNistP256, "NIST P-256: small and fast, understood nearly everywhere."},
	{shape.KeySpecEccNistP384, "NIST P-384: for rules that ask for more than 128 bits of strength."},
	{shape.KeySpecEccNistP521, "NIST P-521: the largest of the NIST curves."},
	{shape.KeySpecEccNistEdwards25519, "Ed25519: small and fast; not every library knows it yet."},
	{shape.KeySpecEccSecgP256k1, "The curve of cryptocurrencies, and of little else."},
	{shape.KeySpecMlDsa65, "ML-DSA-65: withstands quantum computers; signatures of 3,309 bytes. The one to begin with of its family."},
	{shape.KeySpecMlDsa44, "ML-DSA-44: the smallest of its family; signatures of 2,420 bytes."},
	{shape.KeySpecMlDsa87, "ML-DSA-87: the strongest of its family; signatures of 4,627 bytes."},
	{shape.KeySpecMlKem768, "ML-KEM-768: withstands quantum computers; what most protocols chose."},
	{shape.KeySpecMlKem512, "ML-KEM-512: the smallest of its family."},
	{shape.KeySpecMlKem1024, "ML-KEM-1024: the strongest of its family."},
	{shape.KeySpecRsa2048, "RSA with 2,048 bits: for partners that know nothing else; about 112 bits of strength."},
	{shape.KeySpecRsa3072, "RSA with 3,072 bits: 128 bits of strength, slower."},
	{shape.KeySpecRsa4096, "RSA with 4,096 bits: the slowest, and larger than most rules ask for."},
	{shape.KeySpecHmac256, "HMAC with SHA-256: the usual choice."},
	{shape.KeySpecHmac384, "HMAC with SHA-384."},
	{shape.KeySpecHmac512, "HMAC with SHA-512."},
	{shape.KeySpecHmac224, "HMAC with SHA-224: for what already has it."},
	{shape.KeySpecSm2, "The Chinese standard, in the Regions of China alone (cn-…)."},
}

// A keyKind is what can be chosen for a purpose.
type keyKind struct {
	op.Kind
	Line string
}

// kindsFor are all kinds of keys for a purpose.
func kindsFor(p purpose) (all []keyKind) {
	place := func(s shape.KeySpec) int {
		for i := range specs {
			if specs[i].spec == s {
				return i
			}
		}
		return len(specs)
	}
	for _, k := range op.Kinds() {
		if k.Usage != p.Usage {
			continue
		}
		found := keyKind{Kind: k}
		if i := place(k.Spec); i < len(specs) {
			found.Line = specs[i].line
		}
		all = append(all, found)
	}
	slices.SortStableFunc(all, func(a, b keyKind) int { return cmp.Compare(place(a.Spec), place(b.Spec)) })
	return all
}
