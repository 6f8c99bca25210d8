package authz

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/protobuf/proto"

	"qkms/internal/authz/policy"
	"qkms/internal/key"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// A KeyPolicy is the policy of a key, ready to decide. It is shared: never change it.
type KeyPolicy struct {
	*policy.Policy
	Text  string            // as it is stored; empty of the default policy
	Bound map[string]string // the unique ids of the users and roles it names, by ARN, of when it was saved
}

// KeyPolicy returns the policy of k and the version of its record, 0 for the default policy, of which there
// is no record. That there is none is remembered like a policy: a warm request reads no store.
func (r Rules) KeyPolicy(ctx context.Context, k *key.Key) (*KeyPolicy, uint64, error) {
	v, ver, err := r.Book.CachedOr(ctx, k.Policy(), func(plain []byte, ver uint64) (any, error) {
		if ver == 0 {
			return r.Defaults.of(r.Naming.Partition, k.Account), nil
		}
		return r.decode(plain)
	})
	if err != nil {
		return nil, 0, err
	}
	return v.(*KeyPolicy), ver, nil
}

// MemorySize implements record.Sized. A default policy is shared by all keys of its account.
func (p *KeyPolicy) MemorySize() int64 {
	if p.Text == "" {
		return 0
	}
	return p.Policy.MemorySize() + record.MessageSize(&recordpb.Policy{Text: p.Text, Bound: p.Bound})
}

// Defaults are the default policies of accounts, each once in memory: most keys have no other. The zero value is empty.
type Defaults struct{ byAccount sync.Map }

func (d *Defaults) of(partition, account string) *KeyPolicy {
	if p, ok := d.byAccount.Load(account); ok {
		return p.(*KeyPolicy)
	}
	p, _ := d.byAccount.LoadOrStore(account, &KeyPolicy{Policy: policy.Default(partition, account).Compile()})
	return p.(*KeyPolicy)
}

// decode refuses what it cannot read. What a policy denies that is passed over would be allowed.
func (r Rules) decode(plain []byte) (*KeyPolicy, error) {
	var m recordpb.Policy
	if err := proto.Unmarshal(plain, &m); err != nil {
		return nil, fmt.Errorf("%w: key policy: %w", record.ErrDamaged, err)
	}
	d, err := policy.Parse(m.Text, r.Naming.Partition)
	if err != nil {
		return nil, fmt.Errorf("%w: key policy: %s", record.ErrDamaged, err) // not as a mistake of the caller's
	}
	return &KeyPolicy{Policy: d.Bind(m.Bound), Text: m.Text, Bound: m.Bound}, nil
}
