package authn

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/maphash"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"qkms/internal/authz/policy"
	"qkms/internal/footprint"
	"qkms/internal/identity"
	"qkms/internal/memo"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/seal"
)

// A Session is what temporary credentials were issued for. It is shared: never change it.
type Session struct {
	*recordpb.Session // without its secret

	Issued, Expires time.Time
	Tags            identity.Tags  // session tags
	Policy          *policy.Policy // the session policy, ready to decide; nil: none was given as a text
}

// sessionToken is the name that session tokens are sealed under, like a record that is kept by somebody else.
// No record has it: their names end in 00 01.
//
// The key is the KEK and not the one of other tokens, which lasts as long as the store: who has had a copy of
// the keys could make sessions of anybody's for ever. Rotating the KEK ends that, and all sessions with it.
var sessionToken = seal.AD{Key: []byte("session token v1"), Ver: 1, Schema: 1}

var tokenText = base64.RawURLEncoding.Strict()

// Sessions issues and opens session tokens. Nothing is stored of a session: its token, sealed, says all
// there is to know (access.md §2.4), so that every node knows it and none has to forget it. Methods may be
// called concurrently.
type Sessions struct {
	book      *record.Book
	partition string

	opened *memo.Cache[[sha256.Size]byte, *Credential] // by the hash of the token
	ring   atomic.Pointer[seal.Ring]                   // that opened was opened with
}

// NewSessions returns the sessions of a store. Those in memory are paid from the budget of its book.
func NewSessions(book *record.Book, partition string) *Sessions {
	hash := func(seed maphash.Seed, sum [sha256.Size]byte) uint64 { return maphash.Bytes(seed, sum[:]) }
	return &Sessions{book: book, partition: partition, opened: memo.Of(memo.Config[[sha256.Size]byte, *Credential]{Budget: book.Budget(), Hash: hash})}
}

// Temporary are credentials just issued. They are told once, here.
type Temporary struct {
	AccessKeyID string
	Secret      string
	Token       string
	Expires     time.Time
}

// Issue makes credentials for the session that m describes but for its access key; m is completed. Its
// times are in milliseconds.
func (s *Sessions) Issue(m *recordpb.Session) (Temporary, error) {
	var random [40]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the process rather than return weak bytes
	m.AccessKeyId = temporary + base32.StdEncoding.EncodeToString(random[:10])
	secret := base64.StdEncoding.EncodeToString(random[10:])
	m.Secret = []byte(secret)
	plain, err := proto.Marshal(m)
	if err != nil {
		return Temporary{}, fmt.Errorf("issue session token: %w", err)
	}
	defer clear(plain)
	return Temporary{m.AccessKeyId, secret, tokenText.EncodeToString(s.book.Ring().Seal(sessionToken, plain)), time.UnixMilli(m.Expires).UTC()}, nil
}

// Open is the Verifier's. Whether the session has ended, or its identity, is not looked at. store.ErrUnavailable: the
// token may be of another node, under keys that cannot be had now.
func (s *Sessions) Open(ctx context.Context, id, token string) (*Credential, error) {
	if token == "" {
		return nil, nil
	}
	s.follow(s.book.Ring())
	sum := sha256.Sum256([]byte(token))
	if c, ok := s.opened.Get(sum); ok {
		return c, nil
	}
	return s.opened.Load(ctx, sum, func(ctx context.Context) (*Credential, int64, error) {
		c, err := s.open(ctx, token)
		if c == nil || err != nil { // strangers' tokens are not remembered
			return nil, 0, err
		}
		return c, c.memory(), nil
	})
}

// CacheStats says how often a session was found in memory, and what is there now.
func (s *Sessions) CacheStats() memo.Stats { return s.opened.Stats() }

// follow forgets what was opened with other keys than ring: what a dropped KEK had sealed is forgotten with it.
func (s *Sessions) follow(ring *seal.Ring) {
	if s.ring.Load() != ring {
		s.opened.DropAll() // and what is being opened; what begins to be from now on is with ring, or newer keys
		s.ring.Store(ring)
	}
}

