package sts_test

import (
	"strings"
	"testing"
	"time"

	"qkms/internal/admin"
	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
)

// A user's own session is the user: but not to IAM, nor to have another one.
func TestGetSessionToken(t *testing.T) {
	s := kmstest.New(t)
	alice := s.User(&recordpb.User{Name: "alice", Inline: inline(assumes, statements(`{"Effect":"Allow","Action":["iam:*","kms:*"],"Resource":"*"}`))})
	s.Role(&recordpb.Role{Path: "/apps/", Name: "reader", MaxSession: 7200})
	alice.MustIAM("GetUser")
	c := sessionOf(t, s, alice.Query("sts", "GetSessionToken"))
	c.Must("ListKeys", `{}`)
	if got := c.Query("sts", "GetCallerIdentity").Text("Arn"); got != "arn:aws:iam::111122223333:user/alice" {
		t.Errorf("got %s, want the user", got)
	}
	told(t, c.Query("sts", "GetSessionToken"), 403, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	told(t, c.IAM("GetUser"), 403, "InvalidClientTokenId", "The security token included in the request is invalid.")
	sessionOf(t, s, assume(c, "DurationSeconds", "7200")) // no chain: as long as the role lets
	told(t, sessionOf(t, s, assume(alice)).Query("sts", "GetSessionToken"), 403, "AccessDenied", "session credentials")

	last := sessionOf(t, s, alice.Query("sts", "GetSessionToken"))
	rec := record(t, s, "GetSessionToken")
	if got := at(rec, "responseElements", "credentials", "accessKeyId"); got != last.AccessKeyID {
		t.Errorf("got record %v, want the id of the access key", rec)
	}
}

// How long a session lasts depends on whose it is [D].
func TestSessionDurations(t *testing.T) {
	s := kmstest.New(t)
	alice := s.User(&recordpb.User{Name: "alice"})
	root := s.As(kmstest.Account)
	for _, row := range []struct {
		name  string
		who   *kmstest.Client
		asked string
		lasts time.Duration
	}{
		{"a user", alice, "", 12 * time.Hour},
		{"a user, who asks", alice, "900", 15 * time.Minute},
		{"a user, the longest", alice, "129600", 36 * time.Hour},
		{"the root user", root, "", time.Hour},
		{"the root user, who asks for more", root, "43200", time.Hour},
		{"the root user, who asks for less", root, "900", 15 * time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			var more []string
			if row.asked != "" {
				more = []string{"DurationSeconds", row.asked}
			}
			r := row.who.Query("sts", "GetSessionToken", more...)
			if got, want := r.Text("Expiration"), s.Clock.Now().Add(row.lasts).UTC().Format(time.RFC3339); got != want {
				t.Errorf("got %s, want %s: %s", got, want, r.Raw)
			}
		})
	}
	for _, seconds := range []string{"899", "129601"} {
		told(t, alice.Query("sts", "GetSessionToken", "DurationSeconds", seconds), 400, "ValidationError", "durationSeconds")
	}
	told(t, alice.Query("sts", "GetSessionToken", "TokenCode", "123456"), 400, "InvalidParameterValue", "There are no MFA devices")
}

