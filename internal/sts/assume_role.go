package sts

import (
	"context"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
)

type assumeRoleIn struct {
	RoleArn         string `is:"required,arn"`
	RoleSessionName string `is:"required,roleSessionName"`
	limits
	Tags              []tag             `is:"tags"`
	TransitiveTagKeys []string          `is:"tags,each=tagKey"`
	ExternalId        string            `is:"externalId"`
	SerialNumber      string            `is:"serialNumber"`
	TokenCode         string            `is:"tokenCode"`
	SourceIdentity    string            `is:"sourceIdentity"`
	ProvidedContexts  []providedContext `is:"policyArns"`
}

type providedContext struct {
	ProviderArn      string
	ContextAssertion string `is:"clientToken"`
}

var assumeRole = &query.Op[assumeRoleIn, assumed]{
	Name: "AssumeRole",
	Check: func(c *query.Call, in *assumeRoleIn) error {
		switch {
		case c.Caller.Kind == authn.KindRoot:
			return fault.RootAssumes()
		case in.SerialNumber != "" || in.TokenCode != "":
			return fault.NoSecondFactor()
		case len(in.ProvidedContexts) > 0:
			return fault.NoContexts()
		}
		a := in.assumption("sts:AssumeRole")
		a.session.Name, a.session.SourceIdentity = in.RoleSessionName, in.SourceIdentity
		a.asked, a.transitive = tagsOf(in.Tags), in.TransitiveTagKeys
		if err := a.of(c, in.RoleArn); err != nil {
			return err
		}
		if err := a.from(c); err != nil {
			return err
		}
		if err := a.tagged(c); err != nil {
			return err
		}
		a.ask(in.ExternalId)
		c.Subject = a
		return nil
	},
	Says: saying[assumeRoleIn],
	Run: func(ctx context.Context, c *query.Call, _ *assumeRoleIn) (*assumed, *record.Change, error) {
		out, err := assume(ctx, c, c.Subject.(*assumption))
		return out, nil, err
	},
	Result:   func(out *assumed) audit.Detail { return out.told() },
	ReadOnly: true, // as CloudTrail has it
	Differs:  []string{"There are no MFA devices or context providers: SerialNumber, TokenCode and ProvidedContexts are refused."},
}
