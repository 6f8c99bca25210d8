package authz

import (
	"strconv"
	"strings"
	"time"

	"qkms/internal/authn"
)

const principalTag = "principaltag/"

// principalTypes are aws:PrincipalType by kind of caller (access.md §2.1).
var principalTypes = map[string]string{authn.KindRoot: "Account", authn.KindUser: "User", authn.KindSession: "AssumedRole"}

// ofCaller are the condition keys about the caller (access.md §2.3, §5.2), without "aws:" and folded. known
// is false for any other name.
func ofCaller(c *authn.Caller, name string) (values []string, known bool) {
	if key, is := strings.CutPrefix(name, principalTag); is {
		if v, ok := c.Tag(key); ok {
			return []string{v}, true // which may be empty
		}
		return nil, true
	}
	service := c.Kind == authn.KindService
	switch name {
	case "requestedregion":
		return is(c.Region), true
	case "principalarn":
		if service {
			return nil, true
		}
		return is(c.PrincipalARN()), true
	case "principalaccount":
		return is(c.Account), true
	case "principaltype":
		return is(principalTypes[c.Kind]), true
	case "userid":
		if service {
			return nil, true
		}
		return is(c.PrincipalID), true
	case "username":
		if c.User == nil {
			return nil, true
		}
		return is(c.User.Name), true
	case "principalisawsservice":
		return isBool(service), true
	case "principalservicename", "principalservicenameslist":
		if !service {
			return nil, true
		}
		return is(c.ARN), true
	case "sourcearn":
		return is(c.SourceARN), true
	case "sourceaccount":
		return is(c.SourceAccount), true
	case "viaawsservice":
		return isBool(via(c) != ""), true
	case "calledvia", "calledviafirst", "calledvialast":
		return is(calledVia(c)), true
	}
	return ofSession(c.Session, name)
}

// ofSession are the condition keys about temporary credentials: absent of long-term ones, hence the
// …IfExists with which policies ask about them.
func ofSession(s *authn.Session, name string) (values []string, known bool) {
	switch name {
	case "tokenissuetime", "multifactorauthpresent", "multifactorauthage", "sourceidentity", "federatedprovider":
	default:
		return nil, false
	}
	switch {
	case s == nil || name == "multifactorauthage": // there is no second factor
		return nil, true
	case name == "tokenissuetime":
		return is(s.Issued.Format(time.RFC3339)), true
	case name == "multifactorauthpresent":
		return is(strconv.FormatBool(false)), true
	case name == "sourceidentity":
		return is(s.SourceIdentity), true
	}
	return is(s.Provider), true
}

// via is kms:ViaService: the service, with its Region, that forwards the caller's calls.
func via(c *authn.Caller) string {
	if c.Session == nil {
		return ""
	}
	return c.Session.Via
}

// calledVia is that service without its Region: s3.amazonaws.com of s3.us-east-1.amazonaws.com.
func calledVia(c *authn.Caller) string {
	first, rest, ok := strings.Cut(via(c), ".")
	if !ok {
		return ""
	}
	return first + "." + strings.TrimPrefix(rest, c.Region+".")
}
