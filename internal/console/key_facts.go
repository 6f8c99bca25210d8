package console

import "strings"

// keyFacts is KeyMetadata.
type keyFacts struct {
	AWSAccountId                string
	Arn                         string
	KeyId                       string
	Description                 string
	KeyState                    string
	KeySpec                     string
	KeyUsage                    string
	Origin                      string
	KeyManager                  string
	CreationDate                Epoch
	DeletionDate                Epoch
	PendingDeletionWindowInDays int
	ValidTo                     Epoch
	ExpirationModel             string
	CurrentKeyMaterialId        string
	CustomKeyStoreId            string
	XksKeyConfiguration         struct{ Id string }

	EncryptionAlgorithms    []string
	SigningAlgorithms       []string
	MacAlgorithms           []string
	KeyAgreementAlgorithms  []string
	EncapsulationAlgorithms []string

	MultiRegion              bool
	MultiRegionConfiguration struct {
		MultiRegionKeyType string
		PrimaryKey         regionKey
		ReplicaKeys        []regionKey
	}
}

// A regionKey is a multi-Region key in one of its Regions.
type regionKey struct{ Arn, Region string }

// Symmetric reports whether the key is of SYMMETRIC_DEFAULT: what can be rotated, and has materials that are listed.
func (f keyFacts) Symmetric() bool { return f.KeySpec == "SYMMETRIC_DEFAULT" }

// Asymmetric reports whether the key has a public half.
func (f keyFacts) Asymmetric() bool {
	return f.KeySpec != "" && !f.Symmetric() && !strings.HasPrefix(f.KeySpec, "HMAC_")
}

// Imported reports whether the material came from outside.
func (f keyFacts) Imported() bool { return f.Origin == "EXTERNAL" }

// Deleting reports whether the key is on its way out.
func (f keyFacts) Deleting() bool {
	return f.KeyState == "PendingDeletion" || f.KeyState == "PendingReplicaDeletion"
}

// Primary reports whether the key has replicas, or may have.
func (f keyFacts) Primary() bool { return f.MultiRegionConfiguration.MultiRegionKeyType == "PRIMARY" }

// Replica reports whether the key is a copy of one in another Region.
func (f keyFacts) Replica() bool { return f.MultiRegionConfiguration.MultiRegionKeyType == "REPLICA" }

// Algorithms are all that the key can be used with.
func (f keyFacts) Algorithms() string {
	var all []string
	for _, list := range [][]string{f.EncryptionAlgorithms, f.SigningAlgorithms, f.MacAlgorithms, f.KeyAgreementAlgorithms, f.EncapsulationAlgorithms} {
		all = append(all, list...)
	}
	return strings.Join(all, ", ")
}

// said is a word of the API with what it means.
func said(word string, meanings map[string]string) string {
	if m := meanings[word]; m != "" {
		return m
	}
	return word
}

// State says what the state means for who wants to use the key.
func (f keyFacts) State() string {
	return said(f.KeyState, map[string]string{
		"Enabled":                "It can be used.",
		"Disabled":               "It cannot be used until somebody enables it.",
		"PendingImport":          "It has no key material, and cannot be used until some is imported.",
		"PendingDeletion":        "It cannot be used, and is going to be deleted.",
		"PendingReplicaDeletion": "It cannot be used, and is going to be deleted when its last replica is.",
		"Unavailable":            "It cannot be used: its custom key store is not connected.",
		"Creating":               "It is being made.",
		"Updating":               "Its primary Region is being changed. It can be used.",
	})
}

// Usage says what the key is for.
func (f keyFacts) Usage() string {
	return said(f.KeyUsage, map[string]string{
		"ENCRYPT_DECRYPT":         "Encrypts and decrypts, also data keys",
		"SIGN_VERIFY":             "Signs, and verifies signatures",
		"GENERATE_VERIFY_MAC":     "Makes and verifies message authentication codes",
		"KEY_AGREEMENT":           "Agrees on a shared secret with the owner of another key",
		"ENCAPSULATE_DECAPSULATE": "Encapsulates and decapsulates shared secrets",
	})
}

// From says where the key material comes from, and is.
func (f keyFacts) From() string {
	return said(f.Origin, map[string]string{
		"AWS_KMS":            "Made by this service",
		"EXTERNAL":           "Imported: its owner made it elsewhere",
		"AWS_CLOUDHSM":       "Made in a hardware security module of its owner's",
		"EXTERNAL_KEY_STORE": "In an external key store; this service never has it",
	})
}

// Manager says who manages the key.
func (f keyFacts) Manager() string {
	return said(f.KeyManager, map[string]string{"CUSTOMER": "The account", "AWS": "A service"})
}

// Expiry says how long imported material lasts.
func (f keyFacts) Expiry() string {
	return said(f.ExpirationModel, map[string]string{
		"KEY_MATERIAL_EXPIRES":         "It expires, and is deleted then.",
		"KEY_MATERIAL_DOES_NOT_EXPIRE": "It does not expire.",
	})
}
