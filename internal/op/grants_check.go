package op

import (
	"slices"
	"strings"
	"unicode/utf16"

	"qkms/internal/authn"
	"qkms/internal/fault"
	"qkms/internal/key"
	"qkms/internal/record/recordpb"
	"qkms/internal/wire/shape"
)

// A grant's constraint on the encryption context (access.md §6.1).
const (
	maxConstraintPairs = 8
	maxConstraintText  = 384 // UTF-16 code units of a value, as the model counts; of a key too [U]
)

// grantableBy says what can be granted on a key by its usage, besides what can be on every key
// (access.md §6.3), in the order in which a refusal lists it.
var grantableBy = map[shape.KeyUsageType][]shape.GrantOperation{
	shape.KeyUsageTypeEncryptDecrypt:         {"Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo"},
	shape.KeyUsageTypeSignVerify:             {"Sign", "Verify"},
	shape.KeyUsageTypeGenerateVerifyMac:      {"GenerateMac", "VerifyMac"},
	shape.KeyUsageTypeKeyAgreement:           {"DeriveSharedSecret"},
	shape.KeyUsageTypeEncapsulateDecapsulate: {"Encapsulate", "Decapsulate"},
}

// grantableOn lists the operations that can be granted on k.
func grantableOn(k *key.Key) []shape.GrantOperation {
	list := []shape.GrantOperation{"CreateGrant", "RetireGrant", "DescribeKey"}
	if asymmetric(k) {
		list = append(list, "GetPublicKey")
	}
	list = append(list, grantableBy[shape.KeyUsageType(k.Usage)]...)
	if encryptsSymmetrically(k) {
		list = append(list, "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext")
	}
	return list
}

func asymmetric(k *key.Key) bool {
	return !encryptsSymmetrically(k) && !strings.HasPrefix(k.Spec, "HMAC_")
}

func encryptsSymmetrically(k *key.Key) bool { return k.Spec == string(shape.KeySpecSymmetricDefault) }

// grantable refuses operations that cannot be granted on k. It keeps the caller's order, and each
// operation once: a million Decrypts would be one grant too large to store.
func grantable(k *key.Key, operations []shape.GrantOperation) ([]string, error) {
	if len(operations) == 0 {
		return nil, fault.NoOperations()
	}
	valid := grantableOn(k)
	var kept, refused []string
	for _, o := range operations {
		list := &kept
		if !slices.Contains(valid, o) {
			list = &refused
		}
		if !slices.Contains(*list, string(o)) {
			*list = append(*list, string(o))
		}
	}
	if refused == nil {
		return kept, nil
	}
	kind := "a symmetric"
	if asymmetric(k) {
		kind = "an asymmetric"
	}
	var can []string
	for _, o := range valid {
		can = append(can, string(o))
	}
	return nil, fault.NotGrantable(refused, kind, k.Usage, can)
}

// constrain gives g its constraints, or refuses them (access.md §6.2). An empty object is none.
func constrain(g *recordpb.Grant, k *key.Key, in *shape.GrantConstraints) error {
	if in == nil {
		return nil
	}
	equals, subset := in.EncryptionContextEquals, in.EncryptionContextSubset
	switch { // Terraform's AWS provider sends both, the one that is not set as an empty object
	case len(equals) == 0 && len(subset) > 0:
		equals = nil
	case len(subset) == 0 && len(equals) > 0:
		subset = nil
	}
	switch {
	case equals == nil && subset == nil:
	case !encryptsSymmetrically(k):
		return fault.ContextConstraintNotForKey()
	case equals != nil && subset != nil:
		return fault.TwoContextConstraints()
	case equals != nil:
		if err := checkPairs(equals); err != nil {
			return err
		}
	default:
		if err := checkPairs(subset); err != nil {
			return err
		}
	}
	if in.SourceArn != "" && !strings.HasPrefix(in.SourceArn, "arn:") {
		return fault.MalformedPrincipal(in.SourceArn)
	}
	g.ContextEquals, g.ContextSubset, g.SourceArn = equals, subset, in.SourceArn
	return nil
}

func checkPairs(m map[string]string) error {
	if len(m) == 0 || len(m) > maxConstraintPairs {
		return fault.ContextConstraintPairs(maxConstraintPairs)
	}
	for k, v := range m {
		if max(units(k), units(v)) > maxConstraintText {
			return fault.ContextConstraintLength(maxConstraintText)
		}
	}
	return nil
}

func units(s string) (n int) {
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// grantPrincipals gives g its principals, or refuses them.
func (c *Call) grantPrincipals(g *recordpb.Grant, in *shape.CreateGrantRequest) (err error) {
	if g.Grantee, err = c.principal(in.GranteePrincipal, fault.NoPrincipalIn("GranteePrincipal")); err != nil {
		return err
	}
	if g.Retiring, err = c.principal(in.RetiringPrincipal, fault.NoPrincipalIn("RetiringPrincipal")); err != nil {
		return err
	}
	if g.GranteeService != "" && !authn.IsService(g.GranteeService) {
		return fault.NoPrincipalIn("GranteeServicePrincipal")
	}
	if g.RetiringService != "" && !authn.IsService(g.RetiringService) {
		return fault.NoPrincipalIn("RetiringServicePrincipal")
	}
	return nil
}

// principal is an ARN of IAM in this deployment's spelling; "" of none. What is no ARN would be the
// unique id of a user or role, and answers as the id of one that is gone: there are none yet.
func (c *Call) principal(s string, unknown error) (string, error) {
	switch {
	case s == "":
		return "", nil
	case !strings.HasPrefix(s, "arn:"):
		return "", unknown
	}
	p, err := authn.ParsePrincipal(c.Naming.Partition, s)
	return p.ARN, err
}
