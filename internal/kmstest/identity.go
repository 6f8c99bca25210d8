package kmstest

import (
	"cmp"
	"context"
	"strings"
	"time"

	"qkms/internal/authz/policy"
	"qkms/internal/identity"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// Exists makes sure that users and roles exist: "user/alice", "role/app/reader", or of another account
// "444455556666:user/x". A role trusts its account. Tests of how identities come to be use the API of IAM;
// this is for those in which somebody must be there.
func (s *Server) Exists(principals ...string) {
	s.t.Helper()
	for _, p := range principals {
		account, name := Account, p
		if a, rest, ok := strings.Cut(p, ":"); ok {
			account, name = a, rest
		}
		kind, path, _ := strings.Cut(name, "/")
		last := path[strings.LastIndexByte(path, '/')+1:]
		path = "/" + strings.TrimSuffix(path, last)
		if kind == "role" {
			s.Role(&recordpb.Role{Account: account, Path: path, Name: last})
		} else {
			s.User(&recordpb.User{Account: account, Path: path, Name: last})
		}
	}
}

// User makes a user, or replaces the one there is, and returns a client of it. What m leaves out is made up.
func (s *Server) User(m *recordpb.User) *Client {
	s.t.Helper()
	c := s.Book.Change()
	id, secret, _ := s.AccessKeys.New(m.Account, "", s.Clock.Now())
	m.Account, m.Path, m.Id = or(m.Account, Account), or(m.Path, "/"), or(m.Id, identity.NewID("AIDA"))
	m.Created, m.AccessKeys = s.Clock.Now().UnixMilli(), append(m.AccessKeys, id)
	_, ver, err := record.Read[recordpb.User](context.Background(), s.Book, record.OfUser(m.Account, m.Name))
	if err != nil {
		s.t.Fatal(err)
	}
	c.Replace(record.OfUser(m.Account, m.Name), ver, m)
	c.Insert(record.OfAccessKey(id), &recordpb.AccessKey{
		Id: id, Account: m.Account, Secret: []byte(secret), User: m.Name, UserId: m.Id, Created: m.Created,
	})
	s.commit(c)
	return &Client{Server: s, AccessKeyID: id, Secret: secret, Region: Region}
}

// Role makes a role, or replaces the one there is.
func (s *Server) Role(m *recordpb.Role) {
	s.t.Helper()
	m.Account, m.Path, m.Id = or(m.Account, Account), or(m.Path, "/"), or(m.Id, identity.NewID("AROA"))
	m.Created, m.MaxSession = s.Clock.Now().UnixMilli(), cmp.Or(m.MaxSession, 3600)
	m.Trust = or(m.Trust, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"`+m.Account+`"},"Action":"sts:AssumeRole"}]}`)
	s.bind(m)
	_, ver, err := record.Read[recordpb.Role](context.Background(), s.Book, record.OfRole(m.Account, m.Name))
	if err != nil {
		s.t.Fatal(err)
	}
	c := s.Book.Change()
	c.Replace(record.OfRole(m.Account, m.Name), ver, m)
	s.commit(c)
}

// bind gives a role whom its trust policy means, as IAM does when it is saved.
func (s *Server) bind(m *recordpb.Role) {
	s.t.Helper()
	doc, err := policy.ParseTrust(m.Trust, "aws")
	if err != nil {
		s.t.Fatal(err)
	}
	var unknown string
	if m.TrustBound, unknown, err = s.Identities.BindAll(context.Background(), doc.Principals()); err != nil || unknown != "" {
		s.t.Fatalf("trust policy of role %s: %v, unknown: %s", m.Name, err, unknown)
	}
}

// Session returns a client with temporary credentials, for an hour unless m says otherwise: of a role when m
// names one. Nobody is asked whether there may be such a session.
func (s *Server) Session(m *recordpb.Session) *Client {
	s.t.Helper()
	m.Account, m.Issued = or(m.Account, Account), s.Clock.Now().UnixMilli()
	if m.Expires == 0 {
		m.Expires = s.Clock.Now().Add(time.Hour).UnixMilli()
	}
	if m.Role != "" {
		role, _, err := record.Read[recordpb.Role](context.Background(), s.Book, record.OfRole(m.Account, m.Role))
		if err != nil || role == nil {
			s.t.Fatalf("role %s: %v", m.Role, err)
		}
		m.RoleId, m.Name = role.Id, or(m.Name, "test")
	}
	t, err := s.Sessions.Issue(m)
	if err != nil {
		s.t.Fatal(err)
	}
	return &Client{Server: s, AccessKeyID: t.AccessKeyID, Secret: t.Secret, Token: t.Token, Region: Region}
}

func (s *Server) commit(c *record.Change) {
	s.t.Helper()
	if err := s.Book.Commit(context.Background(), c, "", nil); err != nil {
		s.t.Fatal(err)
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
