package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/record/recordpb"
)

func document(statements ...string) string {
	return "{\n\"Version\":\"2012-10-17\",\n\"Statement\":[\n" + strings.Join(statements, ",\n") + "\n]}"
}

func question(pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return "/console/explain?" + q.Encode()
}

// The deciding statement is named with its policy and line; what was asked besides says why it had no effect.
func TestExplainPage(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	s.User(&recordpb.User{Name: "ann", Inline: []*recordpb.NamedPolicy{{Name: "own", Text: document(
		`{"Effect":"Allow","Action":"kms:*","Resource":"*"}`,
		`{"Sid":"OnlyOrders","Effect":"Deny","Action":"kms:Decrypt","Resource":"*","Condition":{"StringNotEquals":{"kms:EncryptionContext:App":"orders"}}}`)}}})
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", map[string]any{"Policy": document(
		`{"Sid":"a\u202e<b>x</b>","Effect":"Allow","Principal":{"AWS":"` + kmstest.Account + `"},"Action":"kms:*","Resource":"*"}`)}).String("KeyMetadata.KeyId")
	b := signedIn(t, root)
	b.get("/console/explain").want(http.StatusOK, "kms:ReEncryptFrom", "iam:CreateUser", "sts:AssumeRole", "qkms:ExplainAuthorization", `value="user/ann"`)
	p := b.get(question("principal", "user/ann", "action", "kms:Decrypt", "key", id, "context", "App=other"))
	p.want(http.StatusOK, "Refused", "Denied by statement 2", "OnlyOrders", "policy own of user ann", "line 5", "This decides", "explicit deny", "What would have been enough", "U+202E")
	if strings.Contains(p.text, "<b>x") || strings.Contains(p.text, "\u202e") {
		t.Errorf("a Sid is not inert: %s", p.text)
	}
	b.get(question("principal", "user/ann", "action", "kms:Decrypt", "key", id, "context", "App=orders")).want(http.StatusOK, "Allowed by statement 1", "the key policy")
	b.get(question("principal", "user/ann", "action", "kms:Decrypt", "key", id, "context", "App")).want(http.StatusBadRequest, "NAME=VALUE", `value="user/ann"`)
	b.get(question("principal", "user/nobody", "action", "kms:Decrypt", "key", id)).want(http.StatusBadRequest, "there is no user", `value="user/nobody"`, "<option selected>kms:Decrypt")
	b.get(question("principal", "user/ann", "action", "kms:RetireGrant", "key", id)).want(http.StatusBadRequest, "is about a grant")
}

func TestWhoMayUseAKey(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	const own = `{"Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}`
	for i := range 30 {
		s.User(&recordpb.User{Name: fmt.Sprintf("u%02d", i), Inline: []*recordpb.NamedPolicy{{Name: "own", Text: document(own)}}})
	}
	root := s.As(kmstest.Account)
	id := root.Must("CreateKey", `{}`).String("KeyMetadata.KeyId")
	b := signedIn(t, root)
	p := b.get(question("key", id))
	p.want(http.StatusOK, "root", "user/u00", "GenerateDataKey", "More principals", "allowed", "refused", "principal=user%2fu00&amp;action=kms%3aEncrypt&amp;key="+id)

	stranger := signedIn(t, s.As("444455556666"))
	stranger.get(question("key", id)).want(http.StatusBadRequest, "does not exist")
	stranger.get(question("key", "arn:aws:kms:us-east-1:"+kmstest.Account+":key/"+id)).want(http.StatusBadRequest, "is not of account 444455556666")
	stranger.get(question("principal", "arn:aws:iam::"+kmstest.Account+":user/u00", "action", "kms:ListKeys")).want(http.StatusBadRequest, "is not of account 444455556666")
}

// Who may not ask reads so, and what it would take.
func TestExplainPageOfWhoMayNot(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	c := s.NewUser(kmstest.Account, "ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}`)
	b := signedIn(t, c)
	b.get("/console/explain").want(http.StatusOK, "user/ann")
	b.get(question("principal", "root", "action", "kms:ListKeys")).want(http.StatusForbidden, "qkms:ExplainAuthorization")
	b.get(question("key", "alias/x")).want(http.StatusForbidden, "qkms:ExplainKeyUse")
}
