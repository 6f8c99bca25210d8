package roster_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"qkms/internal/audit"
	"qkms/internal/kmstest"
	"qkms/internal/roster"
)

var operator = audit.Identity{Type: "Operator", PrincipalID: "uid:1"}

// compare plans what a text says.
func compare(s *kmstest.Server, text string, prune bool) (*roster.Plan, error) {
	f, err := roster.Parse("f", []byte(text), kmstest.Account)
	if err != nil {
		return nil, err
	}
	return roster.Compare(context.Background(), s.Node, f, prune)
}

// apply makes what a text says so, and returns the lines of the plan.
func apply(t *testing.T, s *kmstest.Server, text string, prune bool) (lines []string) {
	t.Helper()
	plan, err := compare(s, text, prune)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Apply(t.Context(), operator, nil); err != nil {
		t.Fatal(err)
	}
	return shown(plan)
}

func shown(plan *roster.Plan) (lines []string) {
	for _, c := range plan.Changes {
		lines = append(lines, c.String())
		for _, note := range c.Notes {
			lines = append(lines, "  "+note)
		}
	}
	return lines
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func example(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/identities.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The identities of a file may what it says, as requests find out; twice is once.
func TestIdentitiesOfAFileWork(t *testing.T) {
	s := kmstest.New(t)
	root := s.As(kmstest.Account)
	apply(t, s, example(t), false)
	if again := apply(t, s, example(t), false); len(again) > 0 {
		t.Errorf("applied again: got %q, want no changes", again)
	}
	client := func(user string) *kmstest.Client {
		k := root.MustIAM("CreateAccessKey", "UserName", user)
		return &kmstest.Client{Server: s, AccessKeyID: k.Text("AccessKeyId"), Secret: k.Text("SecretAccessKey"), Region: kmstest.Region}
	}
	invoices, carol := client("invoices"), client("carol")
	id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	blob := root.Must("Encrypt", map[string]any{"KeyId": id, "Plaintext": "aGk=", "EncryptionContext": map[string]string{"app": "shop"}}).String("CiphertextBlob")
	decrypt := map[string]any{"CiphertextBlob": blob, "EncryptionContext": map[string]string{"app": "shop"}}
	invoices.Must("Decrypt", decrypt)
	carol.Must("Decrypt", decrypt)
	for name, r := range map[string]*kmstest.Reply{
		"what no policy gives":      invoices.Call("Encrypt", map[string]any{"KeyId": id, "Plaintext": "aGk="}),
		"what the boundary refuses": carol.Call("ScheduleKeyDeletion", map[string]any{"KeyId": id}),
	} {
		if r.Code() != "AccessDeniedException" {
			t.Errorf("%s: got %d %s, want a refusal", name, r.Status, r.Raw)
		}
	}
	role := invoices.Query("sts", "AssumeRole", "RoleArn", "arn:aws:iam::111122223333:role/shop", "RoleSessionName", "test")
	if role.Status != 200 {
		t.Fatalf("%s", role.Raw)
	}
	shop := &kmstest.Client{Server: s, AccessKeyID: role.Text("AccessKeyId"), Secret: role.Text("SecretAccessKey"), Token: role.Text("SessionToken"), Region: kmstest.Region}
	shop.Must("Decrypt", decrypt)
	if r := carol.Query("sts", "AssumeRole", "RoleArn", "arn:aws:iam::111122223333:role/shop", "RoleSessionName", "test"); r.Code() != "AccessDenied" {
		t.Errorf("who is not trusted: got %d %s, want a refusal", r.Status, r.Raw)
	}
}

const (
	anyKMS = `{"Version":"2012-10-17","Statement":[{"Sid":"All","Effect":"Allow","Action":"kms:*","Resource":"*"}]}`
	trusts = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sts:AssumeRole"}]}`
)

var spki = strings.Repeat("a", 64)

// Each row is a file over another, and what it changes.
func TestChanges(t *testing.T) {
	const arn = "arn:aws:iam::111122223333:"
	policy := func(document string) string { return "policies: [{name: p, document: '" + document + "'}]\n" }
	role := func(trust, rest string) string {
		return "roles: [{name: r, trust: '" + trust + "'" + rest + "}]\n"
	}
	trusting := func(who string) string { return strings.Replace(trusts, "root", who, 1) }
	for name, c := range map[string]struct {
		before, after string
		prune         bool
		want          []string
	}{
		"nothing":                       {before: "users: [{name: a}]", after: "users: [{name: a}]"},
		"what is not listed stays":      {before: "users: [{name: a}]", after: "users: [{name: b}]", want: []string{"+ user b"}},
		"what is not listed goes":       {before: "users: [{name: a}]", after: "users: [{name: b}]", prune: true, want: []string{"+ user b", "- user a"}},
		"tags":                          {before: "users: [{name: a, tags: {k: v, x: y, z: w}}]", after: "users: [{name: a, tags: {K: v, z: w2}}]", want: []string{"~ user a: remove tags x", "~ user a: tags K, z"}},
		"paths":                         {before: "users: [{name: a}]\ngroups: [{name: g, path: /x/}]", after: "users: [{name: a, path: /u/}]\ngroups: [{name: g}]", want: []string{"~ group g: path / (was /x/)", "~ user a: path /u/ (was /)"}},
		"groups":                        {before: "groups: [{name: g}, {name: h}]\nusers: [{name: a, groups: [g]}]", after: "users: [{name: a, groups: [h]}]", want: []string{"~ user a: remove from group g", "~ user a: add to group h"}},
		"attached policies":             {before: policy(anyKMS) + "users: [{name: a, policies: [p]}]", after: "users: [{name: a, policies: ['arn:aws:iam::aws:policy/IAMFullAccess']}]", want: []string{"~ user a: detach " + arn + "policy/p", "~ user a: attach arn:aws:iam::aws:policy/IAMFullAccess"}},
		"boundaries":                    {before: policy(anyKMS) + "users: [{name: a, boundary: p}, {name: b}]", after: "users: [{name: a}, {name: b, boundary: p}]", want: []string{"~ user a: no boundary", "~ user b: boundary " + arn + "policy/p"}},
		"a policy spelled otherwise":    {before: policy(anyKMS), after: "policies: [{name: p, document: {Statement: {Resource: ['*'], Action: ['kms:*'], Sid: All, Effect: Allow}, Version: 2012-10-17}}]"},
		"a statement":                   {before: policy(anyKMS), after: policy(strings.Replace(anyKMS, "kms:*", "kms:List*", 1)), want: []string{"~ policy p: document", `  ~ statement All: Action "kms:List*" (was "kms:*")`}},
		"another statement":             {before: policy(anyKMS), after: policy(strings.Replace(anyKMS, "All", "New", 1)), want: []string{"~ policy p: document", "  + statement New", "  - statement All"}},
		"inline policies":               {before: "users: [{name: a, inline: {x: '" + anyKMS + "', y: '" + anyKMS + "'}}]", after: "users: [{name: a, inline: {y: {Version: 2012-10-17, Statement: {Sid: All, Effect: Deny, Action: 'kms:*', Resource: '*'}}, z: '" + anyKMS + "'}}]", want: []string{"~ user a: remove inline policy x", "~ user a: inline policy y", `  ~ statement All: Effect "Deny" (was "Allow")`, "~ user a: inline policy z"}},
		"a role":                        {before: role(trusts, ""), after: role(trusting("user/u"), ", max_session: 7200, description: d") + "users: [{name: u}]", want: []string{"+ user u", "~ role r: description and longest session", "~ role r: trust policy", `  ~ statement 1: Principal {"AWS":"` + arn + `user/u"} (was {"AWS":"` + arn + `root"})`}},
		"roles that trust each other":   {before: "groups: [{name: g}]", after: "roles: [{name: a, trust: '" + trusting("role/b") + "'}, {name: b, trust: '" + trusting("role/a") + "'}]", want: []string{"+ role a", "  trusting nobody until its trust policy is set", "+ role b", "~ role a: trust policy"}},
		"identity providers":            {before: "identity_providers: [{url: 'https://x.example', client_ids: [a, b]}]", after: "identity_providers: [{url: 'https://x.example/', client_ids: [b, c], thumbprints: [AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA], tags: {k: v}}]", want: []string{"~ identity provider x.example: remove client id a", "~ identity provider x.example: thumbprints", "~ identity provider x.example: tags k", "~ identity provider x.example: client id c"}},
		"a certificate":                 {before: role(trusts, ""), after: "certificates: [{name: c, role: r, spki: " + spki + "}]", want: []string{"+ certificate c"}},
		"the key of a certificate":      {before: role(trusts, "") + "certificates: [{name: c, role: r, spki: " + spki + "}]", after: "certificates: [{name: c, role: r, spki: " + strings.Repeat("b", 64) + "}]", want: []string{"~ certificate c: end it as it was", "~ certificate c: register it for role r"}},
		"a certificate and its role go": {before: role(trusts, "") + "certificates: [{name: c, role: r, spki: " + spki + "}]", after: "users: [{name: z}]", prune: true, want: []string{"+ user z", "- certificate c", "- role r"}},
		"everything of an account goes": {before: policy(anyKMS) + role(trusts, ", policies: [p], boundary: p") + "groups: [{name: g, policies: [p], inline: {x: '" + anyKMS + "'}}]\nusers: [{name: a, groups: [g], policies: [p], boundary: p}]\nidentity_providers: [{url: 'https://x.example'}]", after: "users: [{name: z}]", prune: true, want: []string{
			"+ user z", "- role r", "  - attached policy " + arn + "policy/p", "- user a", "  - member of group g", "  - attached policy " + arn + "policy/p",
			"- group g", "  - attached policy " + arn + "policy/p", "  - inline policy x", "- identity provider x.example", "- policy p",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := kmstest.New(t)
			apply(t, s, "version: 1\n"+c.before, false)
			same(t, apply(t, s, "version: 1\n"+c.after, c.prune), c.want...)
			same(t, apply(t, s, "version: 1\n"+c.after, c.prune))
		})
	}
}

// Users are deleted with their access keys; those of the root user are nobody's to prune.
func TestPruneTakesAccessKeys(t *testing.T) {
	s := kmstest.New(t)
	alice := s.NewUser(kmstest.Account, "alice", anyKMS)
	alice.Must("GenerateRandom", `{"NumberOfBytes":1}`)
	lines := apply(t, s, "version: 1\nusers: [{name: bob}]", true)
	same(t, lines, "+ user bob", "- user alice", "  - access key "+alice.AccessKeyID, "  - inline policy own")
	if r := alice.Call("GenerateRandom", `{"NumberOfBytes":1}`); r.Code() != "UnrecognizedClientException" {
		t.Errorf("got %d %s, want the access key to be unknown", r.Status, r.Raw)
	}
	s.As(kmstest.Account).MustIAM("ListUsers")
}

// A policy has five versions at most: the oldest goes that is not in force.
func TestVersionsOfAPolicy(t *testing.T) {
	s := kmstest.New(t)
	for i := range 7 {
		apply(t, s, fmt.Sprintf("version: 1\npolicies: [{name: p, document: {Version: 2012-10-17, Statement: {Sid: n%d, Effect: Allow, Action: 'kms:*', Resource: '*'}}}]", i), false)
	}
	r := s.As(kmstest.Account).MustIAM("ListPolicyVersions", "PolicyArn", "arn:aws:iam::111122223333:policy/p")
	same(t, r.Texts("VersionId"), "v7", "v6", "v5", "v4", "v3")
	same(t, r.Texts("IsDefaultVersion"), "true", "false", "false", "false", "false")
}

// A role that trusted a user who was deleted trusts the next of that name when the file is applied again.
func TestTrustIsOfWhoIsThereNow(t *testing.T) {
	s := kmstest.New(t)
	text := "version: 1\nusers: [{name: u}]\nroles: [{name: r, trust: '" + strings.Replace(trusts, "root", "user/u", 1) + "'}]"
	apply(t, s, text, false)
	s.As(kmstest.Account).MustIAM("DeleteUser", "UserName", "u")
	same(t, apply(t, s, text, false), "+ user u", "~ role r: trust policy, for who has these names now")
	same(t, apply(t, s, text, false))
}

// One document is about one account, and one may name the others.
func TestSeveralAccounts(t *testing.T) {
	s := kmstest.New(t)
	text := `version: 1
roles: [{name: r, trust: '` + strings.Replace(trusts, "111122223333:root", "444455556666:user/x/u", 1) + `'}]
---
version: 1
account: 444455556666
users: [{name: u, path: /x/}]
`
	same(t, apply(t, s, text, false), "+ user u", "+ role r")
	same(t, apply(t, s, text, true))
	if got := s.As("444455556666").MustIAM("GetUser", "UserName", "u").Text("Path"); got != "/x/" {
		t.Errorf("got path %q", got)
	}
}

// Whatever change was the last, the next time does the rest.
func TestInterrupted(t *testing.T) {
	const prelude = "version: 1\ngroups: [{name: old}]\nusers: [{name: gone, groups: [old]}]\n"
	for stop := 1; ; stop++ {
		s := kmstest.New(t)
		apply(t, s, prelude, false)
		plan, err := compare(s, example(t), true)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		made := 0
		err = plan.Apply(ctx, operator, func(*roster.Change) {
			if made++; made == stop {
				cancel()
			}
		})
		if made < stop {
			if err != nil {
				t.Error(err)
			}
			cancel()
			return
		}
		if stop < len(plan.Changes) && (err == nil || !strings.Contains(err.Error(), fmt.Sprintf("changes made: %d, not made: %d", stop, len(plan.Changes)-stop))) {
			t.Errorf("stopped after %d changes: got %v", stop, err)
		}
		s.Restart()
		if got := len(apply(t, s, example(t), true)); got == 0 && stop < len(plan.Changes) {
			t.Errorf("stopped after %d changes: nothing was left to do", stop)
		}
		if rest := apply(t, s, example(t), true); len(rest) > 0 {
			t.Errorf("stopped after %d changes: got %q afterwards", stop, rest)
		}
	}
}

// Two at once may meet each other's half: one of them fails and says so, and nothing is broken.
func TestTwoAtOnce(t *testing.T) {
	s := kmstest.New(t)
	texts := []string{example(t), "version: 1\nusers: [{name: carol, groups: [keepers]}]\ngroups: [{name: keepers}, {name: billing}]"}
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			plan, err := compare(s, texts[i%2], i == 5)
			if err == nil {
				err = plan.Apply(t.Context(), operator, nil)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "f:") {
				t.Errorf("got %v, want an error about the file", err)
			}
		})
	}
	all.Wait()
	for _, text := range texts {
		apply(t, s, text, false)
		same(t, apply(t, s, text, false))
	}
}

// What goes wrong on the way is told with what was done, and leaves a record.
func TestTheFirstFailureEndsIt(t *testing.T) {
	s := kmstest.New(t)
	plan, err := compare(s, "version: 1\nusers:\n- {name: a}\n- {name: b}\n- {name: c}", false)
	if err != nil {
		t.Fatal(err)
	}
	s.As(kmstest.Account).MustIAM("CreateUser", "UserName", "b")
	err = plan.Apply(t.Context(), operator, nil)
	const want = "f:4: + user b: CreateUser: User with name b already exists.; changes made: 1, not made: 2; run it again to go on"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	records := s.Records()
	last := string(records[len(records)-1].Line)
	for _, part := range []string{`"type":"Operator"`, `"eventName":"CreateUser"`, `"eventSource":"iam.amazonaws.com"`, `"eventType":"QkmsAdminAction"`, `"errorCode":"EntityAlreadyExists"`, `"userName":"b"`, `"recipientAccountId":"111122223333"`} {
		if !strings.Contains(last, part) {
			t.Errorf("got record %s, want %s in it", last, part)
		}
	}
}
