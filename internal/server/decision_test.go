package server_test

import (
	"strings"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
)

const (
	home, away = kmstest.Account, caller

	onlyRandom = "arn:aws:iam::" + home + ":policy/only-random" // allows nothing but GenerateRandom
)

func arnOf(account, principal string) string { return "arn:aws:iam::" + account + ":" + principal }

// statement makes one of a key policy; of an identity policy where principal is empty.
func statement(effect, principal, action string, more ...string) string {
	s := `{"Effect":"` + effect + `","Action":"` + action + `","Resource":"*"`
	switch {
	case principal == "*":
		s += `,"Principal":"*"`
	case strings.HasSuffix(principal, ".amazonaws.com"):
		s += `,"Principal":{"Service":"` + principal + `"}`
	case principal != "":
		s += `,"Principal":{"AWS":"` + principal + `"}`
	}
	for _, m := range more {
		s += "," + m
	}
	return s + "}"
}

func policyOf(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

func inlined(statements ...string) []*recordpb.NamedPolicy {
	if len(statements) == 0 {
		return nil
	}
	return []*recordpb.NamedPolicy{{Name: "own", Text: policyOf(statements...)}}
}

// deciding is a server with somebody of each kind, by name.
type deciding struct {
	*kmstest.Server
	t       *testing.T
	callers map[string]*kmstest.Client
}

// decisionWorld makes users and sessions: -able have kms:* of their own, -bare nothing.
func decisionWorld(t *testing.T) *deciding {
	s := kmstest.New(t)
	w := &deciding{Server: s, t: t, callers: map[string]*kmstest.Client{"root": s.As(home), "away root": s.As(away)}}
	root := s.As(home)
	root.MustIAM("CreatePolicy", "PolicyName", "only-random", "PolicyDocument", policyOf(statement("Allow", "", "kms:GenerateRandom")))
	all := statement("Allow", "", "kms:*")
	for name, u := range map[string]*recordpb.User{
		"bare": {}, "able": {Inline: inlined(all)}, "managed": {Attached: []string{"arn:aws:iam::aws:policy/AdministratorAccess"}},
		"bound":  {Inline: inlined(all), Boundary: onlyRandom},
		"denied": {Inline: inlined(all, statement("Deny", "", "kms:Encrypt"))},
		"pathed": {Path: "/team/"},
		"away":   {Account: away}, "away-able": {Account: away, Inline: inlined(all)},
		"away-bound": {Account: away, Inline: inlined(all), Boundary: "arn:aws:iam::aws:policy/IAMFullAccess"},
	} {
		u.Name = name
		w.callers[name] = s.User(u)
	}
	for name, r := range map[string]*recordpb.Role{
		"r-bare": {Path: "/team/"}, "r-able": {Inline: inlined(all)}, "r-bound": {Inline: inlined(all), Boundary: onlyRandom},
		"r-away": {Account: away, Inline: inlined(all)},
	} {
		r.Name = name
		s.Role(r)
		w.callers[name] = s.Session(&recordpb.Session{Account: r.Account, Role: name})
	}
	w.callers["r-able other"] = s.Session(&recordpb.Session{Role: "r-able", Name: "other"})
	w.callers["r-bare other"] = s.Session(&recordpb.Session{Role: "r-bare", Name: "other"})
	limited := policyOf(statement("Allow", "", "kms:GenerateRandom"))
	w.callers["r-able limited"] = s.Session(&recordpb.Session{Role: "r-able", Name: "limited", Policy: limited})
	w.callers["r-bare limited"] = s.Session(&recordpb.Session{Role: "r-bare", Name: "limited", Policy: limited})
	w.callers["r-able limited by arn"] = s.Session(&recordpb.Session{Role: "r-able", Name: "limited", PolicyArns: []string{onlyRandom}})
	w.callers["r-able limited by nothing"] = s.Session(&recordpb.Session{Role: "r-able", Name: "limited", PolicyArns: []string{arnOf(home, "policy/gone")}})
	w.callers["r-able denied"] = s.Session(&recordpb.Session{Role: "r-able", Name: "denied", Policy: policyOf(all, statement("Deny", "", "kms:Encrypt"))})
	w.callers["service"] = w.service("s3.amazonaws.com")
	w.groups(root, all)
	return w
}

// groups makes a user whom a group lets and one whom a group forbids.
func (w *deciding) groups(root *kmstest.Client, all string) {
	for name, text := range map[string]string{"grouped": all, "group-denied": statement("Deny", "", "kms:*")} {
		w.callers[name] = w.User(&recordpb.User{Name: name, Inline: map[string][]*recordpb.NamedPolicy{"group-denied": inlined(all)}[name]})
		root.MustIAM("CreateGroup", "GroupName", name)
		root.MustIAM("PutGroupPolicy", "GroupName", name, "PolicyName", "p", "PolicyDocument", policyOf(text))
		root.MustIAM("AddUserToGroup", "GroupName", name, "UserName", name)
	}
}

func (w *deciding) service(name string) *kmstest.Client {
	w.t.Helper()
	id, secret, _ := w.AccessKeys.New(home, "", w.Clock.Now())
	c := w.Book.Change()
	c.Insert(recordAccessKey(id), &recordpb.AccessKey{Id: id, Secret: []byte(secret), Service: name, Created: 1})
	if err := w.Book.Commit(w.t.Context(), c, "", nil); err != nil {
		w.t.Fatal(err)
	}
	return &kmstest.Client{Server: w.Server, AccessKeyID: id, Secret: secret, Region: kmstest.Region}
}

// key makes one with a policy; its root user keeps it, whatever the policy says.
func (w *deciding) key(statements ...string) (arn string) {
	w.t.Helper()
	return w.As(home).Must("CreateKey", map[string]any{"Policy": policyOf(statements...), "BypassPolicyLockoutSafetyCheck": true}).String("KeyMetadata.Arn")
}

// How a call ends: refusals by what tells them apart.
const (
	through    = ""
	noKey      = "because no resource-based policy allows"
	noIdentity = "because no identity-based policy allows"
	noBoundary = "because no permissions boundary allows"
	noSession  = "because no session policy allows"
	elsewhere  = "because the resource does not exist in this Region, no resource-based policies allow access"
	byKey      = "with an explicit deny in a resource-based policy"
	byIdentity = "with an explicit deny in an identity-based policy"
	bySession  = "with an explicit deny in a session policy"
)

func ends(t *testing.T, r *kmstest.Reply, want string) {
	t.Helper()
	switch {
	case want == through && r.Code() != "":
		t.Errorf("got %s, want it allowed", r.Raw)
	case want != through && (r.Code() != "AccessDeniedException" || !strings.Contains(r.Message(), want)):
		t.Errorf("got %d %s, want a refusal %s", r.Status, r.Raw, want)
	}
}

// The decision procedure of access.md §4.3, row by row: who asks a key with this policy to encrypt.
func TestDecisions(t *testing.T) {
	w := decisionWorld(t)
	toHome, toAway := statement("Allow", home, "kms:*"), statement("Allow", away, "kms:*")
	toAll := statement("Allow", "*", "kms:*")
	to := func(principal string) string { return statement("Allow", arnOf(home, principal), "kms:*") }
	session := func(name string) string { return "arn:aws:sts::" + home + ":assumed-role/" + name }
	for _, row := range []struct {
		name   string
		caller string
		policy []string
		want   string
	}{
		{"the root user needs the key policy", "root", []string{toHome}, through},
		{"and has nothing without", "root", []string{to("user/able")}, noKey},
		{"the creator has nothing of its own", "able", []string{to("user/bare")}, noKey},
		{"delegation and an inline policy", "able", []string{toHome}, through},
		{"delegation and a managed policy", "managed", []string{toHome}, through},
		{"delegation and a group's", "grouped", []string{toHome}, through},
		{"delegation and nothing", "bare", []string{toHome}, noIdentity},
		{"delegation of other actions", "able", []string{statement("Allow", home, "kms:Describe*")}, noKey},
		{"delegation under a condition that is met", "able", []string{statement("Allow", home, "kms:*", `"Condition":{"StringEquals":{"kms:EncryptionContext:App":"a"}}`)}, through},
		{"delegation under one that is not", "able", []string{statement("Allow", home, "kms:*", `"Condition":{"StringEquals":{"kms:EncryptionContext:App":"b"}}`)}, noKey},
		{"the key policy alone suffices", "bare", []string{to("user/bare")}, through},
		{"for a user with a path", "pathed", []string{to("user/team/pathed")}, through},
		{"for everyone", "bare", []string{toAll}, through},
		{"a boundary limits the account", "bound", []string{toHome}, noBoundary},
		{"and not who is named", "bound", []string{to("user/bound")}, through},
		{"nor everyone", "bound", []string{toAll}, through},
		{"a Deny of the key policy", "able", []string{toHome, statement("Deny", "*", "kms:Encrypt")}, byKey},
		{"of the account as a whole", "able", []string{toHome, statement("Deny", home, "kms:Encrypt")}, byKey},
		{"of an identity policy, against the account", "denied", []string{toHome}, byIdentity},
		{"against who is named", "denied", []string{to("user/denied")}, byIdentity},
		{"against everyone", "denied", []string{toAll}, byIdentity},
		{"of a group", "group-denied", []string{to("user/group-denied")}, byIdentity},
		{"a Deny of others", "able", []string{toHome, statement("Deny", arnOf(home, "user/bare"), "kms:*")}, through},
		{"a role is named", "r-bare", []string{to("role/team/r-bare")}, through},
		{"another role is", "r-bare", []string{to("role/r-able")}, noKey},
		{"delegation to a session", "r-able", []string{toHome}, through},
		{"whose role has nothing", "r-bare", []string{toHome}, noIdentity},
		{"a boundary limits who is named by the role", "r-bound", []string{to("role/r-bound")}, noBoundary},
		{"a session policy does", "r-able limited", []string{to("role/r-able")}, noSession},
		{"and limits the account", "r-able limited", []string{toHome}, noSession},
		{"a session policy by ARN too", "r-able limited by arn", []string{toHome}, noSession},
		{"and one that is gone", "r-able limited by nothing", []string{toHome}, noSession},
		{"not a session that is named", "r-able limited", []string{statement("Allow", session("r-able/limited"), "kms:*")}, through},
		{"a boundary neither", "r-bound", []string{statement("Allow", session("r-bound/test"), "kms:*")}, through},
		{"another session of the role is named", "r-bare other", []string{statement("Allow", session("r-bare/test"), "kms:*")}, noKey},
		{"a Deny of a session policy, against a named session", "r-able denied", []string{statement("Allow", session("r-able/denied"), "kms:*")}, bySession},
		{"a Deny of the role", "r-able", []string{toHome, statement("Deny", arnOf(home, "role/r-able"), "kms:*")}, byKey},
		{"a Deny of one session", "r-able", []string{toHome, statement("Deny", session("r-able/test"), "kms:*")}, byKey},
		{"and its sister", "r-able other", []string{toHome, statement("Deny", session("r-able/test"), "kms:*")}, through},
		{"another account, both sides", "away-able", []string{toHome, toAway}, through},
		{"its root user", "away root", []string{toHome, toAway}, through},
		{"a session of its role", "r-away", []string{toHome, toAway}, through},
		{"the key's side alone", "away", []string{toHome, toAway}, noIdentity},
		{"by name, the key's side alone", "away", []string{toHome, statement("Allow", arnOf(away, "user/away"), "kms:*")}, noIdentity},
		{"everyone, the key's side alone", "away", []string{toHome, toAll}, noIdentity},
		{"everyone, both sides", "away-able", []string{toHome, toAll}, through},
		{"its own side alone", "away-able", []string{toHome}, elsewhere},
		{"with a boundary", "away-bound", []string{toHome, toAway}, noBoundary},
		{"a Deny of the key policy is not told", "away-able", []string{toHome, toAway, statement("Deny", away, "kms:Encrypt")}, elsewhere},
		{"a service that is named", "service", []string{toHome, statement("Allow", "s3.amazonaws.com", "kms:*")}, through},
		{"a service is not everyone", "service", []string{toHome, toAll}, elsewhere},
		{"another service is named", "service", []string{toHome, statement("Allow", "rds.amazonaws.com", "kms:*")}, elsewhere},
		{"a Deny of a service", "service", []string{toHome, statement("Allow", "s3.amazonaws.com", "kms:*"), statement("Deny", "s3.amazonaws.com", "kms:*")}, elsewhere},
	} {
		t.Run(row.name, func(t *testing.T) {
			body := map[string]any{"KeyId": w.key(row.policy...), "Plaintext": "aGk=", "EncryptionContext": map[string]string{"App": "a"}}
			ends(t, w.callers[row.caller].Call("Encrypt", body), row.want)
		})
	}
}

// What is about no key is for the caller's own policies (access.md §4.3), and for none that names a key.
func TestDecisionsOnNothing(t *testing.T) {
	w := decisionWorld(t)
	named := w.User(&recordpb.User{Name: "named", Inline: inlined(`{"Effect":"Allow","Action":"kms:*","Resource":"arn:aws:kms:*:*:key/*"}`)})
	for _, row := range []struct {
		name   string
		caller *kmstest.Client
		want   string
	}{
		{"the root user", w.callers["root"], through}, {"an inline policy", w.callers["able"], through}, {"a group's", w.callers["grouped"], through},
		{"nothing", w.callers["bare"], noIdentity}, {"a boundary", w.callers["bound"], noBoundary}, {"a session policy", w.callers["r-able limited"], noSession},
		{"a policy that names keys", named, noIdentity}, {"a Deny of a group", w.callers["group-denied"], byIdentity},
	} {
		for _, operation := range []string{"CreateKey", "ListKeys", "ListAliases", "DescribeCustomKeyStores"} {
			t.Run(row.name+" "+operation, func(t *testing.T) { ends(t, row.caller.Call(operation, `{}`), row.want) })
		}
	}
}
