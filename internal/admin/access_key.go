package admin

import (
	"context"
	"fmt"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/key"
	"qkms/internal/record"
)

// NewAccessKey asks for an access key of the root user of an account.
type NewAccessKey struct {
	Account     string `json:"account"` // twelve digits
	Description string `json:"description,omitempty"`

	// Service is the service principal whose access key it is to be, s3.amazonaws.com; empty: the root user's.
	Service string `json:"service,omitempty"`
}

// AccessKeyMade is an access key and its secret, which no later action tells again.
type AccessKeyMade struct {
	ID      string `json:"id"`
	Secret  string `json:"secret"`
	Account string `json:"account"`
	Service string `json:"service,omitempty"`
}

// AccessKeyID names an access key.
type AccessKeyID struct {
	ID string `json:"id"`
}

// InAccount asks for what belongs to an account; empty: to all.
type InAccount struct {
	Account string `json:"account,omitempty"`
}

// CreateAccessKey makes an access key.
var CreateAccessKey = &Action[NewAccessKey, AccessKeyMade]{
	Name: "access-key/create", Event: "CreateAccessKey",
	run: func(ctx context.Context, c *call, p NewAccessKey) (AccessKeyMade, error) {
		if !key.IsAccount(p.Account) {
			return AccessKeyMade{}, fmt.Errorf("account %q is not twelve digits", p.Account)
		}
		if p.Service != "" && !authn.IsService(p.Service) {
			return AccessKeyMade{}, fmt.Errorf("service %q is not written like s3.amazonaws.com", p.Service)
		}
		id, secret, change := c.newAccessKey(p)
		c.rec.Response = audit.Detail{audit.String("accessKeyId", id)}
		if err := c.commit(ctx, change); err != nil {
			return AccessKeyMade{}, err
		}
		return AccessKeyMade{ID: id, Secret: secret, Account: p.Account, Service: p.Service}, nil
	},
	audit: func(p NewAccessKey) audit.Detail {
		return audit.Detail{audit.String("account", p.Account), audit.String("description", p.Description).If(p.Description != ""),
			audit.String("service", p.Service).If(p.Service != "")}
	},
}

func (c *call) newAccessKey(p NewAccessKey) (id, secret string, _ *record.Change) {
	if p.Service != "" {
		return c.AccessKeys.OfService(p.Service, p.Account, p.Description, c.Now())
	}
	return c.AccessKeys.New(p.Account, p.Description, c.Now())
}

// ListAccessKeys tells which access keys there are, without their secrets.
var ListAccessKeys = &Action[InAccount, []authn.Known]{
	Name: "access-key/list", Event: "ListAccessKeys", ReadOnly: true,
	run: func(ctx context.Context, c *call, p InAccount) ([]authn.Known, error) {
		if p.Account != "" && !key.IsAccount(p.Account) {
			return nil, fmt.Errorf("account %q is not twelve digits", p.Account)
		}
		keys, err := c.AccessKeys.List(ctx, p.Account)
		return append([]authn.Known{}, keys...), err // none is an empty list in JSON, not null
	},
	audit: func(p InAccount) audit.Detail {
		return audit.Detail{audit.String("account", p.Account).If(p.Account != "")}
	},
}

// EnableAccessKey makes a disabled access key work again.
var EnableAccessKey = onAccessKey("access-key/enable", "EnableAccessKey",
	func(ctx context.Context, c *call, id string) (*record.Change, error) {
		return c.AccessKeys.SetActive(ctx, id, true)
	})

// DisableAccessKey makes an access key be refused as if it did not exist, from its next request on.
var DisableAccessKey = onAccessKey("access-key/disable", "DisableAccessKey",
	func(ctx context.Context, c *call, id string) (*record.Change, error) {
		return c.AccessKeys.SetActive(ctx, id, false)
	})

// DeleteAccessKey removes an access key for good.
var DeleteAccessKey = onAccessKey("access-key/delete", "DeleteAccessKey",
	func(ctx context.Context, c *call, id string) (*record.Change, error) {
		return c.AccessKeys.Delete(ctx, id)
	})

func onAccessKey(name, event string, change func(context.Context, *call, string) (*record.Change, error)) *Action[AccessKeyID, AccessKeyID] {
	return &Action[AccessKeyID, AccessKeyID]{
		Name: name, Event: event,
		run: func(ctx context.Context, c *call, p AccessKeyID) (AccessKeyID, error) {
			ch, err := change(ctx, c, p.ID)
			if err != nil {
				return p, err
			}
			return p, c.commit(ctx, ch)
		},
		audit: func(p AccessKeyID) audit.Detail { return audit.Detail{audit.String("accessKeyId", p.ID)} },
	}
}
