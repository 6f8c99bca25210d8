package e2e_test

import (
	"cmp"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"qkms/e2e/browser"
	"qkms/e2e/program"
)

// kinds are addresses of which there are many alike: so many of each are looked at, by the root user and by others. TestEveryOperation
// looks at all that are about operations, from fewer sides.
var kinds = []struct {
	like         *regexp.Regexp
	root, others int
}{
	{regexp.MustCompile(`^/docs/\w+`), 3, 0},
	{regexp.MustCompile(`^/console/try/\w+`), 3, 1},
	{regexp.MustCompile(`^/console/audit/\d+`), 2, 1},
}

// most is how many pages a crawl may find: more are a kind that kinds lacks.
const most = 120

var (
	keyID     = regexp.MustCompile(`\b(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\b`)
	name      = regexp.MustCompile(`(/identities/\w+/)[^/]+`)
	parameter = regexp.MustCompile(`=[^&]*`)
)

// kind is what pages that differ only in which key or which piece of a list they are about have in common.
func kind(path string) string {
	at, query, _ := strings.Cut(path, "?")
	return name.ReplaceAllString(keyID.ReplaceAllString(at, "KEY"), "${1}NAME") + "?" + parameter.ReplaceAllString(query, "")
}

// Every page that can be reached by links is looked at, by one who may do everything, one who may do little and one who may do nothing.
func TestEveryPage(t *testing.T) {
	for name, who := range map[string]program.Login{"root": root(), "little": little(), "nothing": nothing()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCrawl(t, name, who)
			c.all()
			t.Logf("%d pages", len(c.seen))
		})
	}
}

// A crawl is a walk over every page.
type crawl struct {
	t     *testing.T
	tab   *browser.Tab
	who   string
	left  []string
	seen  map[string]bool // kinds
	alike map[string]int  // pages of a row of kinds
	also  func(*browser.Tab)
}

// newCrawl is one that begins where somebody comes to who signs in.
func newCrawl(t *testing.T, name string, who program.Login) *crawl {
	t.Helper()
	return &crawl{tab: signedIn(t, who), t: t, who: name, seen: map[string]bool{"/console/?": true /* leads to the keys */}, alike: map[string]int{}, also: func(*browser.Tab) {}}
}

// all goes on until there is no page left.
func (c *crawl) all() {
	c.t.Helper()
	c.links()
	for len(c.left) > 0 {
		next := c.left[0]
		c.left = c.left[1:]
		c.page(next)
	}
}

func (c *crawl) page(path string) {
	if len(c.seen) > most {
		c.t.Fatalf("more than %d pages, the last %s: does kinds lack a row?", most, path)
	}
	status := browser.OrRefused
	if c.who == "root" {
		status = 200
	}
	c.tab.GoFor(path, status)
	name := strings.NewReplacer("/console/", "", "/", "_", "?", "_", "&", "_").Replace(strings.TrimSuffix(kind(path), "?"))
	c.also(c.tab)
	judge(c.tab, c.who+"-"+cmp.Or(name, "front"), c.who == "root")
	c.links()
}

// judge holds the page to everything that holds for each. Of a page that is looked at closely there are more pictures.
func judge(tab *browser.Tab, name string, closely bool) {
	for _, look := range []struct {
		on  browser.Screen
		in  browser.Scheme
		axe bool
	}{
		{browser.Phone, browser.Dark, false},
		{browser.Phone, browser.Light, closely},
		{browser.Desktop, browser.Dark, closely},
		{browser.Desktop, browser.Light, true},
	} {
		tab.Look(look.on, look.in)
		tab.Fits()
		if closely || look.in == browser.Light {
			tab.Keep(name, look.on, look.in)
		}
		if look.axe {
			tab.Axe(look.on.Name + ", " + string(look.in))
		}
	}
	tab.Keyboard()
	tab.Skip()
}

// links takes note of what the page links to. Files to be kept are fetched here: they make no page.
func (c *crawl) links() {
	for _, failed := range browser.Eval[[]string](c.tab, `Promise.all([...document.querySelectorAll("a[download]")].slice(0, 3).map(async (a) => (await fetch(a.href)).ok ? "" : a.href))`) {
		if failed != "" {
			c.t.Errorf("%s: the file behind %s does not come", c.tab.Path(), failed)
		}
	}
	for _, href := range browser.Eval[[]string](c.tab, "[...document.querySelectorAll('a[href]:not([download])')].map((a) => a.href)") {
		u, err := url.Parse(href)
		if err != nil || !strings.HasPrefix(href, server.URL+"/") {
			continue
		}
		path := u.RequestURI()
		if k := kind(path); !c.seen[k] && c.few(k) {
			c.seen[k] = true
			c.left = append(c.left, path)
		}
	}
}

// few reports whether another page of this kind is to be looked at.
func (c *crawl) few(kind string) bool {
	for _, k := range kinds {
		if k.like.MatchString(kind) {
			c.alike[k.like.String()]++
			if c.who == "root" {
				return c.alike[k.like.String()] <= k.root
			}
			return c.alike[k.like.String()] <= k.others
		}
	}
	return true
}
