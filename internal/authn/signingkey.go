package authn

import (
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

// keep remembers key for the scope of s. The oldest go first. Of two that are kept at the same moment one may be lost,
// and is derived again.
func (k *signingKeys) keep(s *sigv4.Signed, key [32]byte) *signingKey {
	scope := s.Service + " " + s.Region // a string of its own, not the whole header
	added := &signingKey{strings.Clone(s.Date), scope[len(s.Service)+1:], s.Service, scope, key}
	kept := append([]*signingKey{added}, k.all()...)
	kept = kept[:min(len(kept), maxKeys)]
	k.kept.Store(&kept)
	return added
}
