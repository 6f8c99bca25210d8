// Package webidentity verifies web identity tokens, the ID tokens of OpenID Connect providers.
//
// Start with Issuer, which says whose token one claims to be, then Verifier.Verify. Which providers an
// account trusts, and what the holder of a token may do, is decided above.
package webidentity

import (
	"context"
	"crypto"
	"crypto/x509"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"qkms/internal/fault"
)

// Config is how providers are asked for their keys. Its zero value works.
type Config struct {
	// Roots are the authorities whose certificates providers may have. Nil means those of the system.
	Roots *x509.CertPool

	// Timeout bounds one attempt to get the keys of a provider, discovery included. Zero means 5 s.
	Timeout time.Duration

	// Remember is of how many providers keys are kept. Zero means 256.
	Remember int

	// Allow are addresses that may be asked although Reachable refuses them.
	Allow []netip.Prefix

	// Loopback allows providers on this machine, and those by plain HTTP too. For development: on a
	// server with tenants it shows them what listens there.
	Loopback bool

	Now func() time.Time // nil means time.Now
}

// A Provider is what an account has registered.
type Provider struct {
	URL       string   // of the issuer, without scheme: host[:port][/path]
	ClientIDs []string // audiences whose tokens are meant for the account
}

// A Verifier verifies tokens. It is safe for concurrent use.
type Verifier struct {
	now      func() time.Time
	loopback bool
	timeout  time.Duration
	remember int

	client    *http.Client
	transport *http.Transport // what client is made of
	ctx       context.Context // of all attempts to get keys; ends with Close
	cancel    context.CancelFunc
	flights   sync.WaitGroup

	mu      sync.Mutex // guards sources and the used of each: what is kept stays below remember
	sources map[string]*source
	clock   uint64
}

// New returns a Verifier for c. It asks nobody until there is a token.
func New(c Config) *Verifier {
	v := &Verifier{now: c.Now, loopback: c.Loopback, timeout: c.Timeout, remember: c.Remember, sources: map[string]*source{}}
	if v.now == nil {
		v.now = time.Now
	}
	if v.timeout == 0 {
		v.timeout = 5 * time.Second
	}
	if v.remember == 0 {
		v.remember = 256
	}
	v.transport = newTransport(c)
	v.client = &http.Client{Transport: bounded{v.transport}}
	v.ctx, v.cancel = context.WithCancel(context.Background())
	return v
}

// Close ends what is under way with providers and waits for it. Call it after the last Verify.
func (v *Verifier) Close() {
	v.cancel()
	v.flights.Wait()
}

// Verify returns whom token is about, if p has issued it, for one of p's clients, and it is valid now.
// Its errors are what the caller of AssumeRoleWithWebIdentity may see: *fault.Error of the codes
// InvalidIdentity, TokenExpired, and IDPCommunication when the provider cannot be reached, which is
// known after Config.Timeout at the latest.
func (v *Verifier) Verify(ctx context.Context, p Provider, token string) (*Identity, error) {
	h, claimed, err := read(token)
	if err != nil {
		return nil, err
	}
	issuer, err := claimed.text("iss")
	if err != nil {
		return nil, err
	}
	if url, ok := v.URL(issuer); !ok || url != p.URL {
		return nil, fault.NoProvider(issuer)
	}
	keys, err := v.keys(ctx, issuer, h)
	if err != nil {
		return nil, err
	}
	payload, unfit := verified(ctx, issuer, h.alg, keys, token)
	if payload == nil {
		return nil, fault.TokenSignatureWrong().Because(brief{unfit})
	}
	signed, err := members(payload)
	if err != nil {
		return nil, fault.TokenNotJWT().Because(err)
	}
	id, err := signed.identity(p, v.now())
	if err == nil && unfit != nil {
		return nil, fault.TokenNotJWT().Because(brief{unfit})
	}
	return id, err
}

// verified returns the payload of a token, if one of keys has signed it, and what the library has
// against it, if anything.
//
// The library believes the last of several members of one name, in whatever case. What it refuses is
// refused, but what it says of the claims is not used: they are read strictly out of these bytes.
func verified(ctx context.Context, issuer, alg string, keys []crypto.PublicKey, token string) (payload []byte, unfit error) {
	signed := &signedBy{StaticKeySet: oidc.StaticKeySet{PublicKeys: keys}}
	_, unfit = oidc.NewVerifier(issuer, signed, &oidc.Config{
		SupportedSigningAlgs: []string{alg}, // one of algorithms, see read
		SkipClientIDCheck:    true,          // see claims.audience
		SkipExpiryCheck:      true,          // see claims.validity
	}).Verify(ctx, token)
	return signed.payload, unfit
}

// signedBy keeps the payload whose signature verified; nil: none did.
type signedBy struct {
	oidc.StaticKeySet
	payload []byte
}

func (s *signedBy) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := s.StaticKeySet.VerifySignature(ctx, token)
	if err == nil {
		s.payload = payload
	}
	return payload, err
}

// A brief error has a short text. The library quotes what it was sent, and each request may log it.
type brief struct{ error }

func (b brief) Error() string {
	const most = 500 // bytes
	text := b.error.Error()
	if len(text) > most {
		text = text[:most] + "..."
	}
	return text
}

func (b brief) Unwrap() error { return b.error }