// open returns nil for what is no token of ours.
func (s *Sessions) open(ctx context.Context, token string) (*Credential, error) {
	sealed, err := tokenText.DecodeString(token)
	if err != nil {
		return nil, nil //nolint:nilerr // whatever is wrong with it, it is no token of ours
	}
	plain, err := s.book.OpenKept(ctx, sessionToken, sealed)
	if errors.Is(err, seal.ErrTampered) || errors.Is(err, seal.ErrUnknownKEK) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return s.decode(plain)
}

func (s *Sessions) decode(plain []byte) (*Credential, error) {
	m := new(recordpb.Session)
	if err := proto.Unmarshal(plain, m); err != nil {
		return nil, fmt.Errorf("session token: %w", err)
	}
	c := &Credential{AccessKeyID: m.AccessKeyId, Account: m.Account, Secret: NewSecret(m.Secret), Active: true, User: m.User, UserID: m.UserId}
	clear(m.Secret)
	m.Secret = nil
	c.Session = &Session{Session: m, Issued: time.UnixMilli(m.Issued).UTC(), Expires: time.UnixMilli(m.Expires).UTC(), Tags: identity.Tags{}}
	for k, v := range m.Tags {
		c.Session.Tags[policy.Fold(k)] = v
	}
	if m.Policy == "" {
		return c, nil
	}
	doc, err := policy.ParseIdentity(m.Policy, s.partition)
	if err != nil {
		return nil, fmt.Errorf("session policy: %s", err) // it was parsed before it was sealed
	}
	c.Session.Policy = doc.Compile()
	return c, nil
}

// signingKeysBytes is what the signing keys of a session take that is used in one Region and service for two days.
const signingKeysBytes = 400

// memory is how many bytes c, a session's, takes.
func (c *Credential) memory() int64 {
	n := footprint.Object[Credential]() + footprint.Object[Session]() + record.MessageSize(c.Session.Session) +
		footprint.Room(len(c.Secret.reveal())) + signingKeysBytes + record.MapSize(len(c.Session.Tags), 32)
	for key := range c.Session.Tags {
		n += footprint.Room(len(key))
	}
	if c.Session.Policy != nil {
		n += c.Session.Policy.MemorySize()
	}
	return n
}

// ByOperator is the issuer of a user's session that no access key was used for: an operator has made it.
const ByOperator = "operator"

// Identities tells whose a credential is.
type Identities struct {
	Directory *identity.Directory
	Keys      AccessKeys
}

// Whose is the Verifier's: who c signs for, as of now, or the zero Caller when that identity is no more.
func (i Identities) Whose(ctx context.Context, c *Credential) (Caller, error) {
	switch s := c.Session; {
	case c.Service != "":
		return Caller{Kind: KindService, ARN: c.Service, PrincipalID: c.Service, AccessKeyID: c.AccessKeyID}, nil
	case s != nil && s.Role != "":
		return i.session(ctx, c)
	case s != nil && s.Issuer != ByOperator:
		// Whoever takes an access key away means what was made with it as well.
		issuer, err := i.Keys.Find(ctx, s.Issuer)
		if err != nil || issuer == nil || !issuer.Active || issuer.Account != c.Account || issuer.UserID != c.UserID {
			return Caller{}, err
		}
	}
	if c.User == "" {
		return rootUser(i.Directory.Partition, c), nil
	}
	u, err := i.Directory.User(ctx, c.Account, c.User)
	if err != nil || u == nil || u.Id != c.UserID {
		return Caller{}, err
	}
	return Caller{
		Kind: KindUser, Account: c.Account, ARN: u.ARN, PrincipalID: u.Id, AccessKeyID: c.AccessKeyID, User: u, Session: c.Session,
	}, nil
}

func (i Identities) session(ctx context.Context, c *Credential) (Caller, error) {
	r, err := i.Directory.Role(ctx, c.Account, c.Session.Role)
	if err != nil || r == nil || r.Id != c.Session.RoleId {
		return Caller{}, err
	}
	return Caller{
		Kind: KindSession, Account: c.Account, ARN: i.Directory.SessionARN(r, c.Session.Name), PrincipalID: r.Id + ":" + c.Session.Name,
		AccessKeyID: c.AccessKeyID, Role: r, Session: c.Session,
	}, nil
}