// A session ends with what it was had from, by whatever name that goes later, and no token can be made up.
func TestSessionsEnd(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	may := statements(`{"Effect":"Allow","Action":["kms:ListKeys","sts:*"],"Resource":"*"}`)
	alice := s.NewUser(kmstest.Account, "alice", may)
	bob := s.NewUser(kmstest.Account, "bob", may)
	root.MustIAM("CreateRole", "RoleName", "reader", "Path", "/apps/", "AssumeRolePolicyDocument", statements(trusts(toAccount, `"sts:AssumeRole"`, "")))
	root.MustIAM("PutRolePolicy", "RoleName", "reader", "PolicyName", "own", "PolicyDocument", may)
	refused := func(name string, c *kmstest.Client) {
		t.Helper()
		if r := c.Call("ListKeys", `{}`); r.Code() != "UnrecognizedClientException" {
			t.Errorf("%s: got %d %s, want UnrecognizedClientException", name, r.Status, r.Raw)
		}
	}
	role, own := sessionOf(t, s, assume(alice)), sessionOf(t, s, alice.Query("sts", "GetSessionToken"))
	role.Must("ListKeys", `{}`)
	own.Must("ListKeys", `{}`)

	replayed := *role
	replayed.AccessKeyID, replayed.Secret = own.AccessKeyID, own.Secret
	refused("the token with another session's key", &replayed)
	replayed.AccessKeyID, replayed.Secret = alice.AccessKeyID, alice.Secret
	refused("the token with a user's key", &replayed)
	elsewhere := kmstest.New(t)
	replayed = *role
	replayed.Server = elsewhere
	refused("the token at another store", &replayed)
	for i := 0; i < len(role.Token); i += 7 {
		changed := *role
		changed.Token = role.Token[:i] + string(role.Token[i]^1) + role.Token[i+1:]
		if strings.Trim(changed.Token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == "" {
			refused("a token with one bit changed", &changed)
		}
	}

	keys := alice.AccessKeyID
	root.MustIAM("UpdateUser", "UserName", "alice", "NewUserName", "alicia")
	refused("a user who was renamed", own)
	root.MustIAM("UpdateAccessKey", "UserName", "alicia", "AccessKeyId", keys, "Status", "Inactive")
	role.Must("ListKeys", `{}`) // is not the user's any more
	ofBob := sessionOf(t, s, bob.Query("sts", "GetSessionToken"))
	root.MustIAM("UpdateAccessKey", "UserName", "bob", "AccessKeyId", bob.AccessKeyID, "Status", "Inactive")
	refused("the access key it was had with is inactive", ofBob)
	root.MustIAM("UpdateAccessKey", "UserName", "bob", "AccessKeyId", bob.AccessKeyID, "Status", "Active")
	ofBob.Must("ListKeys", `{}`)
	root.MustIAM("DeleteAccessKey", "UserName", "bob", "AccessKeyId", bob.AccessKeyID)
	refused("the access key it was had with is gone", ofBob)

	root.MustIAM("PutRolePolicy", "RoleName", "reader", "PolicyName", "own", "PolicyDocument", statements(`{"Effect":"Deny","Action":"kms:ListKeys","Resource":"*"}`))
	if r := role.Call("ListKeys", `{}`); r.Code() != "AccessDeniedException" {
		t.Errorf("its role's policies changed: got %s, want AccessDeniedException", r.Raw)
	}
	root.MustIAM("DeleteRolePolicy", "RoleName", "reader", "PolicyName", "own")
	root.MustIAM("DeleteRole", "RoleName", "reader")
	refused("its role is gone", role)
	s.Exists("role/apps/reader")
	refused("its role was made anew", role)
}

// Rotating the KEK ends all sessions, whoever's they are.
func TestRotationEndsSessions(t *testing.T) {
	s := kmstest.New(t)
	alice := s.User(&recordpb.User{Name: "alice", Inline: inline(statements(`{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}`))})
	session := sessionOf(t, s, alice.Query("sts", "GetSessionToken"))
	session.Must("ListKeys", `{}`)
	if _, err := admin.RotateKEK.Perform(t.Context(), &admin.Host{Node: s.Node}, admin.Self(), admin.Nothing{}, nil); err != nil {
		t.Fatal(err)
	}
	if r := session.Call("ListKeys", `{}`); r.Code() != "UnrecognizedClientException" {
		t.Errorf("got %d %s, want UnrecognizedClientException", r.Status, r.Raw)
	}
	sessionOf(t, s, alice.Query("sts", "GetSessionToken")).Must("ListKeys", `{}`)
}

// Of two tokens in one request a reader might believe either.
func TestTwoSessionTokens(t *testing.T) {
	s := kmstest.New(t)
	alice := s.User(&recordpb.User{Name: "alice", Inline: inline(statements(`{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}`))})
	c := sessionOf(t, s, alice.Query("sts", "GetSessionToken"))
	for _, second := range []string{c.Token, ""} {
		req := c.Request("ListKeys", []byte(`{}`))
		req.Header["X-Amz-Security-Token"] = []string{c.Token, second}
		r, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if r.Status == 200 {
			t.Errorf("second token %q: got success, want a refusal", second)
		}
	}
}

// A service may assume a role that trusts it, and has no session of its own.
func TestServiceAssumes(t *testing.T) {
	s := kmstest.New(t)
	s.Role(&recordpb.Role{Path: "/apps/", Name: "reader", Trust: statements(trusts(`{"Service":"ec2.amazonaws.com"}`, `"sts:AssumeRole"`, ""))})
	service := func(name string) *kmstest.Client {
		id, secret, change := s.AccessKeys.OfService(name, kmstest.Account, "", s.Clock.Now())
		if err := s.Book.Commit(t.Context(), change, "", nil); err != nil {
			t.Fatal(err)
		}
		return &kmstest.Client{Server: s, AccessKeyID: id, Secret: secret, Region: kmstest.Region}
	}
	ec2 := service("ec2.amazonaws.com")
	sessionOf(t, s, assume(ec2))
	told(t, assume(service("s3.amazonaws.com")), 403, "AccessDenied", "User: s3.amazonaws.com is not authorized to perform: sts:AssumeRole")
	told(t, ec2.Query("sts", "GetSessionToken"), 403, "AccessDenied", "service principal")
}
