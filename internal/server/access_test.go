package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"qkms/internal/identity"
	"qkms/internal/kmstest"
	"qkms/internal/op"
	"qkms/internal/record"
	"qkms/internal/record/recordpb"
)

// A permission is one row of access.md §4.2, with what §6.3 says about grants. It is written from the
// specification; no operation had a say in it.
type permission struct {
	// The operation, and which kind of its requests where the kinds differ.
	request string

	// Its actions × what each is on: * and aliases, which policies of identities alone can allow (column
	// Policy: I), and keys, which key policies can (K). "key" is the one that KeyId, SourceKeyId or TargetKeyId
	// names, or the ciphertext; "other" the destination of ReEncrypt, or what an alias was on; "replica" the
	// primary that is to be.
	demands string

	across   bool // column X: another account's key policy can allow it
	grant    bool // §6.3: a grant can
	nameless bool // another account has no name for what it is on: aliases are found in one's own account
}

var permissions = []permission{
	{request: "CreateKey", demands: "CreateKey × *, TagResource × *"},
	{request: "ListKeys", demands: "ListKeys × *"},
	{request: "ListAliases", demands: "ListAliases × *"},
	{request: "ListAliases of a key", demands: "ListAliases × *"},
	{request: "GenerateRandom", demands: "GenerateRandom × *"},
	{request: "ListRetirableGrants", demands: "ListRetirableGrants × *"},
	{request: "ConnectCustomKeyStore", demands: "ConnectCustomKeyStore × *"},
	{request: "CreateCustomKeyStore", demands: "CreateCustomKeyStore × *"},
	{request: "DeleteCustomKeyStore", demands: "DeleteCustomKeyStore × *"},
	{request: "DescribeCustomKeyStores", demands: "DescribeCustomKeyStores × *"},
	{request: "DisconnectCustomKeyStore", demands: "DisconnectCustomKeyStore × *"},
	{request: "UpdateCustomKeyStore", demands: "UpdateCustomKeyStore × *"},

	{request: "Encrypt", demands: "Encrypt × key", across: true, grant: true},
	{request: "Decrypt", demands: "Decrypt × key", across: true, grant: true},
	{request: "Decrypt of a ciphertext", demands: "Decrypt × key", across: true, grant: true},
	{request: "GenerateDataKey", demands: "GenerateDataKey × key", across: true, grant: true},
	{request: "GenerateDataKeyWithoutPlaintext", demands: "GenerateDataKeyWithoutPlaintext × key", across: true, grant: true},
	{request: "GenerateDataKeyPair", demands: "GenerateDataKeyPair × key", across: true, grant: true},
	{request: "GenerateDataKeyPairWithoutPlaintext", demands: "GenerateDataKeyPairWithoutPlaintext × key", across: true, grant: true},
	{request: "GenerateMac", demands: "GenerateMac × key", across: true, grant: true},
	{request: "VerifyMac", demands: "VerifyMac × key", across: true, grant: true},
	{request: "Sign", demands: "Sign × key", across: true, grant: true},
	{request: "Verify", demands: "Verify × key", across: true, grant: true},
	{request: "DeriveSharedSecret", demands: "DeriveSharedSecret × key", across: true, grant: true},
	{request: "Encapsulate", demands: "Encapsulate × key", across: true, grant: true},
	{request: "Decapsulate", demands: "Decapsulate × key", across: true, grant: true},
	{request: "ReEncrypt", demands: "ReEncryptFrom × key, ReEncryptTo × other", across: true, grant: true},
	{request: "ReEncrypt of a ciphertext", demands: "ReEncryptFrom × key, ReEncryptTo × other", across: true, grant: true},
	{request: "DescribeKey", demands: "DescribeKey × key", across: true, grant: true},
	{request: "GetPublicKey", demands: "GetPublicKey × key", across: true, grant: true},
	{request: "CreateGrant", demands: "CreateGrant × key", across: true, grant: true},
	{request: "GetKeyRotationStatus", demands: "GetKeyRotationStatus × key", across: true},
	{request: "ListGrants", demands: "ListGrants × key", across: true},
	{request: "RevokeGrant", demands: "RevokeGrant × key", across: true},

	{request: "CreateAlias", demands: "CreateAlias × alias, CreateAlias × key"},
	{request: "DeleteAlias", demands: "DeleteAlias × alias, DeleteAlias × key", nameless: true},
	{request: "UpdateAlias", demands: "UpdateAlias × alias, UpdateAlias × other, UpdateAlias × key", nameless: true},
	{request: "ReplicateKey", demands: "ReplicateKey × key, CreateKey × *, TagResource × *"},
	{request: "UpdatePrimaryRegion", demands: "UpdatePrimaryRegion × key, UpdatePrimaryRegion × replica"},

	{request: "CancelKeyDeletion", demands: "CancelKeyDeletion × key"},
	{request: "DeleteImportedKeyMaterial", demands: "DeleteImportedKeyMaterial × key"},
	{request: "DisableKey", demands: "DisableKey × key"},
	{request: "DisableKeyRotation", demands: "DisableKeyRotation × key"},
	{request: "EnableKey", demands: "EnableKey × key"},
	{request: "EnableKeyRotation", demands: "EnableKeyRotation × key"},
	{request: "GetKeyLastUsage", demands: "GetKeyLastUsage × key"},
	{request: "GetKeyPolicy", demands: "GetKeyPolicy × key"},
	{request: "GetParametersForImport", demands: "GetParametersForImport × key"},
	{request: "ImportKeyMaterial", demands: "ImportKeyMaterial × key"},
	{request: "ListKeyPolicies", demands: "ListKeyPolicies × key"},
	{request: "ListKeyRotations", demands: "ListKeyRotations × key"},
	{request: "ListResourceTags", demands: "ListResourceTags × key"},
	{request: "PutKeyPolicy", demands: "PutKeyPolicy × key"},
	{request: "RotateKeyOnDemand", demands: "RotateKeyOnDemand × key"},
	{request: "ScheduleKeyDeletion", demands: "ScheduleKeyDeletion × key"},
	{request: "TagResource", demands: "TagResource × key"},
	{request: "UntagResource", demands: "UntagResource × key"},
	{request: "UpdateKeyDescription", demands: "UpdateKeyDescription × key"},
}

