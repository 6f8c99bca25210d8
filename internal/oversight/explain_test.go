package oversight_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"qkms/internal/authz/explain"
	"qkms/internal/kmstest"
	"qkms/internal/oversight"
	"qkms/internal/record/recordpb"
)

func policy(statements ...string) string {
	return "{\n\"Version\":\"2012-10-17\",\n\"Statement\":[\n" + strings.Join(statements, ",\n") + "\n]}"
}

func inline(name string, statements ...string) []*recordpb.NamedPolicy {
	return []*recordpb.NamedPolicy{{Name: name, Text: policy(statements...)}}
}

const (
	toAccount = `{"Sid":"Root","Effect":"Allow","Principal":{"AWS":"` + kmstest.Account + `"},"Action":"kms:*","Resource":"*"}`
	useAll    = `{"Effect":"Allow","Action":"kms:*","Resource":"*"}`
)

// tenants is a server that no account of the tests operates.
func tenants(t *testing.T) *kmstest.Server {
	return kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
}

func explained(t *testing.T, c *kmstest.Client, parameters ...string) *explain.Explanation {
	t.Helper()
	x := ask[explain.Explanation](t, c, "ExplainAuthorization", parameters...)
	return &x
}

// Which statement says so is told with where in its policy it stands.
func TestExplain(t *testing.T) {
	s := tenants(t)
	s.User(&recordpb.User{Name: "ann", Inline: inline("own", useAll, `{"Sid":"OnlyOrders","Effect":"Deny","Action":"kms:Decrypt","Resource":"*","Condition":{"StringNotEquals":{"kms:EncryptionContext:App":"orders"}}}`)})
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", map[string]any{"Policy": policy(toAccount)}).String("KeyMetadata.KeyId")
	x := explained(t, root, "Principal", "user/ann", "ActionName", "kms:Decrypt", "KeyId", id)
	if by := x.Decisions[0].By; x.Allowed || by == nil || by.Policy != "policy own of user ann" || by.Sid != "OnlyOrders" || by.Line != 5 || !strings.Contains(x.Message, "explicit deny") {
		t.Errorf("got %+v by %+v, want the Deny on line 5", x, by)
	}
	x = explained(t, root, "Principal", "user/ann", "ActionName", "kms:Decrypt", "KeyId", id, "EncryptionContext.member.1.Name", "App", "EncryptionContext.member.1.Value", "orders")
	if !x.Allowed || x.Decisions[0].By.Policy != "the key policy" {
		t.Errorf("got %+v, want it allowed by the key policy", x)
	}
	x = explained(t, root, "Principal", "user/ann", "ActionName", "kms:Encrypt", "KeyId", id, "Conditions.member.1.Name", "aws:SourceIp", "Conditions.member.1.Value", "192.0.2.1")
	if !x.Allowed {
		t.Errorf("got %+v", x)
	}
}

// What is wrong with a question is said to who asked it, and is no failure of the service.
func TestQuestionsThatCannotBeAsked(t *testing.T) {
	s := tenants(t)
	root := s.As(kmstest.Account)
	for name, row := range map[string][]string{
		"there is no user":     {"Principal", "user/nobody", "ActionName", "kms:ListKeys"},
		"of the form":          {"Principal", "root", "ActionName", "Decrypt"},
		"say which":            {"Principal", "root", "ActionName", "kms:Decrypt"},
		"does not exist":       {"Principal", "root", "ActionName", "kms:Decrypt", "KeyId", "1234abcd-12ab-34cd-56ef-1234567890ab"},
		"is looked up":         {"Principal", "root", "ActionName", "kms:ListKeys", "Conditions.member.1.Name", "aws:PrincipalArn", "Conditions.member.1.Value", "x"},
		"a name that long":     {"Principal", strings.Repeat("x", 3000), "ActionName", "kms:ListKeys"},
		"there is no role":     {"Principal", "root", "ActionName", "sts:AssumeRole", "Resource", "arn:aws:iam::" + kmstest.Account + ":role/none"},
		"Member must not be n": {"Principal", "root"},
	} {
		wantRefusal(t, root, "ExplainAuthorization", "ValidationException", name, row...)
	}
}

