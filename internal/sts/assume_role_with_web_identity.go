package sts

import (
	"context"
	"strings"

	"qkms/internal/audit"
	"qkms/internal/authn/webidentity"
	"qkms/internal/authz/policy"
	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

type assumeRoleWithWebIdentityIn struct {
	RoleArn          string `is:"required,arn"`
	RoleSessionName  string `is:"required,roleSessionName"`
	WebIdentityToken string `is:"required,clientToken"`
	ProviderId       string `is:"providerId"`
	limits
}

type webIdentityOut struct {
	SubjectFromWebIdentityToken string
	assumed
	Provider string
	Audience string
}

// assumeRoleWithWebIdentity needs no signature: the token of the identity provider says who asks. Strangers may
// try, so the order is that of its cost: nobody is asked for keys that the role's account has not registered, and a
// provider that hangs is asked once for all who wait (webidentity.Verifier).
var assumeRoleWithWebIdentity = &query.Op[assumeRoleWithWebIdentityIn, webIdentityOut]{
	Name: "AssumeRoleWithWebIdentity", Anonymous: true, ReadOnly: true,
	Says: saying[assumeRoleWithWebIdentityIn],
	Run: func(ctx context.Context, c *query.Call, in *assumeRoleWithWebIdentityIn) (*webIdentityOut, *record.Change, error) {
		if in.ProviderId != "" {
			return nil, nil, fault.ProviderIDGiven()
		}
		a := in.assumption("sts:AssumeRoleWithWebIdentity")
		a.session.Name = in.RoleSessionName
		if err := a.of(c, in.RoleArn); err != nil {
			return nil, nil, err
		}
		id, err := a.holder(ctx, c, in.WebIdentityToken)
		if err != nil {
			return nil, nil, err
		}
		if err := a.wanted(c, id); err != nil {
			return nil, nil, err
		}
		c.Subject = a
		out, err := assume(ctx, c, a)
		if err != nil {
			return nil, nil, err
		}
		return &webIdentityOut{id.Subject, *out, a.session.Provider, id.Audience}, nil, nil
	},
	Result: func(out *webIdentityOut) audit.Detail {
		return append(out.told(), audit.String("subjectFromWebIdentityToken", out.SubjectFromWebIdentityToken),
			audit.String("provider", out.Provider), audit.String("audience", out.Audience))
	},
	Differs: []string{"Providers are those of OpenID Connect that the role's account has registered: ProviderId is refused."},
}

// holder is whom the token is about, by a provider that the role's account has registered.
func (a *assumption) holder(ctx context.Context, c *query.Call, token string) (*webidentity.Identity, error) {
	issuer, err := webidentity.Issuer(token)
	if err != nil {
		return nil, err
	}
	url, ok := c.WebIdentities.URL(issuer)
	if !ok {
		return nil, fault.NoProvider(issuer)
	}
	p, err := c.Identities.Provider(ctx, a.account, strings.TrimSuffix(url, "/")) // as IAM registers it
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, fault.NoProvider(issuer)
	}
	id, err := c.WebIdentities.Verify(ctx, webidentity.Provider{URL: url, ClientIDs: p.ClientIds}, token)
	if err != nil {
		return nil, err
	}
	id.Provider = p.Url
	arn := "arn:" + c.Identities.Partition + ":iam::" + a.account + ":oidc-provider/" + p.Url
	a.who = &policy.Principal{Kind: policy.WebIdentity, ARN: arn}
	a.session.Provider, a.session.Subject, a.session.Audience = arn, id.Subject, id.Audience
	c.Account = a.account
	c.Proved = audit.Identity{Type: audit.TypeWebIdentity, PrincipalID: p.Url + ":" + id.Audience + ":" + id.Subject,
		UserName: id.Subject, IdentityProvider: arn}
	return id, nil
}

// wanted is what the provider wants of the session, held to the constraints of a request, and what policies may ask.
func (a *assumption) wanted(c *query.Call, id *webidentity.Identity) error {
	if s := id.SourceIdentity; s != "" && !query.Fits("sourceIdentity", s) {
		return fault.BadClaim("https://aws.amazon.com/source_identity")
	}
	a.session.SourceIdentity, a.transitive = id.SourceIdentity, id.TransitiveTags
	for key, value := range id.Tags {
		if !query.Fits("tagKey", key) || !query.Fits("tagValue", value) {
			return fault.BadClaim("https://aws.amazon.com/tags")
		}
		a.asked = append(a.asked, &recordpb.Tag{Key: key, Value: value})
	}
	if len(a.asked) > mostTags {
		return fault.TooManySessionTags(mostTags)
	}
	if err := a.tagged(c); err != nil {
		return err
	}
	a.ask("")
	for name, values := range id.Keys() {
		a.says[policy.Fold(name)] = values
	}
	a.says["aws:federatedprovider"] = []string{a.session.Provider}
	return nil
}
