package authn

import (
	"slices"
	"strings"
	"sync/atomic"

	"qkms/internal/authn/sigv4"
)

// A signingKey is derived from a secret for one scope. It costs four MACs.
type signingKey struct {
	date, region, service string
	scope                 string // as Caller.Scope
	key                   [32]byte
}

// maxKeys bounds the signing keys of one secret: its Regions and services of today and yesterday.
const maxKeys = 16

// signingKeys are those of one secret that were proved last. They are found where the secret is, so that they go when
// it goes and no lock or table is shared by all callers; looking one up only reads.
type signingKeys struct{ kept atomic.Pointer[[]*signingKey] }

// find returns the key for the scope of s, or nil.
func (k *signingKeys) find(s *sigv4.Signed) *signingKey {
	for _, known := range k.all() {
		if known.date == s.Date && known.region == s.Region && known.service == s.Service {
			return known
		}
	}
	return nil
}

func (k *signingKeys) all() []*signingKey {
	if kept := k.kept.Load(); kept != nil {
		return *kept
	}
	return nil
}

// keep remembers key for the scope of s, unless it is remembered. Those of other days than the newest two go, since what is
// signed is at most minutes old but for what was presigned; of the rest, the oldest go first.
func (k *signingKeys) keep(s *sigv4.Signed, key [32]byte) *signingKey {
	scope := s.Service + " " + s.Region // a string of its own, not the whole header
	added := &signingKey{strings.Clone(s.Date), scope[len(s.Service)+1:], s.Service, scope, key}
	for {
		before := k.kept.Load() // another may be kept meanwhile
		if known := k.find(s); known != nil {
			return known
		}
		kept := []*signingKey{added}
		if before != nil {
			kept = newest(append(kept, *before...))
		}
		if k.kept.CompareAndSwap(before, &kept) {
			return added
		}
	}
}

// newest are those of keys that are of the newest two days.
func newest(keys []*signingKey) []*signingKey {
	var last, second string // a date is YYYYMMDD
	for _, k := range keys {
		if k.date > last {
			last, second = k.date, last
		} else if k.date < last && k.date > second {
			second = k.date
		}
	}
	keys = slices.DeleteFunc(keys, func(k *signingKey) bool { return k.date < second })
	return slices.Clip(keys[:min(len(keys), maxKeys)])
}