// A tenant is told of what is its own. Of another account's, whether it is there or not, it hears the same.
func TestTenantsAreToldOfTheirOwn(t *testing.T) {
	s := tenants(t)
	const secret = "arn:aws:iam::" + other + ":policy/secret-plans"
	s.User(&recordpb.User{Name: "ann", Inline: inline("own", useAll), Attached: []string{secret}})
	s.User(&recordpb.User{Account: other, Name: "there", Inline: inline("theirs", useAll)})
	s.Role(&recordpb.Role{Account: other, Name: "there"})
	theirs := s.As(other)
	theirs.MustIAM("CreatePolicy", "PolicyName", "secret-plans", "PolicyDocument", policy(`{"Sid":"Hush","Effect":"Allow","Action":"s3:*","Resource":"*"}`))
	key := theirs.Must("CreateKey", map[string]any{"Policy": policy(`{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}`)}).String("KeyMetadata.Arn")
	theirs.Must("CreateAlias", map[string]any{"AliasName": "alias/there", "TargetKeyId": key})
	missing := key[:len(key)-36] + "1234abcd-12ab-34cd-56ef-1234567890ab"
	iam := "arn:aws:iam::" + other + ":"
	root := s.As(kmstest.Account)
	for name, pair := range map[string][2][]string{
		"users":        {{"Principal", iam + "user/there", "ActionName", "kms:ListKeys"}, {"Principal", iam + "user/nobody", "ActionName", "kms:ListKeys"}},
		"sessions":     {{"Principal", "arn:aws:sts::" + other + ":assumed-role/there/any", "ActionName", "kms:ListKeys"}, {"Principal", "arn:aws:sts::" + other + ":assumed-role/nobody/any", "ActionName", "kms:ListKeys"}},
		"roots":        {{"Principal", other, "ActionName", "kms:ListKeys"}, {"Principal", "777788889999", "ActionName", "kms:ListKeys"}},
		"keys":         {{"Principal", "user/ann", "ActionName", "kms:Decrypt", "KeyId", key}, {"Principal", "user/ann", "ActionName", "kms:Decrypt", "KeyId", missing}},
		"aliases":      {{"Principal", "user/ann", "ActionName", "kms:Decrypt", "KeyId", "arn:aws:kms:us-east-1:" + other + ":alias/there"}, {"Principal", "user/ann", "ActionName", "kms:Decrypt", "KeyId", "arn:aws:kms:us-east-1:" + other + ":alias/none"}},
		"other ARNs":   {{"Principal", "user/ann", "ActionName", "kms:Decrypt", "KeyId", "arn:verenc:" + other + ":alias/there"}, {"Principal", "user/ann", "ActionName", "kms:Decrypt", "KeyId", "arn:verenc:" + other + ":alias/none"}},
		"roles":        {{"Principal", "user/ann", "ActionName", "sts:AssumeRole", "Resource", iam + "role/there"}, {"Principal", "user/ann", "ActionName", "sts:AssumeRole", "Resource", iam + "role/none"}},
		"identities":   {{"Principal", "user/ann", "ActionName", "iam:GetUser", "Resource", iam + "user/there"}, {"Principal", "user/ann", "ActionName", "iam:GetUser", "Resource", iam + "user/none"}},
		"of a service": {{"Principal", "s3.amazonaws.com", "ActionName", "kms:Decrypt", "KeyId", key}, {"Principal", "s3.amazonaws.com", "ActionName", "kms:Decrypt", "KeyId", missing}},
	} {
		t.Run(name, func(t *testing.T) {
			var said []string
			for _, parameters := range pair {
				r := root.Query("qkms", "ExplainAuthorization", parameters...)
				text := string(r.Raw)
				for _, v := range parameters {
					text = strings.ReplaceAll(text, v, "…") // a refusal repeats the question
				}
				if said = append(said, text); r.Status != 400 || !strings.Contains(text, "is not of account "+kmstest.Account) {
					t.Errorf("%q: got %d %s", parameters, r.Status, r.Raw)
				}
			}
			if said[0] != said[1] {
				t.Errorf("got %q of what is there, and %q of what is not", said[0], said[1])
			}
		})
	}
	x, err := json.Marshal(explained(t, root, "Principal", "user/ann", "ActionName", "kms:ListKeys"))
	if err != nil || strings.Contains(string(x), "Hush") {
		t.Errorf("got %s, which quotes another account's policy", x)
	}
	wantRefusal(t, root, "ExplainKeyUse", "ValidationException", "is not of account", "KeyId", key)
	wantRefusal(t, root, "ExplainKeyUse", "ValidationException", "is not of account", "KeyId", missing)
}