// RetireGrant is "special" there: TestRetireGrantAccess.
const special = "RetireGrant"

func TestPermissionsAreWhole(t *testing.T) {
	for _, row := range op.Table {
		listed := slices.ContainsFunc(permissions, func(p permission) bool { return p.operation() == row.Operation() })
		if listed == (row.Operation() == special) {
			t.Errorf("%s: got %t in the table of permissions", row.Operation(), listed)
		}
	}
}

// A demand is one action on one thing.
type demand struct{ action, on string }

func (d demand) ofKeyPolicy() bool { return d.on != "*" && d.on != "alias" }

func (p *permission) operation() string {
	name, _, _ := strings.Cut(p.request, " ")
	return name
}

func (p *permission) list() (all []demand) {
	for one := range strings.SplitSeq(p.demands, ", ") {
		action, on, _ := strings.Cut(one, " × ")
		all = append(all, demand{action, on})
	}
	return all
}

// onKeys are the demands that a key policy can meet.
func (p *permission) onKeys() []demand {
	return slices.DeleteFunc(p.list(), func(d demand) bool { return !d.ofKeyPolicy() })
}

// outside is another account than the one that owns the keys.
const outside = "444455556666"

// An accessTest is a server on which all rows are tried.
type accessTest struct {
	*kmstest.Server
	t      *testing.T
	root   *kmstest.Client
	keeper *kmstest.Client   // who changes key policies
	late   *kmstest.Client   // with credentials that have expired
	gone   *kmstest.Client   // of a user that was deleted
	denied map[string]string // by request id: the operation that was refused
}

// Each operation as each kind of caller, against the table.
func TestAccess(t *testing.T) {
	t.Parallel() // with the other tests that mostly wait for the disk
	a := newAccess(t)
	for _, p := range permissions {
		t.Run(p.request, func(t *testing.T) {
			a := *a
			a.t = t
			a.allowed(&p)
			s := a.stage(&p, "")
			a.lacking(&p, s)
			a.elsewhere(&p, s)
			a.grantee(&p)
			a.unknown(&p, s)
			a.unheard(&p, s) // closes the keys: last
		})
	}
	a.recorded()
}

func newAccess(t *testing.T) *accessTest {
	s := kmstest.With(t, kmstest.Options{Quota: op.Quota{Keys: 100000, KeyStores: 1000}})
	s.Exists("user/alice", "role/late")
	a := &accessTest{Server: s, t: t, root: s.As(kmstest.Account), denied: map[string]string{}}
	a.keeper = s.User(&recordpb.User{Name: "keeper"})
	all := []*recordpb.NamedPolicy{{Name: "all", Text: document(allow("kms:*", "*"))}}
	s.Role(&recordpb.Role{Name: "late", Inline: all})
	a.late = s.Session(&recordpb.Session{Role: "late", Expires: s.Clock.Now().Add(-time.Second).UnixMilli()})
	a.gone = s.User(&recordpb.User{Name: "gone", Inline: all})
	c := s.Book.Change()
	_, ver, err := record.Read[recordpb.User](context.Background(), s.Book, record.OfUser(kmstest.Account, "gone"))
	c.Remove(record.OfUser(kmstest.Account, "gone"), ver)
	if err != nil || s.Book.Commit(context.Background(), c, "", nil) != nil {
		t.Fatal("the user could not be deleted")
	}
	return a
}

