package authn_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"qkms/internal/authn"
	"qkms/internal/fault"
	"qkms/internal/kmstest"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
	"qkms/internal/store"
)

// Temporary credentials are good for as long as their token says, their identity exists and nobody took it
// away; of everything else the caller learns what a stranger would.
func TestTemporaryCredentials(t *testing.T) {
	s := kmstest.New(t)
	allow := &recordpb.NamedPolicy{Name: "all", Text: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`}
	s.Role(&recordpb.Role{Path: "/apps/", Name: "reader", Inline: []*recordpb.NamedPolicy{allow}})
	long := s.User(&recordpb.User{Name: "alice", Inline: []*recordpb.NamedPolicy{allow}})
	refused := func(name string, c *kmstest.Client, want fault.Code) {
		t.Helper()
		if r := c.Call("ListKeys", `{}`); r.Code() != string(want) {
			t.Errorf("%s: got %d %s, want %s", name, r.Status, r.Raw, want)
		}
	}
	role := s.Session(&recordpb.Session{Role: "reader", Name: "job"})
	role.Must("ListKeys", `{}`)
	user := s.Session(&recordpb.Session{User: "alice", UserId: userID(t, s, "alice"), Issuer: long.AccessKeyID})
	user.Must("ListKeys", `{}`)

	changed := *role
	changed.Token += "A"
	refused("a token that was changed", &changed, fault.UnrecognizedClient)
	changed.Token = ""
	refused("no token", &changed, fault.UnrecognizedClient)
	changed.Token = user.Token
	refused("the token of another session", &changed, fault.UnrecognizedClient)
	changed = *long
	changed.Token = role.Token
	refused("a token with a long-term access key", &changed, fault.UnrecognizedClient)

	s.Exists("role/apps/reader")
	refused("a role that was made anew under its name", role, fault.UnrecognizedClient)
	role = s.Session(&recordpb.Session{Role: "reader"})
	change, err := s.AccessKeys.SetActive(t.Context(), long.AccessKeyID, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Book.Commit(t.Context(), change, "", nil); err != nil {
		t.Fatal(err)
	}
	refused("a user whose access key was taken away", user, fault.UnrecognizedClient)

	s.Clock.Advance(time.Hour - time.Millisecond)
	refused("a role without policies", role, fault.AccessDenied)
	s.Clock.Advance(time.Millisecond)
	refused("when its time is over", role, fault.ExpiredToken)
}

func userID(t *testing.T, s *kmstest.Server, name string) string {
	t.Helper()
	u, err := s.Identities.User(t.Context(), kmstest.Account, name)
	if err != nil || u == nil {
		t.Fatalf("user %s: %v", name, err)
	}
	return u.Id
}

// Who a caller is, to policies and to the audit log, by the kind of its credentials (access.md §2.1, §2.3).
func TestWhose(t *testing.T) {
	s := kmstest.New(t)
	s.Exists("role/apps/reader", "user/people/alice")
	whose := authn.Identities{Directory: s.Identities, Keys: s.AccessKeys}
	session := &authn.Session{Session: &recordpb.Session{Role: "reader", RoleId: bound(t, s, "role/apps/reader"), Name: "job"}}
	for _, row := range []struct {
		name                    string
		credential              authn.Credential
		kind, arn, principalARN string
	}{
		{"the root user", authn.Credential{}, authn.KindRoot, "arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:root"},
		{"a user, with its path", authn.Credential{User: "alice", UserID: bound(t, s, "user/people/alice")}, authn.KindUser,
			"arn:aws:iam::111122223333:user/people/alice", "arn:aws:iam::111122223333:user/people/alice"},
		{"a session, without the path of its role", authn.Credential{Session: session}, authn.KindSession,
			"arn:aws:sts::111122223333:assumed-role/reader/job", "arn:aws:iam::111122223333:role/apps/reader"},
		{"a service", authn.Credential{Service: "s3.amazonaws.com"}, authn.KindService, "s3.amazonaws.com", "s3.amazonaws.com"},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.credential.Account = kmstest.Account
			c, err := whose.Whose(t.Context(), &row.credential)
			if err != nil || c.Kind != row.kind || c.ARN != row.arn || c.PrincipalARN() != row.principalARN {
				t.Errorf("got %+v, %v, want %s %s %s", c, err, row.kind, row.arn, row.principalARN)
			}
		})
	}
	gone, err := whose.Whose(t.Context(), &authn.Credential{Account: kmstest.Account, User: "alice", UserID: "AIDAANOTHERONE"})
	if gone.Kind != "" || err != nil {
		t.Errorf("the key of one who had the name before: got %v, %v, want nobody", gone, err)
	}
}

func bound(t *testing.T, s *kmstest.Server, name string) string {
	t.Helper()
	id, known, err := s.Identities.Bind(t.Context(), "arn:aws:iam::"+kmstest.Account+":"+name)
	if err != nil || !known {
		t.Fatalf("%s: %v, known: %t", name, err, known)
	}
	return id
}

// away is a store that does not answer.
type away struct{ store.Engine }

func (away) Get(context.Context, ...[]byte) ([]store.Record, error) {
	return nil, store.ErrUnavailable
}

// A session that another node has made under new keys is not said to be none when the store cannot be asked for them:
// the caller would not try again.
func TestSessionUnderKeysThatCannotBeHad(t *testing.T) {
	s := kmstest.New(t)
	former := s.Book.Ring()
	next, err := former.RotateKEK(s.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Book.SwapRing(t.Context(), next, nil); err != nil {
		t.Fatal(err)
	}
	made, err := s.Sessions.Issue(&recordpb.Session{Account: kmstest.Account})
	if err != nil {
		t.Fatal(err)
	}
	other := authn.NewSessions(record.Open(away{s.Engine}, former, 10), "aws")
	if c, err := other.Open(t.Context(), made.AccessKeyID, made.Token); c != nil || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, %v, want ErrUnavailable", c, err)
	}
	made.Token = "_" + made.Token[1:] // of no format
	if c, err := other.Open(t.Context(), made.AccessKeyID, made.Token); c != nil || err != nil {
		t.Errorf("what is no token: got %v, %v, want none and no error", c, err)
	}
}