// To ask why is a right of its own.
func TestExplainNeedsPermission(t *testing.T) {
	s := tenants(t)
	id := s.As(kmstest.Account).Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	c := s.User(&recordpb.User{Name: "ann", Inline: inline("own", useAll)})
	for _, row := range [][]string{{"ExplainAuthorization", "Principal", "user/ann", "ActionName", "kms:ListKeys"}, {"ExplainKeyUse", "KeyId", id}} {
		wantRefusal(t, c, row[0], "AccessDeniedException", "qkms:"+row[0], row[1:]...)
	}
	c = s.User(&recordpb.User{Name: "bob", Inline: inline("own", `{"Effect":"Allow","Action":"qkms:Explain*","Resource":"*"}`)})
	if x := explained(t, c, "Principal", "user/ann", "ActionName", "kms:ListKeys"); !x.Allowed {
		t.Errorf("got %+v", x)
	}
}

// Who may use a key is told in pages, the root user first, and of each principal once.
func TestExplainKeyUse(t *testing.T) {
	s := tenants(t)
	want := []string{"root"}
	for _, name := range []string{"a", "b", "c"} {
		s.User(&recordpb.User{Name: name, Path: "/team/", Inline: inline("own", `{"Effect":"Allow","Action":"kms:Sign","Resource":"*"}`)})
		s.Role(&recordpb.Role{Name: name})
		want = append(want, "user/team/"+name)
	}
	want = append(want, "assumed-role/a/any", "assumed-role/b/any", "assumed-role/c/any")
	s.User(&recordpb.User{Account: other, Name: "away", Inline: inline("own", useAll)})
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY"}`).String("KeyMetadata.KeyId")
	for _, most := range []string{"1", "2", "3", "1000"} {
		var got []string
		for marker := ""; ; {
			parameters := []string{"KeyId", id, "MaxItems", most}
			if marker != "" {
				parameters = append(parameters, "Marker", marker)
			}
			page := ask[oversight.KeyUse](t, root, "ExplainKeyUse", parameters...)
			if page.Actions[0] != "kms:Sign" {
				t.Fatalf("got %q", page.Actions)
			}
			for _, p := range page.Principals {
				got = append(got, p.Principal)
				kind, _, _ := strings.Cut(p.Principal, "/")
				if sign, verify := p.Uses[0], p.Uses[1]; sign.Allowed != (kind != "assumed-role") || verify.Allowed != (kind == "root") {
					t.Errorf("%s: got %+v, %+v", p.Principal, sign, verify)
				}
			}
			if marker = page.Marker; marker == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("by %s: got %q, want %q", most, got, want)
		}
	}
}

// Who operates the deployment is told of every account.
func TestOperatorsAreToldOfEveryAccount(t *testing.T) {
	s := with(t)
	s.User(&recordpb.User{Account: other, Name: "there", Inline: inline("theirs", useAll)})
	key := s.As(other).Must("CreateKey", `{}`).String("KeyMetadata.Arn")
	root := s.As(kmstest.Account)
	x := explained(t, root, "Principal", "arn:aws:iam::"+other+":user/there", "ActionName", "kms:Decrypt", "KeyId", key)
	if !x.Allowed {
		t.Errorf("got %+v", x)
	}
	if use := ask[oversight.KeyUse](t, root, "ExplainKeyUse", "KeyId", key); len(use.Principals) != 2 || use.Principals[1].Principal != "user/there" || !use.Principals[1].Uses[0].Allowed {
		t.Errorf("got %+v, want those of the key's account", use)
	}
}
