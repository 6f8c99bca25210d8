package iam

import (
	"context"
	"strings"
	"unicode"

	"qkms/internal/authz/policy"
	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
)

// Limits are AWS's defaults (access.md §3.5 [D]); those of policies are in characters that are not white space.
const (
	maxManagedPolicy = 6144
	maxTrustPolicy   = 2048
	maxVersions      = 5
	maxAttached      = 10
	maxGroups        = 10 // of a user
	maxAccessKeys    = 2  // of a user
	maxTags          = 50
	maxClientIDs     = 100
	maxThumbprints   = 5
)

// A quota is how many of a kind an account may have: AWS's defaults [D].
type quota struct {
	name string
	most int
	of   func(account string) record.Key
}

var (
	userQuota     = quota{"UsersPerAccount", 5000, record.Users}
	groupQuota    = quota{"GroupsPerAccount", 300, record.Groups}
	roleQuota     = quota{"RolesPerAccount", 1000, record.Roles}
	policyQuota   = quota{"PoliciesPerAccount", 1500, record.ManagedPolicies}
	providerQuota = quota{"OpenIdConnectProvidersPerAccount", 100, record.Providers}
)

// room refuses what would be one too many. Nothing holds the number still, so that those made at once may be
// some more: it keeps one account from filling the store, which a few more do not do.
func (q quota) room(ctx context.Context, c *query.Call) error {
	n, err := c.Book.Count(ctx, q.of(c.Caller.Account), q.most)
	if err == nil && n >= q.most {
		err = fault.IAMQuota(q.name, q.most)
	}
	return err
}

// maxInline is how long the inline policies of one entity may be together.
var maxInline = map[string]int{kindUser: 2048, kindRole: 10240, kindGroup: 5120}

// weight is how long a policy is to the limits of IAM, which do not count white space.
func weight(text string) int {
	n := 0
	for _, r := range text {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

// identityPolicy checks the text of a policy that an identity is to have.
func identityPolicy(c *query.Call, text string) error {
	_, err := policy.ParseIdentity(text, c.Identities.Partition)
	return err
}

// managedPolicy checks the text of a managed policy.
func managedPolicy(c *query.Call, text string) error {
	if weight(text) > maxManagedPolicy {
		return fault.IAMQuota("PolicySize", maxManagedPolicy)
	}
	return identityPolicy(c, text)
}

// quotaOf is the name of a limit that each kind of entity has for itself: PoliciesPerUser.
func quotaOf(what, kind string) string {
	return what + "Per" + strings.ToUpper(kind[:1]) + kind[1:]
}

// The limits as those need them who plan several operations, and want to know before the first what the last
// would be refused.
const (
	MaxManagedPolicy = maxManagedPolicy
	MaxTrustPolicy   = maxTrustPolicy
	MaxVersions      = maxVersions
	MaxAttached      = maxAttached
	MaxGroups        = maxGroups
	MaxTags          = maxTags
	MaxClientIDs     = maxClientIDs
	MaxThumbprints   = maxThumbprints
)

// MaxInline is how long the inline policies of a "user", "group" or "role" may be together, as Weight counts.
func MaxInline(kind string) int { return maxInline[kind] }

// Weight is how long a policy is to the limits: in characters that are not white space.
func Weight(text string) int { return weight(text) }