func allow(action, resource string) fields {
	return fields{"Effect": "Allow", "Action": action, "Resource": resource}
}

func deny(action, resource string) fields {
	return fields{"Effect": "Deny", "Action": action, "Resource": resource}
}

// by is a statement of a key policy.
func by(arn string, statement fields) fields {
	return with(statement, "Principal", fields{"AWS": arn})
}

// user makes a user of an account with a policy of these statements, and tells its ARN.
func (a *accessTest) user(account string, statements []fields) (*kmstest.Client, string) {
	a.t.Helper()
	name := strings.ToLower(identity.NewID("AIDA"))
	m := &recordpb.User{Account: account, Name: name}
	if len(statements) > 0 {
		m.Inline = []*recordpb.NamedPolicy{{Name: "p", Text: document(statements...)}}
	}
	return a.User(m), "arn:aws:iam::" + account + ":user/" + name
}

// meeting are the statements that meet demands, and nothing else.
func meeting(s *scene, demands []demand) (all []fields) {
	for _, d := range demands {
		all = append(all, allow("kms:"+d.action, s.on[d.on]))
	}
	return all
}

func (a *accessTest) call(c *kmstest.Client, s *scene) *kmstest.Reply {
	a.t.Helper()
	r := c.Call(s.operation, s.body)
	if r.Code() == "AccessDeniedException" {
		a.denied[r.Header.Get("x-amzn-RequestId")] = s.operation
	}
	return r
}

func (a *accessTest) succeeds(who string, c *kmstest.Client, s *scene) {
	a.t.Helper()
	if r := a.call(c, s); r.Status != http.StatusOK {
		a.t.Errorf("%s: got %s, want success", who, r.Raw)
	}
}

// refused wants the sentence of access.md §4.4 that names this action and, as on, this resource.
func (a *accessTest) refused(what string, r *kmstest.Reply, arn, action, on, why string) {
	a.t.Helper()
	want := fmt.Sprintf("User: %s is not authorized to perform: kms:%s on %s %s", arn, action, on, why)
	if r.Code() != "AccessDeniedException" || r.Message() != want {
		a.t.Errorf("%s: got %s, want %s", what, r.Raw, want)
	}
}

const (
	explicitly = "with an explicit deny in "
	notHere    = "because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"
)

func unsaid(kind, action string) string {
	return "because no " + kind + " allows the kms:" + action + " action"
}

// allowed: the owner's root user by the default key policy; a user whose own policies meet the demands and no
// more; one whom the key policies name, so that its own need not be about keys (§4.3).
func (a *accessTest) allowed(p *permission) {
	a.succeeds("root user", a.root, a.bare(p))
	s := a.stage(p, "")
	user, _ := a.user(kmstest.Account, append(meeting(s, p.list()), unlessOfKeys()...))
	a.succeeds("identity policy", user, s)
	if len(p.onKeys()) == 0 {
		return
	}
	s = a.stage(p, "")
	user, arn := a.user(kmstest.Account, meeting(s, slices.DeleteFunc(p.list(), demand.ofKeyPolicy)))
	for _, d := range p.onKeys() {
		a.keyPolicy(s, d.on, open(), by(arn, allow("kms:"+d.action, "*")))
	}
	a.succeeds("key policy", user, s)
}

// unlessOfKeys denies what lacks one of the condition keys that §5.1 has for every operation on a key, and what
// has one of them on an alias.
func unlessOfKeys() (all []fields) {
	for _, name := range []string{"CallerAccount", "KeySpec", "KeyUsage", "KeyOrigin", "MultiRegion", "CustomerMasterKeySpec", "CustomerMasterKeyUsage"} {
		all = append(all,
			with(deny("kms:*", "arn:aws:kms:*:*:key/*"), "Condition", fields{"Null": fields{"kms:" + name: true}}),
			with(deny("kms:*", "arn:aws:kms:*:*:alias/*"), "Condition", fields{"Null": fields{"kms:" + name: false}}))
	}
	return all
}

// lacking: one demand that is not met is enough, and so is one Deny, wherever it is.
func (a *accessTest) lacking(p *permission, s *scene) {
	for i, d := range p.list() {
		user, arn := a.user(kmstest.Account, meeting(s, slices.Delete(p.list(), i, i+1)))
		a.refused("without "+d.action+" on "+d.on, a.call(user, s), arn, d.action, s.named(d), unsaid("identity-based policy", d.action))

		user, arn = a.user(kmstest.Account, append(meeting(s, p.list()), deny("kms:"+d.action, s.on[d.on])))
		a.refused("denied "+d.action+" on "+d.on, a.call(user, s), arn, d.action, s.named(d), explicitly+"an identity-based policy")

		if !d.ofKeyPolicy() {
			continue
		}
		user, arn = a.user(kmstest.Account, meeting(s, p.list()))
		a.keyPolicy(s, d.on, open(), by(arn, deny("kms:"+d.action, "*")))
		a.refused("denied "+d.action+" by the policy of "+d.on, a.call(user, s), arn, d.action, s.named(d), explicitly+"a resource-based policy")
		a.keyPolicy(s, d.on, open())
	}
}

