package iam

import (
	"context"
	"encoding/xml"
	"errors"

	"qkms/internal/query"
	"qkms/internal/record"
)

// summary is a map as this protocol has maps: a list of entries, each a key and a value.
type summary struct{ entries []summaryEntry }

type summaryEntry struct {
	Key   string `xml:"key"`
	Value int    `xml:"value"`
}

func (s summary) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	err := e.EncodeToken(start)
	for _, entry := range s.entries {
		err = errors.Join(err, e.EncodeElement(entry, xml.StartElement{Name: xml.Name{Local: "entry"}}))
	}
	return errors.Join(err, e.EncodeToken(start.End()))
}

type summaryOut struct{ SummaryMap summary }

var getAccountSummary = listing("GetAccountSummary", "", func(ctx context.Context, c *query.Call, _ *struct{}) (*summaryOut, error) {
	account := c.Caller.Account
	out := new(summaryOut)
	add := func(key string, n int) { out.SummaryMap.entries = append(out.SummaryMap.entries, summaryEntry{key, n}) }
	for _, of := range []struct {
		key    string
		prefix record.Key
	}{
		{"Groups", record.Groups(account)}, {"Policies", record.ManagedPolicies(account)}, {"Providers", record.Providers(account)},
		{"Roles", record.Roles(account)}, {"Users", record.Users(account)},
	} {
		n, err := count(ctx, c, of.prefix)
		if err != nil {
			return nil, err
		}
		add(of.key, n)
	}
	add("AccessKeysPerUserQuota", maxAccessKeys)
	add("AttachedPoliciesPerGroupQuota", maxAttached)
	add("AttachedPoliciesPerRoleQuota", maxAttached)
	add("AttachedPoliciesPerUserQuota", maxAttached)
	add("AssumeRolePolicySizeQuota", maxTrustPolicy)
	add("GroupPolicySizeQuota", maxInline[kindGroup])
	add("GroupsPerUserQuota", maxGroups)
	add("PolicySizeQuota", maxManagedPolicy)
	add("RolePolicySizeQuota", maxInline[kindRole])
	add("UserPolicySizeQuota", maxInline[kindUser])
	add("VersionsPerPolicyQuota", maxVersions)
	return out, nil
})
