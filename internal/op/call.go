package op

import (
	"context"
	"errors"
	"slices"
	"time"

	"qkms/internal/attest"
	"qkms/internal/audit"
	"qkms/internal/authn"
	"qkms/internal/authz"
	"qkms/internal/bulkhead"
	"qkms/internal/custody"
	"qkms/internal/fault"
	"qkms/internal/identity"
	"qkms/internal/key"
	"qkms/internal/lastuse"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/store"
	"qkms/internal/wire/shape"
)

// Deps is what operations work with; the same for every call.
type Deps struct {
	Book     *record.Book
	Resolver *key.Resolver
	Sealer   custody.Sealer
	Maker    custody.Maker
	Copier   custody.Copier

	Signer       custody.Signer
	MACer        custody.MACer
	Agreer       custody.Agreer
	Decapsulator custody.Decapsulator
	Decrypter    custody.Decrypter
	PairMaker    custody.PairMaker
	Importer     custody.Importer
	Forgetter    custody.Forgetter
	Slow         *bulkhead.Bulkhead // where what takes long waits for its turn

	Identities  *identity.Directory
	Authz       authz.Rules
	Attestation *attest.Verifier // of recipients
	Serves      func(region string) bool
	Naming      key.Naming
	Quota       Quota
	LastUses    *lastuse.Tracker
}

// A Call is one request that was authenticated and resolved; from Check on, also authorized.
type Call struct {
	*Deps
	Of     Request
	Caller *authn.Caller
	Now    time.Time
	Needs  []key.Need // of the request
	Keys   []*key.Key // what Needs resolved to, in order; nil where a need is not about a key

	// Request is the call as policies see it.
	Request *authz.Request

	// Additional is what Run wants the audit record to say besides request and answer.
	Additional audit.Detail

	// Made are the keys that the change of Run makes, for the audit record: no name in the request is theirs.
	Made []audit.Resource

	// Lost are the materials that the change of Run removes.
	Lost []custody.Ref

	// Grant is the grant that Run has made or found.
	Grant *recordpb.Grant

	// Also are further records of the change that Run proposes, committed with it.
	Also []*audit.Record
}

// Settle does what is due between the commit and the answer, whatever the commit returned: when its
// outcome is not known, the change may have been made. A material is forgotten after the commit, since
// before it anybody's use would take it from the store again; what is being loaded meanwhile is dropped
// as soon as it is loaded. Once the caller reads that the material is gone, nothing here can use it.
func (c *Call) Settle() {
	for _, ref := range c.Lost {
		c.Forgetter.Forget(ref)
	}
}

// Same reports whether c and other are a call of one caller on the same keys, which have not changed between
// them: what was computed for the one is good for the other.
func (c *Call) Same(other *Call) bool {
	return c.Caller.PrincipalID == other.Caller.PrincipalID && c.Caller.ARN == other.Caller.ARN &&
		slices.EqualFunc(c.Keys, other.Keys, func(k, o *key.Key) bool {
			if k == nil || o == nil {
				return k == o
			}
			return k.ARN == o.ARN && k.Ver == o.Ver
		})
}

// Confirm is a change of nothing that depends on the keys of c being what they were found to be: for where in the
// change log they are so. Nil when the call is about no key.
func (c *Call) Confirm() *record.Change {
	var change *record.Change
	for _, k := range c.Keys {
		if k == nil {
			continue
		}
		if change == nil {
			change = c.Book.Change()
		}
		change.Require(k.Record(), k.Ver)
	}
	return change
}

// overtaken is what a missing material means: a request that lost a race with its deletion begins anew, and
// is refused by what the key is then; otherwise it is lost without cause, which is err.
func (c *Call) overtaken(ctx context.Context, err error) error {
	for _, k := range c.Keys {
		if k == nil {
			continue
		}
		plain, now, failed := c.Book.Take(ctx, k.Record()) // past memory, which may not have heard of it yet
		if failed != nil {
			return failed
		}
		clear(plain)
		if now != k.Ver {
			return &store.Conflict{Key: []byte(k.Id)}
		}
	}
	return err
}

// Says implements authz.Sayer.
func (c *Call) Says(name string) []string { return c.Of.Says(c, name) }

// Key is the key of a request that has one.
func (c *Call) Key() *key.Key { return c.Keys[0] }

// Needs.

// use is the need of a cryptographic operation: any form of KeyId, and other accounts' keys.
func use(action, id string) []key.Need {
	return []key.Need{{Action: action, KeyID: id, Forms: key.AnyForm, CrossAccount: true}}
}

// useWith is use with what else policies and grants may be about.
func useWith(action, id string, algorithm shape.EncryptionAlgorithmSpec, encryptionContext map[string]string) []key.Need {
	needs := use(action, id)
	needs[0].Algorithm, needs[0].Context = string(algorithmOr(algorithm)), encryptionContext
	return needs
}

// manage is the need of an operation on a key of one's own, by id or ARN.
func manage(action, id string) []key.Need {
	return []key.Need{{Action: action, KeyID: id, Forms: key.KeyOnly}}
}

// anything is the need of an operation that is about no key.
func anything(action string) []key.Need { return []key.Need{{Action: action}} }

// sealFault is how a failure of custody looks to the caller.
func sealFault(err error) error {
	switch {
	case errors.Is(err, custody.ErrNoMaterial):
		return fault.Bare(fault.KeyUnavailable).Because(err)
	case errors.Is(err, custody.ErrBusy):
		return fault.Throttled().Because(err)
	}
	return err
}

// at is a time as the API carries it: milliseconds.
func at(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis)
}
