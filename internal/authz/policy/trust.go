package policy

import (
	"fmt"
	"regexp"
	"strings"

	"qkms/internal/fault"
)

// ParseTrust reads the trust policy of a role: it names principals, identity providers among them, and no
// resource, which is the role. How long one may be is for the caller to say. The error is
// MalformedPolicyDocumentException.
func ParseTrust(text, partition string) (*Document, error) {
	return parse(text, partition, ofRole)
}

func checkTrust(s *value, where string) error {
	_, named := s.get("Principal")
	_, others := s.get("NotPrincipal")
	switch {
	case others:
		return fault.PolicySyntax(where + " has a NotPrincipal, which a trust policy has not: who is trusted is named")
	case has(s, "Resource", "NotResource"):
		return fault.PolicySyntax(where + " names a resource, which a trust policy does not: it is about its role")
	case !named:
		return fault.PolicySyntax(where + " has no Principal")
	case !has(s, "Action", "NotAction"):
		return fault.PolicySyntax(where + " has no Action")
	}
	for _, name := range []string{"Action", "NotAction"} {
		for _, a := range s.items(name) {
			if !strings.HasPrefix(lower(a.scalar), "sts:") {
				return fault.PolicySyntax(fmt.Sprintf("%s has the action %q; a trust policy is about those of sts", where, a.scalar))
			}
		}
	}
	return checkSid(s, where)
}

// providerName is who may vouch for a web identity: a provider of OpenID Connect, or a TLS client certificate that
// was registered.
var providerName = regexp.MustCompile(`^(oidc-provider/[\w.-]+(:[0-9]+)?(/[^\s*?]*)?|certificate/[\w+=,.@-]+)$`)

// checkFederated looks at one entry of Principal.Federated of a trust policy.
func checkFederated(name, partition string) error {
	parts := strings.SplitN(name, ":", arnParts)
	if len(parts) != arnParts || parts[0] != "arn" || parts[1] != partition && parts[1] != otherPartition ||
		parts[2] != "iam" || parts[3] != "" || !accountID.MatchString(parts[4]) || !providerName.MatchString(parts[5]) {
		return fault.TrustPrincipal("Federated", name)
	}
	return nil
}