// unheard: what a key policy leaves to nobody, no policy of an identity gives.
func (a *accessTest) unheard(p *permission, s *scene) {
	user, arn := a.user(kmstest.Account, meeting(s, p.list()))
	for _, d := range p.onKeys() {
		a.keyPolicy(s, d.on)
		a.refused("nothing in the policy of "+d.on, a.call(user, s), arn, d.action, s.named(d), unsaid("resource-based policy", d.action))
		a.keyPolicy(s, d.on, open())
	}
}

// elsewhere: another account's key needs the word of both sides, and has it where column X says so; without
// the owner's nobody learns that there is such a key.
func (a *accessTest) elsewhere(p *permission, s *scene) {
	demands := p.onKeys()
	if len(demands) == 0 {
		return // it would be about its own account
	}
	user, arn := a.user(outside, []fields{allow("kms:*", "*")})
	if p.nameless {
		if r := a.call(user, s); r.Code() != "NotFoundException" {
			a.t.Errorf("other account: got %s, want NotFoundException", r.Raw)
		}
		return
	}
	first, on := demands[0].action, "this resource"
	if s.byCiphertext {
		on = "the resource associated with this ciphertext"
	}
	silent := a.call(user, s)
	a.refused("other account, key policy silent", silent, arn, first, on, notHere)
	if !s.byCiphertext {
		missing := a.call(user, s.missing())
		if silent.Status != missing.Status || string(silent.Raw) != string(missing.Raw) {
			a.t.Errorf("no such key: got %s, want %s", missing.Raw, silent.Raw)
		}
	}

	invite := func(arn string) *scene {
		s := a.stage(p, "")
		for _, d := range demands {
			a.keyPolicy(s, d.on, open(), by(arn, allow("kms:"+d.action, "*")))
		}
		return s
	}
	user, arn = a.user(outside, nil)
	why := unsaid("identity-based policy", first)
	if s.byCiphertext {
		why = notHere
	}
	a.refused("other account, own side silent", a.call(user, invite(arn)), arn, first, on, why)

	user, arn = a.user(outside, []fields{allow("kms:*", "*")})
	s = invite(arn)
	if p.across {
		a.succeeds("other account, both sides", user, s)
	} else {
		a.refused("other account, both sides", a.call(user, s), arn, first, on, notHere)
	}
}

// grantee: who has grants and no policy about keys may do what §6.3 lists and nothing else.
func (a *accessTest) grantee(p *permission) {
	demands := p.onKeys()
	if len(demands) == 0 {
		return
	}
	anywhere := &scene{on: map[string]string{"*": "*", "alias": "arn:aws:kms:*:*:alias/*"}}
	user, arn := a.user(kmstest.Account, meeting(anywhere, slices.DeleteFunc(p.list(), demand.ofKeyPolicy)))
	s := a.stage(p, arn)
	if p.grant {
		a.succeeds("grantee", user, s)
		return
	}
	a.refused("grantee of all that can be granted", a.call(user, s), arn, demands[0].action, s.named(demands[0]), unsaid("identity-based policy", demands[0].action))
}

// unknown: credentials that are no longer good.
func (a *accessTest) unknown(p *permission, s *scene) {
	if r := a.call(a.late, s); r.Code() != "ExpiredTokenException" || r.Message() != "The security token included in the request is expired" {
		a.t.Errorf("expired session: got %s", r.Raw)
	}
	if r := a.call(a.gone, s); r.Code() != "UnrecognizedClientException" || r.Message() != "The security token included in the request is invalid." {
		a.t.Errorf("deleted user: got %s", r.Raw)
	}
}

// recorded: every refusal left its record, which says what was refused and not what was asked.
func (a *accessTest) recorded() {
	a.t.Helper()
	found := 0
	for _, e := range a.Records() {
		var r struct {
			EventName, RequestID, ErrorCode, ErrorMessage string
			RequestParameters                             json.RawMessage
		}
		if err := json.Unmarshal(e.Line, &r); err != nil {
			a.t.Fatal(err)
		}
		operation, denied := a.denied[r.RequestID]
		if !denied {
			continue
		}
		found++
		if r.EventName != operation || r.ErrorCode != "AccessDenied" || r.ErrorMessage == "" || string(r.RequestParameters) != "null" {
			a.t.Errorf("record of %s that was refused: got %s", operation, e.Line)
		}
	}
	if found != len(a.denied) || found == 0 {
		a.t.Errorf("got %d records of refusals, want %d", found, len(a.denied))
	}
}
