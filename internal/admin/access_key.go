package admin

import (
	"context"
	"errors"
	"fmt"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/fault"
	"qkms/internal/iam"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/roster"
)

// NewAccessKey asks for an access key of a user, a service principal or the root user of an account.
type NewAccessKey struct {
	Account     string `json:"account"` // twelve digits
	Description string `json:"description,omitempty"`

	// Service is the service principal whose access key it is to be, s3.amazonaws.com; empty: the root user's.
	Service string `json:"service,omitempty"`

	// User is the user of the account whose access key it is to be.
	User string `json:"user,omitempty"`
}

// AccessKeyMade is an access key and its secret, which no later action tells again.
type AccessKeyMade struct {
	ID      string `json:"id"`
	Secret  string `json:"secret"`
	Account string `json:"account"`
	Service string `json:"service,omitempty"`
	User    string `json:"user,omitempty"`
}

// AccessKeyID names an access key.
type AccessKeyID struct {
	ID string `json:"id"`
}

// AccessKeyChanged is an access key that was enabled, disabled or deleted.
type AccessKeyChanged struct {
	AccessKeyID
	InForce
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
		if p.Service != "" && p.User != "" {
			return AccessKeyMade{}, errors.New("an access key is a user's or a service principal's, not both")
		}
		id, secret, change, err := c.newAccessKey(ctx, p)
		if err != nil {
			return AccessKeyMade{}, err
		}
		c.rec.Response = audit.Detail{audit.String("accessKeyId", id)}
		if err := c.add(ctx, change); err != nil {
			return AccessKeyMade{}, err
		}
		return AccessKeyMade{ID: id, Secret: secret, Account: p.Account, Service: p.Service, User: p.User}, nil
	},
	audit: func(p NewAccessKey) audit.Detail {
		return audit.Detail{audit.String("account", p.Account), audit.String("description", p.Description).If(p.Description != ""),
			audit.String("service", p.Service).If(p.Service != ""), audit.String("userName", p.User).If(p.User != "")}
	},
}

func (c *call) newAccessKey(ctx context.Context, p NewAccessKey) (id, secret string, change *record.Change, err error) {
	switch {
	case p.Service != "":
		id, secret, change = c.AccessKeys.OfService(p.Service, p.Account, p.Description, c.Now())
	case p.User != "":
		id, secret = authn.NewAccessKey()
		m := &recordpb.AccessKey{Id: id, Secret: []byte(secret), Description: p.Description}
		change, err = iam.AccessKeyOf(ctx, roster.Call(c.Node, p.Account), p.User, m)
		if f, is := errors.AsType[*fault.Error](err); is {
			err = errors.New(f.Text) // an operator has no use for the code
		}
	default:
		id, secret, change = c.AccessKeys.New(p.Account, p.Description, c.Now())
	}
	return id, secret, change, err
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
	func(ctx context.Context, c *call, id string) (InForce, error) {
		change, err := c.AccessKeys.SetActive(ctx, id, true)
		if err != nil {
			return InForce{}, err
		}
		return InForce{}, c.add(ctx, change)
	})

// DisableAccessKey makes an access key be refused as if it did not exist, from its next request on.
var DisableAccessKey = onAccessKey("access-key/disable", "DisableAccessKey",
	func(ctx context.Context, c *call, id string) (InForce, error) {
		change, err := c.AccessKeys.SetActive(ctx, id, false)
		if err != nil {
			return InForce{}, err
		}
		return c.commit(ctx, change)
	})

// DeleteAccessKey removes an access key for good.
var DeleteAccessKey = onAccessKey("access-key/delete", "DeleteAccessKey",
	func(ctx context.Context, c *call, id string) (InForce, error) {
		change, err := c.AccessKeys.Delete(ctx, id)
		if err != nil {
			return InForce{}, err
		}
		return c.commit(ctx, change)
	})

func onAccessKey(name, event string, change func(context.Context, *call, string) (InForce, error)) *Action[AccessKeyID, AccessKeyChanged] {
	return &Action[AccessKeyID, AccessKeyChanged]{
		Name: name, Event: event,
		run: func(ctx context.Context, c *call, p AccessKeyID) (AccessKeyChanged, error) {
			reach, err := change(ctx, c, p.ID)
			return AccessKeyChanged{p, reach}, err
		},
		audit: func(p AccessKeyID) audit.Detail { return audit.Detail{audit.String("accessKeyId", p.ID)} },
	}
}
