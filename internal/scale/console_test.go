//go:build !race

// One request after the other, and thousands of them: this runs without the race detector (make test-norace).

package scale_test

import (
	"context"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"qkms/internal/kmstest"
	"qkms/internal/node"
	"qkms/internal/op"
	"qkms/internal/record"
	"qkms/internal/seal"
)

// keysAlone is a deployment that has keys and nothing else.
func keysAlone(t testing.TB, n int) *deployment {
	t.Helper()
	d := &deployment{Options: kmstest.Options{Dir: t.TempDir(), Console: true, Metrics: true, Quota: op.Quota{Keys: n + 100}}}
	all, ring := begun(t, d.Dir)
	d.ids = makeKeys(t, record.Open(all, ring, 0), n)
	load(t, d, all.snap())
	return d
}

// A visitor is who looks at pages of the console.
type visitor struct {
	t    testing.TB
	s    *kmstest.Server
	http *http.Client
}

func visit(t testing.TB, d *deployment) *visitor {
	t.Helper()
	s := kmstest.With(t, d.Options)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t, s, &http.Client{Jar: jar}}
	root := s.As(kmstest.Account)
	res, err := v.http.PostForm(s.URL+"/console/sign-in", url.Values{"access-key-id": {root.AccessKeyID}, "secret": {root.Secret}, "region": {kmstest.Region}})
	v.read(res, err)
	return v
}

func (v *visitor) read(res *http.Response, err error) string {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		v.t.Fatalf("%s: got %d %s, %v", res.Request.URL, res.StatusCode, text, err)
	}
	return string(text)
}

// look is a page, with nothing in memory, and how often the store was read for it.
func (v *visitor) look(path string) (text string, reads int) {
	v.t.Helper()
	memory := record.Memory{Book: v.s.Book, Materials: v.s.Custody}
	if err := memory.DropAll(context.Background()); err != nil {
		v.t.Fatal(err)
	}
	before := v.reads()
	text = v.read(v.http.Get(v.s.URL + path))
	return text, v.reads() - before
}

var storeReads = regexp.MustCompile(`(?m)^qkms_store_calls_total\{call="(?:get|list)",outcome="[a-z_]+"\} (\d+)$`)

func (v *visitor) reads() (n int) {
	v.t.Helper()
	found := storeReads.FindAllStringSubmatch(v.read(http.Get(v.s.MetricsURL+"/metrics")), -1)
	if found == nil {
		v.t.Fatal("metrics: no reads of the store are counted")
	}
	for _, m := range found {
		calls, err := strconv.Atoi(m[1])
		if err != nil {
			v.t.Fatal(err)
		}
		n += calls
	}
	return n
}

const keysOnPage = 20

var (
	listedKey = regexp.MustCompile(`<a href="/console/keys/([0-9a-z-]{36})">`)
	goOn      = regexp.MustCompile(`<a class="button" href="(/console/keys\?[^"]*marker=[^"]+)">`)
	lookedAt  = regexp.MustCompile(`Looked at (\d+) so far`)
)

func next(page string) string {
	if m := goOn.FindStringSubmatch(page); m != nil {
		return html.UnescapeString(m[1])
	}
	return ""
}

