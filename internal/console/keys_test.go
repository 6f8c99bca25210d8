package console_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"qkms/internal/kmstest"
)

// find is the address of a search.
func find(q string, more ...string) string {
	form := url.Values{"q": {q}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return "/console/keys?" + form.Encode()
}

var keyLink = regexp.MustCompile(`<a href="/console/keys/([^"]+)">`)

// keys are the ids of those that a page lists.
func (p *page) keys() (ids []string) {
	for _, m := range keyLink.FindAllStringSubmatch(p.text, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

func (p *page) lacks(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		if strings.Contains(p.text, text) {
			p.t.Errorf("%s: got %q in: %s", p.res.Request.URL, text, p.text)
		}
	}
}

func create(c *kmstest.Client, body string) string {
	return c.Must("CreateKey", body).String("KeyMetadata.KeyId")
}

func TestKeysPageFinds(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	root := s.As(kmstest.Account)
	b := signedIn(t, root)
	b.get("/console/keys").want(http.StatusOK, "There are no keys of this account in this Region yet", `href="/console/create-key"`)

	orders := create(root, `{"Description":"of orders","Tags":[{"TagKey":"team","TagValue":"a=b"}]}`)
	for _, a := range []string{"one", "two", "three", "four", "five"} {
		root.Must("CreateAlias", map[string]string{"AliasName": "alias/orders/" + a, "TargetKeyId": orders})
	}
	root.Must("EnableKeyRotation", map[string]string{"KeyId": orders})
	root.Must("Encrypt", map[string]string{"KeyId": orders, "Plaintext": "aGk="})
	idle := create(root, `{}`)
	root.Must("DisableKey", map[string]string{"KeyId": idle})

	b.get("/console/keys").want(http.StatusOK, orders, idle, "of orders", "alias/orders/five", "and 2 more aliases", "Enabled", "Disabled", "SYMMETRIC_DEFAULT",
		"Encrypt", "never", "on<br>", "off", "The account has 2 keys in this Region", "That is the end of the list")
	for q, want := range map[string][]string{
		orders: {orders}, idle[:13]: {idle}, "orders": {orders}, "alias/orders/t": {orders}, " orders ": {orders},
		"tag:team": {orders}, "tag:team=a=b": {orders}, "tag:team=a": nil, "tag:other": nil, "nowhere": nil,
	} {
		p := b.get(find(q))
		p.want(http.StatusOK, fmt.Sprintf(`value="%s"`, html.EscapeString(strings.TrimSpace(q))))
		if got := p.keys(); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", q, got, want)
		}
		if want == nil {
			p.want(http.StatusOK, "Nothing was found", "Show all keys")
		}
	}
	p := b.get(find("", "state", "Disabled"))
	if p.want(http.StatusOK, "<option selected>Disabled"); !slices.Equal(p.keys(), []string{idle}) {
		t.Errorf("disabled keys: got %q, want %q", p.keys(), idle)
	}
	b.get(find("", "state", "Lost")).want(http.StatusBadRequest, "There is no such state of a key as", "Start again")
	b.get(find("", "marker", "x")).want(http.StatusBadRequest, "Invalid Marker", "Start again")
}

func TestKeysPageByPage(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	root := s.As(kmstest.Account)
	var want, got []string
	for range 45 {
		want = append(want, create(root, `{}`))
	}
	slices.Sort(want)
	b := signedIn(t, root)
	next := regexp.MustCompile(`<a class="button" href="([^"]+)">More keys</a>`)
	for at := "/console/keys"; at != ""; {
		p := b.get(at)
		p.want(http.StatusOK, "The account has 45 keys")
		got = append(got, p.keys()...)
		m := next.FindStringSubmatch(p.text)
		if at = ""; m != nil {
			at = html.UnescapeString(m[1])
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %d keys, want each of %d once, in order", len(got), len(want))
	}
}

// One page is one request, whose record says who looked for what.
func TestKeysPageIsOneRequest(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	root := s.As(kmstest.Account)
	for range 5 {
		create(root, `{}`)
	}
	b := signedIn(t, root)
	before := len(s.Records())
	b.get(find("tag:team=shop")).want(http.StatusOK)
	all := s.Records()[before:]
	if len(all) != 1 || !strings.Contains(string(all[0].Line), `"tagValue":"shop"`) || !strings.Contains(string(all[0].Line), `"eventName":"SearchKeys"`) {
		t.Errorf("got %v, want one SearchKeys with the tag", all)
	}
}

// What somebody wrote on a key is text on the page, whatever it says.
func TestKeysPageIsInert(t *testing.T) {
	const hostile = `<script>alert(1)</script>`
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	root := s.As(kmstest.Account)
	root.Must("CreateKey", map[string]any{"Description": hostile + "\u202e", "Tags": []any{map[string]string{"TagKey": "team", "TagValue": "\u202ex"}}})
	b := signedIn(t, root)
	p := b.get(find("tag:team"))
	p.want(http.StatusOK, "&lt;script&gt;", "U+202E")
	p.lacks(hostile, "\u202e")
	p = b.get(find(`"><script>alert(1)</script>`))
	p.want(http.StatusOK, "Nothing was found")
	p.lacks(`<script>alert(1)`)
}

func TestKeysPageShowsWhatMayBeSeen(t *testing.T) {
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output()})
	id := create(s.As(kmstest.Account), `{"Description":"secret plans"}`)
	lists := s.NewUser(kmstest.Account, "lists", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["qkms:SearchKeys","kms:ListKeys"],"Resource":"*"}]}`)
	p := signedIn(t, lists).get("/console/keys")
	p.want(http.StatusOK, id, "not for you to see (kms:DescribeKey)")
	p.lacks("secret plans", "never")

	nobody := s.NewUser(kmstest.Account, "nobody", "")
	p = signedIn(t, nobody).get("/console/keys")
	p.want(http.StatusForbidden, "AccessDeniedException", "qkms:SearchKeys", "user/nobody")
	p.lacks(id)

	stranger := signedIn(t, s.As("444455556666"))
	p = stranger.get(find(id))
	p.want(http.StatusOK, "Nothing was found")
	if len(p.keys()) != 0 {
		t.Errorf("another account: got %q, want nothing", p.keys())
	}
	stranger.get("/console/keys").want(http.StatusOK, "There are no keys")
}
