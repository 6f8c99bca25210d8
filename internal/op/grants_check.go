package op

import (
	"context"
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
func (c *Call) grantPrincipals(ctx context.Context, g *recordpb.Grant, in *shape.CreateGrantRequest) (err error) {
	if g.Grantee, g.GranteeId, err = c.principal(ctx, in.GranteePrincipal, fault.NoPrincipalIn("GranteePrincipal")); err != nil {
		return err
	}
	if g.Retiring, g.RetiringId, err = c.principal(ctx, in.RetiringPrincipal, fault.NoPrincipalIn("RetiringPrincipal")); err != nil {
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

// principal is the ARN of a principal that exists, in this deployment's spelling, and the unique id of the
// user or role that it is or is a session of; "" of none. What is no ARN is a unique id, and unknown.
func (c *Call) principal(ctx context.Context, s string, unknown error) (arn, id string, err error) {
	switch {
	case s == "":
		return "", "", nil
	case !strings.HasPrefix(s, "arn:"):
		return "", "", unknown
	}
	p, err := authn.ParsePrincipal(c.Naming.Partition, s)
	if err != nil {
		return "", "", err
	}
	id, known, err := c.Identities.Bind(ctx, p.ARN)
	if err == nil && !known {
		err = fault.NoPrincipal(s)
	}
	return p.ARN, id, err
}

// shown is a principal of a grant as the lists show it: one that is no more by its unique id, which tells it
// from whoever has its name now (operations.md §12.3 [R2]).
func (c *Call) shown(ctx context.Context, arn, id string) (string, error) {
	if id == "" {
		return arn, nil
	}
	switch now, _, err := c.Identities.Bind(ctx, arn); {
	case err != nil || now == id:
		return arn, err
	}
	if _, session, is := strings.Cut(arn, ":assumed-role/"); is {
		return id + ":" + session[strings.IndexByte(session, '/')+1:], nil
	}
	return id, nil
}
