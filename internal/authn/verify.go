// Package authn tells who sent a request.
//
// Start with New and Verifier.Verify. What a valid signature is, is the business of package sigv4; what
// its sender may do, that of package authz.
package authn

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"qkms/internal/authn/sigv4"
	"qkms/internal/fault"
)

// Config is what a Verifier needs to know. Its zero value knows nobody.
type Config struct {
	// Find returns the credential with exactly this id, or nil and no error when there is none. It is
	// asked about any well-formed id a stranger wrote, for every request, concurrently. Nil finds none.
	Find func(ctx context.Context, accessKeyID string) (*Credential, error)

	// Open returns the credential with this id that a session token is about, or nil and no error when
	// the token is none. It is asked about anything a stranger wrote. Nil opens none.
	Open func(ctx context.Context, accessKeyID, token string) (*Credential, error)

	// Whose returns who signs with a credential, or the zero Caller and no error when that identity is no
	// more. Nil knows root users only.
	Whose func(ctx context.Context, c *Credential) (Caller, error)

	// Regions tells whether a region is served. It is asked about anything a stranger wrote. Nil serves
	// us-east-1.
	Regions func(region string) bool

	Service   string // signing name; empty means kms
	Partition string // of ARNs; empty means aws

	Skew, Presigned time.Duration // as sigv4.Rules has them

	Now func() time.Time // nil means time.Now
}

// A Verifier verifies requests. It is safe for concurrent use.
type Verifier struct {
	find      func(context.Context, string) (*Credential, error)
	open      func(context.Context, string, string) (*Credential, error)
	whose     func(context.Context, *Credential) (Caller, error)
	regions   func(string) bool
	service   string
	partition string
	now       func() time.Time

	skew, presigned time.Duration

	decoy [32]byte // a signing key nobody has
}

// New returns a Verifier for c.
func New(c Config) *Verifier {
	v := &Verifier{find: c.Find, open: c.Open, whose: c.Whose, regions: c.Regions, service: c.Service, partition: c.Partition, now: c.Now, skew: c.Skew, presigned: c.Presigned}
	if v.find == nil {
		v.find = func(context.Context, string) (*Credential, error) { return nil, nil }
	}
	if v.open == nil {
		v.open = func(context.Context, string, string) (*Credential, error) { return nil, nil }
	}
	if v.regions == nil {
		v.regions = func(region string) bool { return region == "us-east-1" }
	}
	if v.service == "" {
		v.service = "kms"
	}
	if v.partition == "" {
		v.partition = "aws"
	}
	if v.now == nil {
		v.now = time.Now
	}
	if v.whose == nil {
		v.whose = func(_ context.Context, c *Credential) (Caller, error) { return rootUser(v.partition, c), nil }
	}
	_, _ = rand.Read(v.decoy[:]) // never fails: crypto/rand.Read
	return v
}

// Verify returns who signed r. Its error is a *fault.Error for what the caller did wrong, in the order
// of access §1.6, or what Find returned. Next to an error there is no Caller, because nothing was
// proved; for the record of the refusal, sigv4.Claimed has what r claims.
func (v *Verifier) Verify(ctx context.Context, r *sigv4.Request) (Caller, error) {
	s, err := sigv4.Parse(r, sigv4.Rules{Now: v.now(), Service: v.service, Regions: v.regions, Skew: v.skew, Presigned: v.presigned})
	if err != nil {
		return Caller{}, err
	}
	c, err := v.credential(ctx, &s)
	if err != nil {
		return Caller{}, err
	}
	if c == nil {
		// Unknown and inactive take the way of any wrong signature, under a key nobody has, so that the
		// time to refusal says no more than its words do.
		_ = s.Verify(v.decoy)
		return Caller{}, fault.UnknownClient() // E11
	}
	by, err := v.verify(&s, c)
	if err != nil {
		return Caller{}, err // E12
	}
	switch {
	case (s.SessionToken != "") != (c.Session != nil):
		return Caller{}, fault.UnknownClient() // E13: long-term credentials have no session
	case c.Session != nil && !v.now().Before(c.Session.Expires):
		return Caller{}, fault.SessionExpired() // E14
	}
	caller, err := v.whose(ctx, c)
	if err != nil {
		return Caller{}, fmt.Errorf("find whose access key it is: %w", err)
	}
	if caller.Kind == "" {
		return Caller{}, fault.UnknownClient() // deleted since, or made anew under the same name
	}
	caller.Region, caller.Scope = by.region, by.scope
	if caller.Kind == KindService {
		caller.SourceARN, caller.SourceAccount = s.Header("x-amz-source-arn"), s.Header("x-amz-source-account")
	}
	return caller, nil
}

// temporary begins the ids of temporary access keys, which are known by their session token alone.
const temporary = "ASIA"

// credential returns the active credential that s claims, or nil.
func (v *Verifier) credential(ctx context.Context, s *sigv4.Signed) (c *Credential, err error) {
	id := s.AccessKeyID
	switch {
	case !sigv4.IsAccessKeyID(id):
		return nil, nil
	case strings.HasPrefix(id, temporary):
		c, err = v.open(ctx, id, s.SessionToken)
	default:
		c, err = v.find(ctx, id)
	}
	if err != nil {
		return nil, fmt.Errorf("find access key: %w", err)
	}
	// A store that compares ids as its locale likes might find another one than was signed with. An
	// empty secret is one that anybody knows.
	if c == nil || c.AccessKeyID != id || !c.Active || len(c.Secret.reveal()) == 0 {
		return nil, nil
	}
	return c, nil
}

// verify checks the signature under c's key for the scope, which it returns.
func (v *Verifier) verify(s *sigv4.Signed, c *Credential) (*signingKey, error) {
	if known := c.Secret.signing.find(s); known != nil {
		return known, s.Verify(known.key)
	}
	key := sigv4.SigningKey(c.Secret.reveal(), s.Date, s.Region, s.Service)
	if err := s.Verify(key); err != nil {
		return nil, err
	}
	return c.Secret.signing.keep(s, key), nil // only now: a stranger who knows an id shall not push out what others use
}

func rootUser(partition string, c *Credential) Caller {
	arn := c.rootARN
	if arn == "" {
		arn = RootARN(partition, c.Account)
	}
	return Caller{
		Kind: KindRoot, Account: c.Account, ARN: arn, PrincipalID: c.Account,
		AccessKeyID: c.AccessKeyID, Session: c.Session,
	}
}
