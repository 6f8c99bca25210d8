package explain_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"qkms/internal/authz/explain"
	"qkms/internal/key"
	"qkms/internal/kmstest"
	"qkms/internal/op"
	"qkms/internal/record/recordpb"
)

const (
	account = kmstest.Account
	other   = "444455556666"
)

func policy(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

func inline(statements ...string) []*recordpb.NamedPolicy {
	return []*recordpb.NamedPolicy{{Name: "own", Text: policy(statements...)}}
}

func ask(t *testing.T, s *kmstest.Server, q explain.Question) *explain.Explanation {
	t.Helper()
	if q.Account == "" {
		q.Account = account
	}
	q.Region = kmstest.Region
	x, err := explain.Explainer{Ops: s.Ops}.Explain(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

const (
	toAccount = `{"Sid":"Root","Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"kms:*","Resource":"*"}`
	useAll    = `{"Effect":"Allow","Action":"kms:*","Resource":"*"}`
)

// What is nearest is said first, by the statement that lacks the least.
func TestNeeded(t *testing.T) {
	s := kmstest.New(t)
	s.User(&recordpb.User{Name: "bare"})
	s.User(&recordpb.User{Name: "near", Inline: inline(
		`{"Sid":"Other","Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:us-east-1:999999999999:key/*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`,
		`{"Sid":"Tagged","Effect":"Allow","Action":"kms:Enc*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/Team":"a"}}}`)})
	s.User(&recordpb.User{Name: "barred", Inline: inline(useAll, `{"Sid":"No","Effect":"Deny","Action":"kms:Encrypt","Resource":"*"}`)})
	s.User(&recordpb.User{Account: other, Name: "away", Inline: inline(useAll)})
	s.Role(&recordpb.Role{Name: "app", Path: "/team/"})
	root := s.As(account)
	id := root.Must("CreateKey", map[string]any{"Policy": policy(toAccount)}).String("KeyMetadata.Arn")
	root.Must("CreateGrant", map[string]any{"KeyId": id, "GranteePrincipal": "arn:aws:iam::" + account + ":user/bare", "Operations": []string{"Decrypt"}})
	for _, row := range []struct {
		name string
		q    explain.Question
		want []string
	}{
		{"a user with nothing", explain.Question{Principal: "user/bare", Action: "kms:Encrypt"}, []string{
			"a policy of the caller allows kms:Encrypt on " + id, "a grant on the key gives Encrypt to arn:aws:iam::" + account + ":user/bare", "the key policy allows it to arn:aws:iam::" + account + ":user/bare"}},
		{"a statement that lacks one thing", explain.Question{Principal: "user/near", Action: "kms:Encrypt"}, []string{
			"a policy of the caller allows kms:Encrypt on " + id + " (statement 2 (Tagged) of policy own of user near would, but its condition StringEquals aws:ResourceTag/Team is not met: the request has no such value)",
			"a grant on the key gives Encrypt to arn:aws:iam::" + account + ":user/near", "the key policy allows it to arn:aws:iam::" + account + ":user/near"}},
		{"a Deny", explain.Question{Principal: "user/barred", Action: "kms:Encrypt"}, []string{"nothing denies it: statement 2 (No) of policy own of user barred must not"}},
		{"what no grant gives", explain.Question{Principal: "user/bare", Action: "kms:DisableKey"}, []string{
			"a policy of the caller allows kms:DisableKey on " + id, "the key policy allows it to arn:aws:iam::" + account + ":user/bare"}},
		{"a session", explain.Question{Principal: "assumed-role/app/xy", Action: "kms:Encrypt"}, []string{
			"a policy of the caller allows kms:Encrypt on " + id, "a grant on the key gives Encrypt to arn:aws:sts::" + account + ":assumed-role/app/xy",
			"the key policy allows it to arn:aws:sts::" + account + ":assumed-role/app/xy", "the key policy allows it to arn:aws:iam::" + account + ":role/team/app"}},
		{"another account", explain.Question{Principal: "arn:aws:iam::" + other + ":user/away", Action: "kms:Encrypt"}, []string{
			"a grant on the key gives Encrypt to arn:aws:iam::" + other + ":user/away", "the key policy allows it to arn:aws:iam::" + other + ":user/away", "the key policy allows it to account " + other}},
		{"what is never another account's", explain.Question{Principal: "arn:aws:iam::" + other + ":user/away", Action: "kms:EnableKey"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.q.Key = id
			x := ask(t, s, row.q)
			var got []string
			for _, w := range x.Decisions[0].Needed {
				got = append(got, strings.Join(w.Changes, " AND "))
			}
			if x.Allowed || !slices.Equal(got, row.want) {
				t.Errorf("got %t, %q, want %q", x.Allowed, got, row.want)
			}
		})
	}
	x := ask(t, s, explain.Question{Principal: "user/bare", Action: "kms:Encrypt", Key: id})
	if g := x.Decisions[0].Grants; len(g) != 1 || g[0].Permits || g[0].Why != "it has not the operation, but Decrypt" {
		t.Errorf("got grants %+v, want the one to the caller", g)
	}
	if x := ask(t, s, explain.Question{Principal: "user/bare", Action: "kms:Decrypt", Key: id}); !x.Allowed || x.Decisions[0].Needed != nil {
		t.Errorf("what a grant allows: got %t, and %v would have been enough; want true, and nothing", x.Allowed, x.Decisions[0].Needed)
	}
}

// An explanation is of what happens: for each caller and action the same as when they ask.
func TestExplanationsAreTrue(t *testing.T) {
	s := kmstest.New(t)
	s.Role(&recordpb.Role{Name: "app", Inline: inline(`{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/Team":"a"}}}`), Tags: []*recordpb.Tag{{Key: "Team", Value: "a"}}})
	boundary := "arn:aws:iam::aws:policy/IAMFullAccess"
	callers := map[string]*kmstest.Client{
		"root":                                  s.As(account),
		other:                                   s.As(other),
		"user/all":                              s.User(&recordpb.User{Name: "all", Inline: inline(useAll)}),
		"user/bound":                            s.User(&recordpb.User{Name: "bound", Inline: inline(useAll), Boundary: boundary}),
		"user/none":                             s.User(&recordpb.User{Name: "none"}),
		"user/granted":                          s.User(&recordpb.User{Name: "granted"}),
		"user/alias":                            s.User(&recordpb.User{Name: "alias", Inline: inline(`{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"StringLike":{"kms:RequestAlias":"alias/*"}}}`)}),
		"assumed-role/app/test":                 s.Session(&recordpb.Session{Role: "app"}),
		"arn:aws:iam::" + other + ":user/away":  s.User(&recordpb.User{Account: other, Name: "away", Inline: inline(useAll)}),
		"arn:aws:iam::" + other + ":user/away2": s.User(&recordpb.User{Account: other, Name: "away2"}),
	}
	root := s.As(account)
	keys := map[string]string{}
	for name, text := range map[string]string{
		"default": policy(toAccount),
		"shared":  policy(toAccount, `{"Effect":"Allow","Principal":{"AWS":"`+other+`"},"Action":["kms:Encrypt","kms:DescribeKey"],"Resource":"*"}`),
		"denies":  policy(toAccount, `{"Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*","Condition":{"Null":{"kms:EncryptionContext:App":"true"}}}`),
		"named":   policy(toAccount, `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+account+`:user/none"},"Action":"kms:DescribeKey","Resource":"*"}`),
	} {
		keys[name] = root.Must("CreateKey", map[string]any{"Policy": text}).String("KeyMetadata.Arn")
		root.Must("CreateGrant", map[string]any{"KeyId": keys[name], "GranteePrincipal": "arn:aws:iam::" + account + ":user/granted", "Operations": []string{"Encrypt"},
			"Constraints": map[string]any{"EncryptionContextSubset": map[string]string{"App": "a"}}})
	}
	root.Must("CreateAlias", map[string]any{"AliasName": "alias/shared", "TargetKeyId": keys["shared"]})
	keys["alias"] = "arn:aws:kms:us-east-1:" + account + ":alias/shared"
	both := map[bool]int{}
	for who, client := range callers {
		for name, id := range keys {
			for _, app := range []string{"", "a"} {
				context := map[string]string{}
				if app != "" {
					context["App"] = app
				}
				for operation, body := range map[string]map[string]any{
					"Encrypt":         {"KeyId": id, "Plaintext": "aGk=", "EncryptionContext": context},
					"DescribeKey":     {"KeyId": id},
					"GenerateDataKey": {"KeyId": id, "KeySpec": "AES_256", "EncryptionContext": context},
					"EnableKey":       {"KeyId": id},
					"CreateKey":       {},
				} {
					if operation == "EnableKey" && name == "alias" {
						continue // which takes no alias
					}
					q := explain.Question{Principal: who, Action: "kms:" + operation, Key: id, Context: context}
					if operation == "CreateKey" {
						q.Key = ""
					}
					x := ask(t, s, q)
					r := client.Call(operation, body)
					if refused := r.Code() == "AccessDeniedException"; x.Allowed == refused || refused && r.Message() != x.Message {
						t.Errorf("%s, %s on %s, %v: got %t %q, want %q %q", who, operation, name, context, x.Allowed, x.Message, r.Code(), r.Message())
					}
					both[x.Allowed]++
				}
			}
		}
	}
	if both[true] < 100 || both[false] < 100 {
		t.Errorf("got %d allowed and %d refused, which proves little", both[true], both[false])
	}
}

// Roles are assumed by whom they trust, and by no root user.
func TestAssumeRole(t *testing.T) {
	s := kmstest.New(t)
	s.User(&recordpb.User{Name: "may", Inline: inline(`{"Effect":"Allow","Action":"sts:*","Resource":"*"}`)})
	s.User(&recordpb.User{Name: "bare"})
	s.Role(&recordpb.Role{Name: "app", Path: "/team/"})
	for principal, want := range map[string]string{"user/may": "ALLOWED", "user/bare": "No policy of the caller allows it", "root": "Roles may not be assumed by root accounts", other: "the two accounts do not both allow it"} {
		x := ask(t, s, explain.Question{Principal: principal, Action: "sts:AssumeRole", Resource: "arn:aws:iam::" + account + ":role/team/app"})
		if text := x.Text(); x.Allowed != (want == "ALLOWED") || !strings.Contains(text, want) || !strings.Contains(text, "the trust policy of role app") {
			t.Errorf("%s: got %s, want %s", principal, text, want)
		}
	}
	text := ask(t, s, explain.Question{Principal: "user/bare", Action: "iam:CreateUser", Resource: "arn:aws:iam::" + account + ":user/x"}).Text()
	if !strings.Contains(text, "a policy of the caller allows iam:CreateUser on arn:aws:iam::"+account+":user/x") {
		t.Errorf("got %s", text)
	}
}

// What is known here of actions is what their operations say.
func TestActionsAreThoseOfOperations(t *testing.T) {
	s := kmstest.New(t)
	missing := "arn:aws:kms:us-east-1:" + other + ":key/1234abcd-12ab-34cd-56ef-1234567890ab"
	shared := s.As(other).Must("CreateKey", `{}`).String("KeyMetadata.Arn")
	checked := 0
	for name, row := range op.ByName {
		if name == "ReEncrypt" || name == "RetireGrant" {
			continue
		}
		req, _ := row.Decode(fmt.Appendf(nil, `{"KeyId":%q,"GranteePrincipal":"x","TargetKeyId":%q,"AliasName":"alias/x"}`, missing, missing))
		if req == nil {
			continue
		}
		needs, err := req.Needs()
		if err != nil {
			continue // Decrypt, which wants a ciphertext
		}
		at := slices.IndexFunc(needs, func(n key.Need) bool { return n.OnKey() && !n.Listing })
		q := explain.Question{Principal: "root", Account: account, Region: kmstest.Region, Action: "kms:" + name}
		_, err = explain.Explainer{Ops: s.Ops}.Explain(t.Context(), q)
		if (at >= 0) != (err != nil) {
			t.Errorf("%s: got %v, want a key to be asked for: %t", name, err, at >= 0)
		}
		if at < 0 {
			continue
		}
		q.Key = shared
		if never := strings.Contains(ask(t, s, q).Decisions[0].Note, "never"); never == needs[at].CrossAccount {
			t.Errorf("%s: got never another account's: %t, want %t", name, never, !needs[at].CrossAccount)
		}
		checked++
	}
	if checked < 40 {
		t.Errorf("got %d actions on keys, want more", checked)
	}
}

// Nothing that somebody else wrote breaks out of its line.
func TestTextIsPrintable(t *testing.T) {
	s := kmstest.New(t)
	id := s.As(account).Must("CreateKey", map[string]any{"Policy": policy(toAccount, "{\"Sid\":\"a\\n\\u001b[2J\u009bK\",\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"kms:Sign\",\"Resource\":\"*\"}")}).String("KeyMetadata.KeyId")
	text := ask(t, s, explain.Question{Principal: "root", Action: "kms:Sign", Key: id}).Text()
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~' && r < 0xa0) }); i >= 0 || !strings.Contains(text, `statement 2 (a\n\x1b[2J\u009bK)`) {
		t.Errorf("got %q, want it escaped", text)
	}
}
