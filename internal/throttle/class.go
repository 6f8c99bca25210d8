package throttle

import "strings"

// A Class of requests shares one rate: an index into the table.
type Class uint8

// The pools of cryptographic operations, which share by the kind of key.
const (
	Symmetric Class = iota // HMAC and random bytes, too
	RSA
	ECC // SM2, too
	MLDSA
	MLKEM
)

// table is AWS's request quotas (operations.md §18.2), in requests a second; where AWS gives some Regions
// more, what all others have. A row whose counts is empty is for the operation of its name, or, with RSA
// and ML-DSA, for requests that no name alone decides about.
var table = [...]struct {
	name   string
	rate   int
	counts string // operations whatever their key is, or a spec of data key pairs
}{
	Symmetric: {"symmetric", 10_000, "GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateMac GenerateRandom VerifyMac"},
	RSA:       {"rsa", 1000, ""},
	ECC:       {"ecc", 1000, "DeriveSharedSecret"},
	MLDSA:     {"ml-dsa", 1000, ""},
	MLKEM:     {"ml-kem", 1000, "Encapsulate Decapsulate"}, // [U]

	{"pair-RSA_2048", 20, "RSA_2048"},
	{"pair-RSA_3072", 4, "RSA_3072"},
	{"pair-RSA_4096", 1, "RSA_4096"},
	{"pair-ECC_NIST_P256", 100, "ECC_NIST_P256"},
	{"pair-ECC_NIST_P384", 100, "ECC_NIST_P384"},
	{"pair-ECC_NIST_P521", 100, "ECC_NIST_P521"},
	{"pair-ECC_SECG_P256K1", 100, "ECC_SECG_P256K1"},
	{"pair-ECC_NIST_EDWARDS25519", 100, "ECC_NIST_EDWARDS25519"},
	{"pair-SM2", 25, "SM2"},
	{"pair-ML_KEM_512", 100, "ML_KEM_512"},   // [U]
	{"pair-ML_KEM_768", 100, "ML_KEM_768"},   // [U]
	{"pair-ML_KEM_1024", 100, "ML_KEM_1024"}, // [U]

	{"DescribeKey", 2000, ""},
	{"GetPublicKey", 2000, ""},
	{"ListResourceTags", 2000, ""},
	{"GetKeyPolicy", 1000, ""},
	{"GetKeyRotationStatus", 1000, ""},
	{"ListAliases", 500, ""},
	{"ListKeys", 500, ""},
	{"ListGrants", 100, ""},
	{"ListKeyPolicies", 100, ""},
	{"ListKeyRotations", 100, ""},
	{"ListRetirableGrants", 100, ""},
	{"CreateGrant", 50, ""},
	{"RetireGrant", 50, ""},
	{"RevokeGrant", 50, ""},
	{"DeleteAlias", 15, ""},
	{"DeleteImportedKeyMaterial", 15, ""},
	{"EnableKeyRotation", 15, ""},
	{"ImportKeyMaterial", 15, ""},
	{"PutKeyPolicy", 15, ""},
	{"ScheduleKeyDeletion", 15, ""},
	{"TagResource", 10, ""},
	{"CancelKeyDeletion", 5, ""},
	{"ConnectCustomKeyStore", 5, ""},
	{"CreateAlias", 5, ""},
	{"CreateCustomKeyStore", 5, ""},
	{"CreateKey", 5, ""},
	{"DeleteCustomKeyStore", 5, ""},
	{"DescribeCustomKeyStores", 5, ""},
	{"DisableKey", 5, ""},
	{"DisableKeyRotation", 5, ""},
	{"DisconnectCustomKeyStore", 5, ""},
	{"EnableKey", 5, ""},
	{"GetKeyLastUsage", 5, ""},
	{"ReplicateKey", 5, ""},
	{"RotateKeyOnDemand", 5, ""},
	{"UntagResource", 5, ""},
	{"UpdateAlias", 5, ""},
	{"UpdateCustomKeyStore", 5, ""},
	{"UpdateKeyDescription", 5, ""},
	{"UpdatePrimaryRegion", 5, ""},
	{"GetParametersForImport", 1, ""},

	// The other services at the endpoint have one rate each, by their signing names.
	{"sts", 600, ""},
	{"iam", 100, ""},  // [U]
	{"qkms", 100, ""}, // of our own, for the console
}

const classes = len(table)

// classOf finds the class of an operation or of a spec of data key pairs.
var classOf = func() map[string]Class {
	all := make(map[string]Class)
	for i, row := range table {
		if row.counts == "" {
			row.counts = row.name
		}
		for name := range strings.FieldsSeq(row.counts) {
			all[name] = Class(i)
		}
	}
	return all
}()

// Of returns the class of an operation whose name alone decides, of making data key pairs of a spec, or of
// another service. There must be one: a request without a rate would be one without a limit.
func Of(name string) Class {
	c, ok := classOf[name]
	if !ok {
		panic("throttle: internal error: no rate for " + name) // TestTolls of internal/op asks for everything the model has
	}
	return c
}

// A Toll is what a request counts as.
type Toll struct {
	Class  Class
	N      int    // so many requests
	Region string // empty: that of the request
}

// once is made once: a toll of one request is what nearly every request pays.
var once = func() (all [classes][1]Toll) {
	for c := range all {
		all[c][0] = Toll{Class: Class(c), N: 1}
	}
	return all
}()

// Once is the toll of one request of the class; it is not to be changed.
func (c Class) Once() []Toll { return once[c][:] }

// Rates are the requests of each class that an account may make in a Region in a second. Zero is no
// limit, so the zero Rates limits nothing.
type Rates [classes]int

// AWS returns AWS's defaults, the same in every Region.
func AWS() (r Rates) {
	for i, row := range table {
		r[i] = row.rate
	}
	return r
}

// Fields are the rates by the names an operator gives them.
func (r *Rates) Fields() map[string]*int {
	all := make(map[string]*int, classes)
	for i, row := range table {
		all[row.name] = &r[i]
	}
	return all
}
