package restore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/authz"
	"qkms/internal/key"
	"qkms/internal/op"
)

// operation does an operation of the API as the root user of an account would, who needs nobody's permission.
func (a *agent) operation(ctx context.Context, e *event, name, account, region string, body map[string]any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := op.ByName[name].Decode(text)
	if err != nil {
		return err
	}
	needs, err := req.Needs()
	if err != nil {
		return err
	}
	return a.commit(ctx, e, func(rec *audit.Record) (p proposal, err error) {
		keys, err := a.Resolver.Resolve(ctx, nil, account, region, needs)
		if err != nil {
			return p, err
		}
		caller := &authn.Caller{Kind: authn.KindRoot, Account: account, Region: region, PrincipalID: account, ARN: authn.RootARN(a.Naming.Partition, account)}
		c := &op.Call{Deps: a.Ops, Of: req, Caller: caller, Now: a.Now(), Needs: needs, Keys: keys}
		c.Request = &authz.Request{Caller: caller, Now: c.Now, Says: c}
		for _, k := range keys {
			if k != nil {
				rec.Resources = append(rec.Resources, audit.Resource{AccountID: k.Account, ARN: k.ARN})
			}
		}
		if err := req.Ready(ctx, c); err != nil {
			return p, err
		}
		_, p.change, err = req.Run(ctx, c)
		if err != nil {
			return p, err
		}
		rec.Request, rec.Response = req.Audit(), req.Result(c)
		p.also, p.settle = c.Also, c.Settle
		return p, nil
	})
}

// onKey is operation on the key of an event.
func (a *agent) onKey(ctx context.Context, e *event, name string, body map[string]any) error {
	ref, err := e.key(a.Naming)
	if err != nil {
		return err
	}
	body["KeyId"] = ref.ID
	return a.operation(ctx, e, name, ref.Account, ref.Region, body)
}

// going reports whether the key of an event is on its way out in the backup too, so that nobody can use it.
func (a *agent) going(ctx context.Context, e *event) (bool, error) {
	ref, err := e.key(a.Naming)
	if err != nil {
		return false, err
	}
	k, err := a.Resolver.Load(ctx, ref.Account, ref.Region, ref.ID)
	return k == nil || k.State == key.PendingDeletion || k.State == key.PendingReplicaDeletion, err
}

func (a *agent) disable(ctx context.Context, e *event) error {
	if going, err := a.going(ctx, e); err != nil || going {
		return errors.Join(err, errNotNeeded)
	}
	return a.onKey(ctx, e, "DisableKey", map[string]any{})
}

// scheduleDeletion schedules for the day it was to be, and not before seven days from now, which is what the
// API gives everybody to change their mind. A key that was deleted is back, and goes again in seven.
func (a *agent) scheduleDeletion(ctx context.Context, e *event) error {
	if going, err := a.going(ctx, e); err != nil || going {
		return errors.Join(err, errNotNeeded)
	}
	days := 7
	if window, is := e.Response["pendingWindowInDays"].(float64); is && e.Name == "ScheduleKeyDeletion" {
		left := e.Time.Add(time.Duration(window) * 24 * time.Hour).Sub(a.Now())
		days = min(max(int(left.Hours()/24)+1, 7), 30)
	}
	return a.onKey(ctx, e, "ScheduleKeyDeletion", map[string]any{"PendingWindowInDays": days})
}

// putKeyPolicy puts a policy in force that locks its account out, if that is what was in force.
func (a *agent) putKeyPolicy(ctx context.Context, e *event) error {
	return a.onKey(ctx, e, "PutKeyPolicy", map[string]any{"Policy": e.Request.text("policy"), "BypassPolicyLockoutSafetyCheck": true})
}

func (a *agent) revokeGrant(ctx context.Context, e *event) error {
	id := e.Request.text("grantId")
	if id == "" {
		id = e.More.text("grantId")
	}
	return a.onKey(ctx, e, "RevokeGrant", map[string]any{"GrantId": id})
}

func (a *agent) deleteMaterial(ctx context.Context, e *event) error {
	body := map[string]any{}
	if id := materialID(e); id != "" {
		body["KeyMaterialId"] = id
	}
	return a.onKey(ctx, e, "DeleteImportedKeyMaterial", body)
}

func (a *agent) deleteAlias(ctx context.Context, e *event) error {
	return a.operation(ctx, e, "DeleteAlias", e.Account, e.Region, map[string]any{"AliasName": e.Request.text("aliasName")})
}

// pointAlias has an alias that is in the backup mean the key that it meant last.
func (a *agent) pointAlias(ctx context.Context, e *event) error {
	name, target := e.Request.text("aliasName"), e.Request.text("targetKeyId")
	ref, err := a.Naming.ParseReference(target, e.Account, e.Region, key.KeyOnly)
	if err != nil {
		return err
	}
	old, _, err := a.Resolver.Alias(ctx, e.Account, e.Region, name)
	switch {
	case err != nil:
		return err
	case old == nil:
		return fmt.Errorf("%s is not in the backup; make it again", name)
	case old.KeyId == ref.ID:
		return errNotNeeded
	}
	k, err := a.Resolver.Load(ctx, ref.Account, ref.Region, ref.ID)
	if err == nil && k == nil {
		err = fmt.Errorf("it meant key %s, which is lost, and means key %s of before", ref.ID, old.KeyId)
	}
	if err != nil {
		return err
	}
	return a.operation(ctx, e, "UpdateAlias", e.Account, e.Region, map[string]any{"AliasName": name, "TargetKeyId": ref.ID})
}

func (a *agent) disconnect(ctx context.Context, e *event) error {
	return a.operation(ctx, e, "DisconnectCustomKeyStore", e.Account, e.Region, map[string]any{"CustomKeyStoreId": e.Request.text("customKeyStoreId")})
}
