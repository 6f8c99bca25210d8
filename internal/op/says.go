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

// tagging is what making a key with tags needs besides making it.
func tagging(tags []shape.Tag) []key.Need {
	if len(tags) == 0 {
		return nil
	}
	return anything("kms:TagResource")
}

// forNoService: no integrated service calls on anybody's behalf.
func forNoService(name string) []string {
	if name != "kms:grantisforawsresource" {
		return nil
	}
	return []string{"false"}
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

func grantSays(in *shape.CreateGrantRequest, name string) []string {
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
	return forNoService(name)
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
