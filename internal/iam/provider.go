package iam

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"qkms/internal/audit"
	"qkms/internal/fault"
	"qkms/internal/query"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

type createProviderIn struct {
	Url            string   `is:"required,providerUrl"`
	ClientIDList   []string `is:"each=clientID"`
	ThumbprintList []string `is:"each=thumbprint"`
	tagging
}

func (in createProviderIn) find(ctx context.Context, c *query.Call) (*entity, error) {
	name, err := providerName(in.Url)
	if err != nil {
		return nil, err
	}
	return provider(ctx, c, arn(c, kindProvider, "/"+name))
}

// providerName is the address of an identity provider without its scheme: what its ARN has, and the names of
// the condition keys that its tokens set.
func providerName(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(address, " *?#") {
		return "", fault.NotAProviderURL(address)
	}
	return strings.TrimSuffix(strings.TrimPrefix(address, "https://"), "/"), nil
}

type createProviderOut struct {
	OpenIDConnectProviderArn string
	Tags                     *query.List[tag]
}

func (o *createProviderOut) told() audit.Detail {
	return audit.Detail{audit.String("openIDConnectProviderArn", o.OpenIDConnectProviderArn)}
}

var createProvider = telling(adding(making("CreateOpenIDConnectProvider", func(ctx context.Context, c *query.Call, e *entity, in *createProviderIn) (*createProviderOut, *record.Change, error) {
	if e.ver != 0 {
		return nil, nil, fault.ProviderTaken(e.name)
	}
	if err := providerQuota.room(ctx, c); err != nil {
		return nil, nil, err
	}
	m := &recordpb.Provider{Account: c.Caller.Account, Url: e.name, Created: c.Now.UnixMilli()}
	if err := setThumbprints(m, in.ThumbprintList); err != nil {
		return nil, nil, err
	}
	for _, id := range in.ClientIDList {
		m.ClientIds, _ = insert(m.ClientIds, id)
	}
	if len(m.ClientIds) > maxClientIDs {
		return nil, nil, fault.IAMQuota("ClientIdsPerOpenIdConnectProvider", maxClientIDs)
	}
	if err := in.apply(&m.Tags, "TagsPerOpenIdConnectProvider"); err != nil {
		return nil, nil, err
	}
	change := c.Book.Change()
	change.Begin(e.key, m.Created, m)
	return &createProviderOut{e.arn, tagsOf(m.Tags)}, change, nil
})), (*createProviderOut).told)

var thumbprint = regexp.MustCompile(`\A[0-9A-Fa-f]{40}\z`)

func setThumbprints(m *recordpb.Provider, list []string) error {
	if len(list) > maxThumbprints {
		return fault.IAMQuota("ThumbprintsPerOpenIdConnectProvider", maxThumbprints)
	}
	m.Thumbprints = nil
	for _, t := range list {
		if !thumbprint.MatchString(t) {
			return fault.NotAThumbprint()
		}
		m.Thumbprints = append(m.Thumbprints, strings.ToLower(t))
	}
	return nil
}

type getProviderOut struct {
	Url            string
	ClientIDList   query.List[string]
	ThumbprintList query.List[string]
	CreateDate     query.Time
	Tags           query.List[tag]
}

var getProvider = reading("GetOpenIDConnectProvider", func(_ context.Context, _ *query.Call, e *entity, _ *theProvider) (*getProviderOut, error) {
	m := e.msg.(*recordpb.Provider)
	return &getProviderOut{m.Url, query.ListOf(m.ClientIds), query.ListOf(m.Thumbprints), query.At(m.Created), listOf(m.Tags)}, nil
})

type providerArn struct{ Arn string }

type listProvidersOut struct {
	OpenIDConnectProviderList query.List[providerArn]
}

var listProviders = listing("ListOpenIDConnectProviders", kindProvider, func(ctx context.Context, c *query.Call, _ *struct{}) (*listProvidersOut, error) {
	out := new(listProvidersOut)
	err := every(ctx, c, record.Providers(c.Caller.Account), func(_ record.Key, m *recordpb.Provider) error {
		out.OpenIDConnectProviderList.Member = append(out.OpenIDConnectProviderList.Member, providerArn{arn(c, kindProvider, "/"+m.Url)})
		return nil
	})
	return out, err
})

// deleteProvider succeeds also when there is none, as AWS has it.
var deleteProvider = making("DeleteOpenIDConnectProvider", func(_ context.Context, c *query.Call, e *entity, _ *theProvider) (*query.None, *record.Change, error) {
	if e.ver == 0 {
		return nil, nil, nil
	}
	change := c.Book.Change()
	change.Remove(e.key, e.ver)
	return nil, change, nil
})

type clientIDIn struct {
	theProvider
	ClientID string `is:"required,clientID"`
}

var addClientID = on("AddClientIDToOpenIDConnectProvider", func(_ context.Context, c *query.Call, e *entity, in *clientIDIn) (*query.None, *record.Change, error) {
	m := e.msg.(*recordpb.Provider)
	ids, added := insert(m.ClientIds, in.ClientID)
	switch {
	case !added:
		return nil, nil, nil
	case len(ids) > maxClientIDs:
		return nil, nil, fault.IAMQuota("ClientIdsPerOpenIdConnectProvider", maxClientIDs)
	}
	m.ClientIds = ids
	return nil, e.saved(c), nil
})

var removeClientID = on("RemoveClientIDFromOpenIDConnectProvider", func(_ context.Context, c *query.Call, e *entity, in *clientIDIn) (*query.None, *record.Change, error) {
	m := e.msg.(*recordpb.Provider)
	ids, removed := remove(slices.Clone(m.ClientIds), in.ClientID)
	if !removed {
		return nil, nil, nil
	}
	m.ClientIds = ids
	return nil, e.saved(c), nil
})

type updateThumbprintIn struct {
	theProvider
	ThumbprintList []string `is:"required,each=thumbprint"`
}

var updateThumbprint = on("UpdateOpenIDConnectProviderThumbprint", func(_ context.Context, c *query.Call, e *entity, in *updateThumbprintIn) (*query.None, *record.Change, error) {
	if err := setThumbprints(e.msg.(*recordpb.Provider), in.ThumbprintList); err != nil {
		return nil, nil, err
	}
	return nil, e.saved(c), nil
})
