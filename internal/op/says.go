package op

import (
	"strconv"
	"strings"
	"time"

	"qkms/internal/authz/policy"
	"qkms/internal/key"
	"qkms/internal/wire/shape"
)

// What requests say to the conditions of policies (Op.Says).

func said[S ~string](v S) []string {
	if v == "" {
		return nil
	}
	return []string{string(v)}
}

// daysOr is a number of days, or what the service takes when it is not given.
func daysOr(n, otherwise int) []string {
	if n == 0 {
		n = otherwise
	}
	return []string{strconv.Itoa(n)}
}

// epoch is a time in seconds, as the API writes times.
func epoch(t time.Time) []string {
	if t.IsZero() {
		return nil
	}
	return []string{strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64)}
}

// bypassed has no value when the safety check was not to be bypassed: no default is filled in (§5.1).
func bypassed(yes bool) []string {
	if !yes {
		return nil
	}
	return []string{"true"}
}

const requestTag = "aws:requesttag/"

// tagged answers about the tags of a request. The names of tags compare without case here.
func tagged(tags []shape.Tag, name string) (values []string) {
	wanted, one := strings.CutPrefix(name, requestTag)
	for _, t := range tags {
		switch {
		case name == "aws:tagkeys":
			values = append(values, t.TagKey)
		case one && policy.Fold(t.TagKey) == wanted:
			values = append(values, t.TagValue)
		}
	}
	return values
}

const resourceTag = "aws:resourcetag/"

// begins answers about a key that is to be: its tags are those of the request (access.md §5.2).
func (c *Call) begins(tags []shape.Tag, name string) []string {
	if tag, asked := strings.CutPrefix(name, resourceTag); asked {
		name = requestTag + tag
	}
	if values := tagged(tags, name); values != nil {
		return values
	}
	return c.callerAccount(name)
}

// callerAccount is for operations on no key that have this condition key all the same (§5.1).
func (c *Call) callerAccount(name string) []string {
	if name != "kms:calleraccount" {
		return nil
	}
	return said(c.Caller.Account)
}

// regionType is kms:MultiRegionKeyType of a key that is to be: absent of one of a single Region.
func regionType(multiRegion bool) shape.MultiRegionKeyType {
	if !multiRegion {
		return ""
	}
	return shape.MultiRegionKeyTypePrimary
}

// replicaSays is asked about the replica, which is to be: what is asked of the primary, that key answers. Of
// another account's key it says nothing, which would tell that there is one.
func (c *Call) replicaSays(in *shape.ReplicateKeyRequest, name string) []string {
	switch primary := c.Key(); {
	case primary == nil || primary.Account != c.Caller.Account:
	case name == "kms:keyspec" || name == "kms:customermasterkeyspec":
		return said(primary.Spec)
	case name == "kms:keyusage" || name == "kms:customermasterkeyusage":
		return said(primary.Usage)
	case name == "kms:keyorigin":
		return said(primary.Origin)
	case name == "kms:multiregion":
		return []string{"true"}
	case name == "kms:multiregionkeytype":
		return said(shape.MultiRegionKeyTypeReplica)
	}
	return c.begins(in.Tags, name)
}

// tagging is what making a key with tags needs besides making it.
func tagging(tags []shape.Tag) []key.Need {
	if len(tags) == 0 {
		return nil
	}
	return anything("kms:TagResource")
}

// forService says whether an integrated service calls for the caller.
func (c *Call) forService(name string) []string {
	if name != "kms:grantisforawsresource" {
		return nil
	}
	return []string{strconv.FormatBool(c.Caller.Session != nil && c.Caller.Session.Via != "")}
}

// constraintOf returns the type of a grant's constraint and its pairs.
func constraintOf(c *shape.GrantConstraints) (string, map[string]string) {
	switch {
	case c == nil:
	case len(c.EncryptionContextEquals) > 0:
		return "EncryptionContextEquals", c.EncryptionContextEquals
	case len(c.EncryptionContextSubset) > 0:
		return "EncryptionContextSubset", c.EncryptionContextSubset
	}
	return "", nil
}

func (c *Call) grantSays(in *shape.CreateGrantRequest, name string) []string {
	switch name {
	case "kms:grantoperations":
		var all []string
		for _, o := range in.Operations {
			all = append(all, string(o))
		}
		return all
	case "kms:grantconstrainttype":
		kind, _ := constraintOf(in.Constraints)
		return said(kind)
	case "kms:grantconstraintsourcearn":
		if in.Constraints == nil {
			return nil
		}
		return said(in.Constraints.SourceArn)
	case "kms:granteeprincipal":
		return said(in.GranteePrincipal)
	case "kms:granteeserviceprincipal":
		return said(in.GranteeServicePrincipal)
	case "kms:retiringprincipal":
		return said(in.RetiringPrincipal)
	case "kms:retiringserviceprincipal":
		return said(in.RetiringServicePrincipal)
	}
	return c.forService(name)
}

const attestation = "kms:recipientattestation:"

// attested answers about what the recipient of an answer attested to. A document that is not to be believed
// says nothing; the operation itself will refuse it.
func (c *Call) attested(in *shape.RecipientInfo, name string) []string {
	if in == nil || !strings.HasPrefix(name, attestation) {
		return nil
	}
	d, err := c.Attestation.Verify(in.AttestationDocument, c.Now)
	if err != nil {
		return nil
	}
	for measured, v := range d.Conditions() {
		if policy.Fold(measured) == name {
			return said(v)
		}
	}
	return nil
}
