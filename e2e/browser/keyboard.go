package browser

import (
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// A stop is something that the keyboard comes to.
type stop struct {
	ID, HTML     string
	Ring, Inside bool
}

// Keyboard fails the test unless Tab comes to everything that can be pressed or filled in, and can be seen where it is.
func (tab *Tab) Keyboard() {
	tab.t.Helper()
	Eval[bool](tab, "e2e.pause()")
	left := map[string]string{}
	for _, s := range Eval[[]stop](tab, "e2e.stops()") {
		left[s.ID] = s.HTML
	}
	tab.top()
	for range 2*len(left) + 8 { // regions that scroll are stops as well
		at := tab.tab()
		if at.ID == "" && len(left) == 0 {
			break
		}
		if at.HTML != "" && !(at.Ring && at.Inside) {
			tab.t.Errorf("%s: the keyboard is here, and nobody sees it (ring %t, on the screen %t): %s", tab.Path(), at.Ring, at.Inside, at.HTML)
		}
		delete(left, at.ID)
	}
	for _, html := range left {
		tab.t.Errorf("%s: the keyboard does not come to %s", tab.Path(), html)
	}
}

// Skip fails the test unless the first thing on a page is a link that passes over the navigation, and can be seen when it is reached.
func (tab *Tab) Skip() {
	tab.t.Helper()
	tab.top()
	if at := tab.tab(); !at.Inside || Eval[string](tab, "document.activeElement.getAttribute('href')") != "#main" {
		tab.t.Fatalf("%s: the first stop is %+v, want a link to the content that can be seen", tab.Path(), at)
	}
	tab.call(chromedp.Do(tab.ctx, chromedp.KeyEvent(kb.Enter)))
	if got := Eval[string](tab, "document.activeElement.id"); got != "main" {
		tab.t.Errorf("%s: the link over the navigation leads to %q, want main", tab.Path(), got)
	}
}

// top puts the keyboard before everything on the page, where it is when the page has come.
func (tab *Tab) top() {
	tab.t.Helper()
	Eval[bool](tab, `(() => {
		const first = document.body.insertBefore(document.createElement("span"), document.body.firstChild);
		first.tabIndex = -1;
		first.focus();
		first.remove();
		scrollTo(0, 0);
		return true;
	})()`)
}

// tab presses the key, and says where that led.
func (tab *Tab) tab() stop {
	tab.t.Helper()
	tab.call(chromedp.Do(tab.ctx, chromedp.KeyEvent(kb.Tab)))
	return Eval[stop](tab, "e2e.focus()")
}