// The list of keys, and a search by how an id or an alias begins, read the store as often behind many keys as behind ten, but
// for the rows that are shown. A search for a tag reads so many records for a page and no more, and comes to its end.
func TestManyKeysInTheConsole(t *testing.T) {
	few, many := visit(t, keysAlone(t, keysOnPage/2)), (*visitor)(nil)
	d := keysAlone(t, number(t, "QKMS_KEYS", 20_000))
	many = visit(t, d)
	root, last := many.s.As(kmstest.Account), d.ids[len(d.ids)-1]
	root.Must("TagResource", map[string]any{"KeyId": last, "Tags": []map[string]string{{"TagKey": "team", "TagValue": "shop"}}})
	for i := range 2 * keysOnPage {
		root.Must("CreateAlias", map[string]string{"AliasName": fmt.Sprintf("alias/shop/%03d", i), "TargetKeyId": d.ids[(i+1)*len(d.ids)/100]})
	}
	_, atMost := few.look("/console/keys")
	t.Logf("ten keys: %d reads of the store", atMost)
	atMost *= 3 // as many rows again, and what searching by two orders takes

	first, reads := many.look("/console/keys")
	check := func(what, page string, reads, keys int) {
		t.Helper()
		if got := len(listedKey.FindAllString(page, -1)); got != keys || reads > atMost {
			t.Errorf("%s: got %d keys by %d reads of the store, want %d by at most %d", what, got, reads, keys, atMost)
		}
	}
	check("the first page", first, reads, keysOnPage)
	page, reads := many.look(next(first))
	check("the second page", page, reads, keysOnPage)
	page, reads = many.look("/console/keys?q=" + d.ids[len(d.ids)/2][:1])
	check("how ids begin", page, reads, keysOnPage)
	page, reads = many.look("/console/keys?q=" + last)
	check("an id", page, reads, 1)
	page, reads = many.look("/console/keys?q=shop/")
	check("how aliases begin", page, reads, keysOnPage)
	page, reads = many.look("/console/keys?q=alias/shop/007")
	check("an alias", page, reads, 1)

	looked := 0
	for at := "/console/keys?q=tag:team=shop"; at != ""; at = next(page) {
		page, reads = many.look(at)
		if reads > atMost {
			t.Fatalf("a tag: got %d reads of the store for one page, want at most %d", reads, atMost)
		}
		if m := lookedAt.FindStringSubmatch(page); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil || n <= looked || n > looked+2000 {
				t.Fatalf("a tag: looked at %q so far, %d before: want more, and at most 2000", m[1], looked)
			}
			looked = n
		}
	}
	if !strings.Contains(page, last) || looked < len(d.ids)-2001 {
		t.Errorf("a tag that the last key has: found %t, having looked at %d of %d", strings.Contains(page, last), looked, len(d.ids))
	}
}

// BenchmarkConsoleKeys compares the page of keys of an account that has ten with those of one that has QKMS_KEYS, in turns
// within one run: ratio is what a page of the latter takes, by what the former's takes. A full page has 20 rows, the
// other ten.
//
//	QKMS_KEYS=1000000 go test -run '^$' -bench ConsoleKeys -timeout 1h ./internal/scale
func BenchmarkConsoleKeys(b *testing.B) {
	few, full := keysAlone(b, keysOnPage/2), keysAlone(b, number(b, "QKMS_KEYS", 20_000))
	f, g := browse(b, few), browse(b, full)
	middle := full.ids[len(full.ids)/2]
	second := next(g("/console/keys"))
	for _, of := range []struct{ name, path string }{
		{"First", "/console/keys"}, {"Second", second}, {"FromTheMiddle", "/console/keys?q=" + middle[:1]}, {"OneId", "/console/keys?q=" + middle},
		{"NoSuchAlias", "/console/keys?q=alias/nothing"},
	} {
		b.Run(of.name, func(b *testing.B) {
			beside(b, func() { f("/console/keys") }, func() { g(of.path) })
		})
	}
}

// browse opens the console of a deployment, without a network: what is measured is the server.
func browse(b *testing.B, d *deployment) (get func(path string) string) {
	b.Helper()
	clock := kmstest.NewClock()
	n, err := node.Open(context.Background(), node.Config{
		Dir: d.Dir, Unseal: []seal.Source{seal.KeyFile(filepath.Join(d.Dir, "root.key"))}, Now: clock.Now, Console: true, Quota: d.Quota,
		AuditSpool: 1 << 40, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := n.Close(); err != nil {
			b.Error(err)
		}
	})
	id, secret, change := n.AccessKeys.New(kmstest.Account, "scale", clock.Now())
	if err := n.Book.Commit(context.Background(), change, "", nil); err != nil {
		b.Fatal(err)
	}
	form := url.Values{"access-key-id": {id}, "secret": {secret}, "region": {kmstest.Region}}
	hr := httptest.NewRequest("POST", "http://localhost/console/sign-in", strings.NewReader(form.Encode()))
	hr.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	n.Handler.ServeHTTP(w, hr)
	cookies := w.Result().Cookies()
	if len(cookies) == 0 {
		b.Fatalf("sign in: got %d %s", w.Code, w.Body)
	}
	return func(path string) string {
		hr := httptest.NewRequest("GET", "http://localhost"+path, nil)
		hr.AddCookie(cookies[0])
		w := httptest.NewRecorder()
		n.Handler.ServeHTTP(w, hr)
		if w.Code != http.StatusOK {
			panic(fmt.Sprintf("%s: %d %s", path, w.Code, w.Body)) // a benchmark of refusals says nothing
		}
		return w.Body.String()
	}
}
