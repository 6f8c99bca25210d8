package authn

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"qkms/internal/authz/policy"
	"qkms/internal/identity"
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

	mu     sync.RWMutex // guards opened and ring; held for a look-up
	opened map[[sha256.Size]byte]*Credential
	ring   *seal.Ring // that opened was opened with: what a dropped KEK had sealed is forgotten with it
}

// NewSessions returns the sessions of a store.
func NewSessions(book *record.Book, partition string) *Sessions {
	return &Sessions{book: book, partition: partition, opened: map[[sha256.Size]byte]*Credential{}}
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
	sum, ring := sha256.Sum256([]byte(token)), s.book.Ring()
	if c := s.known(sum, ring); c != nil {
		return c, nil
	}
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
	c, err := s.decode(plain)
	if err != nil {
		return nil, err
	}
	s.remember(sum, ring, c)
	return c, nil
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

// maxOpened bounds the sessions in memory, to some megabytes: only tokens of our own making enter.
const maxOpened = 4096

// known is what was opened before, by the keys that are in force now.
func (s *Sessions) known(sum [sha256.Size]byte, ring *seal.Ring) *Credential {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.ring != ring {
		return nil
	}
	return s.opened[sum]
}

// remember keeps what was opened. A full table forgets everything: its users are back after opening one
// token each.
func (s *Sessions) remember(sum [sha256.Size]byte, ring *seal.Ring, c *Credential) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ring != ring {
		clear(s.opened)
		s.ring = ring
	}
	if len(s.opened) >= maxOpened {
		now := time.Now() // a session of a test whose clock stands elsewhere is opened again
		maps.DeleteFunc(s.opened, func(_ [sha256.Size]byte, old *Credential) bool { return !now.Before(old.Session.Expires) })
	}
	if len(s.opened) >= maxOpened {
		clear(s.opened)
	}
	s.opened[sum] = c
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
