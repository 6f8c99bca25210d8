package oversight_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/oversight"
	"qkms/internal/record/recordpb"
)

// statement is one of a key policy.
func statement(effect, who, actions, condition string) string {
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return fmt.Sprintf(`{"Effect":%q,"Principal":%s,"Action":%s,"Resource":"*"%s}`, effect, who, actions, condition)
}

func keyPolicy(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

const (
	theAccount = `{"AWS":"arn:aws:iam::` + kmstest.Account + `:root"}`
	ann        = "arn:aws:iam::" + kmstest.Account + ":user/ann"
	app        = "arn:aws:iam::" + kmstest.Account + ":role/app"
)

var whole = statement("Allow", theAccount, `"kms:*"`, "")

// told is what a preview says, a line for each change.
func told(p oversight.PolicyPreview) (lines []string) {
	for _, c := range p.Changes {
		who := c.Who.Arn[strings.LastIndexByte(c.Who.Arn, ':')+1:]
		for verb, list := range map[string][]oversight.ActionChange{"gains": c.Gains, "loses": c.Loses, "depends": c.Depends} {
			for _, a := range list {
				lines = append(lines, fmt.Sprintf("%s %s %s: %s > %s", who, verb, strings.TrimPrefix(a.Action, "kms:"), a.Before, a.After))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// Each case says what becomes of a key with the default policy, or the one before, under the one after.
func TestPreviewKeyPolicy(t *testing.T) {
	s := with(t)
	root := s.As(kmstest.Account)
	s.NewUser(kmstest.Account, "ann", "")
	root.MustIAM("TagUser", "UserName", "ann", "Tags.member.1.Key", "team", "Tags.member.1.Value", "red")
	s.NewUser(kmstest.Account, "bob", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:UpdateAlias"],"Resource":"*"}}`)
	s.Role(&recordpb.Role{Name: "app"})
	use := `["kms:Decrypt"]`
	fromHere := `{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`
	ofAnn, ofApp := `{"AWS":"`+ann+`"}`, `{"AWS":"`+app+`"}`
	for name, row := range map[string]struct {
		before, after string
		want          []string
	}{
		"nothing new":                {whole, whole, nil},
		"a user is named":            {whole, whole + "," + statement("Allow", ofAnn, use, ""), []string{"user/ann gains Decrypt: never > always"}},
		"a role is named":            {whole, whole + "," + statement("Allow", ofApp, use, ""), []string{"role/app gains Decrypt: never > always"}},
		"a session is named":         {whole, whole + "," + statement("Allow", `{"AWS":"arn:aws:sts::`+kmstest.Account+`:assumed-role/app/job"}`, use, ""), []string{"assumed-role/app/job gains Decrypt: never > always"}},
		"a service is named":         {whole, whole + "," + statement("Allow", `{"Service":"s3.amazonaws.com"}`, use, ""), []string{"s3.amazonaws.com gains Decrypt: never > always"}},
		"another account is named":   {whole, whole + "," + statement("Allow", `{"AWS":"`+other+`"}`, use, ""), []string{other + " gains Decrypt: never > always"}},
		"everyone":                   {whole, whole + "," + statement("Allow", `"*"`, use, ""), []string{"* gains Decrypt: never > always", "role/app gains Decrypt: never > always", "user/ann gains Decrypt: never > always", "user/bob gains Decrypt: never > always"}},
		"everyone of an account":     {whole, whole + "," + statement("Allow", `"*"`, use, `{"StringEquals":{"kms:CallerAccount":"`+kmstest.Account+`"}}`), []string{"* gains Decrypt: never > conditions", "role/app gains Decrypt: never > always", "user/ann gains Decrypt: never > always", "user/bob gains Decrypt: never > always"}},
		"from somewhere only":        {whole, whole + "," + statement("Allow", ofAnn, use, fromHere), []string{"user/ann gains Decrypt: never > conditions"}},
		"no longer from everywhere":  {whole + "," + statement("Allow", ofAnn, use, ""), whole + "," + statement("Allow", ofAnn, use, fromHere), []string{"user/ann loses Decrypt: always > conditions"}},
		"from elsewhere":             {whole + "," + statement("Allow", ofAnn, use, fromHere), whole + "," + statement("Allow", ofAnn, use, strings.Replace(fromHere, "192", "198", 1)), []string{"user/ann depends Decrypt: conditions > conditions"}},
		"not from somewhere":         {whole + "," + statement("Allow", ofAnn, use, ""), whole + "," + statement("Allow", ofAnn, use, "") + "," + statement("Deny", ofAnn, use, fromHere), []string{"user/ann loses Decrypt: always > conditions"}},
		"a condition that is known":  {whole, whole + "," + statement("Allow", `"*"`, use, `{"ArnEquals":{"aws:PrincipalArn":"`+ann+`"}}`), []string{"* gains Decrypt: never > conditions", "user/ann gains Decrypt: never > always"}},
		"one that cannot hold":       {whole, whole + "," + statement("Allow", ofAnn, use, `{"StringEquals":{"kms:KeySpec":"RSA_2048"},"IpAddress":{"aws:SourceIp":"192.0.2.1"}}`), nil},
		"denied to all, by tag":      {whole + "," + statement("Allow", ofAnn, use, ""), whole + "," + statement("Allow", ofAnn, use, "") + "," + statement("Deny", `"*"`, use, `{"StringNotEquals":{"aws:PrincipalTag/team":"red"}}`), []string{"root loses Decrypt: always > never"}},
		"denied to the account":      {whole, whole + "," + statement("Deny", theAccount, `["kms:UpdateAlias"]`, ""), []string{"root loses UpdateAlias: always > never", "user/bob loses UpdateAlias: always > never"}},
		"what a grant gives is kept": {whole + "," + statement("Allow", ofApp, `["kms:Encrypt"]`, ""), whole, nil},
	} {
		t.Run(name, func(t *testing.T) {
			k := root.Must("CreateKey", map[string]any{"Policy": keyPolicy(row.before)}).String("KeyMetadata.KeyId")
			if name == "what a grant gives is kept" {
				root.Must("CreateGrant", map[string]any{"KeyId": k, "GranteePrincipal": app, "Operations": []string{"Encrypt"}})
			}
			before := root.Must("GetKeyPolicy", map[string]any{"KeyId": k}).String("Policy")
			got := told(ask[oversight.PolicyPreview](t, root, "PreviewKeyPolicy", "KeyId", k, "Policy", keyPolicy(row.after)))
			if strings.Join(got, "\n") != strings.Join(row.want, "\n") {
				t.Errorf("got %q, want %q", got, row.want)
			}
			if now := root.Must("GetKeyPolicy", map[string]any{"KeyId": k}).String("Policy"); now != before {
				t.Errorf("the policy is another: got %s, want %s", now, before)
			}
		})
	}
}

// What PutKeyPolicy refuses is refused in the same words.
func TestPreviewRefusesAsPutKeyPolicyDoes(t *testing.T) {
	s := with(t)
	root := s.As(kmstest.Account)
	k := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	for name, text := range map[string]string{
		"no text":          "",
		"no JSON":          "{\n  \"Version\": \"2012-10-17\",\n  oops\n}",
		"unknown element":  `{"Version":"2012-10-17","Statements":[]}`,
		"lockout":          keyPolicy(statement("Allow", theAccount, `"kms:Decrypt"`, "")),
		"unknown user":     keyPolicy(whole, statement("Allow", `{"AWS":"arn:aws:iam::`+kmstest.Account+`:user/nobody"}`, `"kms:*"`, "")),
		"too long":         keyPolicy(whole) + strings.Repeat(" ", 32<<10),
		"wrong characters": keyPolicy(whole) + "\u4e00",
	} {
		t.Run(name, func(t *testing.T) {
			put := root.Call("PutKeyPolicy", map[string]any{"KeyId": k, "Policy": text})
			wantRefusal(t, root, "PreviewKeyPolicy", put.Code(), put.Message(), "KeyId", k, "Policy", text)
			if put.Code() == "" {
				t.Errorf("PutKeyPolicy accepts it: %s", put.Raw)
			}
		})
	}
}

// It takes the permission to put the policy and that to ask, and a key of one's own.
func TestWhoMayPreviewAKeyPolicy(t *testing.T) {
	s := with(t)
	root := s.As(kmstest.Account)
	k := root.Must("CreateKey", `{}`)
	id, arn := k.String("KeyMetadata.KeyId"), k.String("KeyMetadata.Arn")
	may := func(actions string) *kmstest.Client {
		name := fmt.Sprintf("u%d", len(actions))
		return s.NewUser(kmstest.Account, name, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":[`+actions+`],"Resource":"`+arn+`"}}`)
	}
	text := keyPolicy(whole)
	ask[oversight.PolicyPreview](t, may(`"kms:PutKeyPolicy","qkms:PreviewKeyPolicy"`), "PreviewKeyPolicy", "KeyId", id, "Policy", text)
	wantRefusal(t, may(`"kms:PutKeyPolicy"`), "PreviewKeyPolicy", "AccessDeniedException", "qkms:PreviewKeyPolicy", "KeyId", id, "Policy", text)
	wantRefusal(t, may(`"qkms:*"`), "PreviewKeyPolicy", "AccessDeniedException", "kms:PutKeyPolicy", "KeyId", id, "Policy", text)

	stranger := s.As(other)
	wantRefusal(t, stranger, "PreviewKeyPolicy", "AccessDeniedException", "kms:PutKeyPolicy", "KeyId", arn, "Policy", text)
	wantRefusal(t, stranger, "PreviewKeyPolicy", "NotFoundException", id, "KeyId", id, "Policy", text)
	root.Must("PutKeyPolicy", map[string]any{"KeyId": id, "Policy": keyPolicy(whole, statement("Allow", `{"AWS":"`+other+`"}`, `"kms:*"`, ""))})
	wantRefusal(t, stranger, "PreviewKeyPolicy", "AccessDeniedException", "kms:PutKeyPolicy", "KeyId", arn, "Policy", text)
}

// Who is looked at is bounded, and that there are others is said.
func TestPreviewIsBounded(t *testing.T) {
	s := with(t)
	root := s.As(kmstest.Account)
	k := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	for i := range 21 {
		root.MustIAM("CreateUser", "UserName", fmt.Sprintf("u%02d", i))
	}
	text := keyPolicy(whole, statement("Allow", `"*"`, `"kms:Decrypt"`, ""))
	p := ask[oversight.PolicyPreview](t, root, "PreviewKeyPolicy", "KeyId", k, "Policy", text)
	if p.Cut || p.Looked != 23 || len(p.Changes) != 22 {
		t.Errorf("a short policy: got %d looked at, cut %t, %d changes; want 23, false, 22", p.Looked, p.Cut, len(p.Changes))
	}
	long := text + strings.Repeat(" ", 32<<10-len(text))
	root.Must("PutKeyPolicy", map[string]any{"KeyId": k, "Policy": keyPolicy(whole, statement("Allow", `"*"`, `"kms:Decrypt"`, `{"StringNotEquals":{"kms:ViaService":"`+strings.Repeat("x", 30<<10)+`"}}`))})
	p = ask[oversight.PolicyPreview](t, root, "PreviewKeyPolicy", "KeyId", k, "Policy", long)
	if !p.Cut || p.Looked != 20 {
		t.Errorf("a long policy: got %d looked at, cut %t; want 20, true", p.Looked, p.Cut)
	}
}
