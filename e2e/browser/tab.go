package browser

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take to come, on a machine with other things to do.
const patience = 30 * time.Second

// find.js runs in every page before its own scripts do: it finds things by what people read, and reports what the policy of the page forbade.
//
//go:embed find.js
var findJS string

// A Tab is a window of its own, which shares no cookie with others. It is for one goroutine.
type Tab struct {
	t     testing.TB
	ctx   context.Context
	base  string
	watch *watch
}

// Tab opens one for pages of the server at base. When the test ends it is closed, and whatever the browser complained of fails the test.
func (b *Chromium) Tab(t testing.TB, base string) *Tab {
	t.Helper()
	w := &watch{}
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(w.event))
	tab := &Tab{t, ctx, base, w}
	t.Cleanup(func() {
		tab.complaints()
		end()
	})
	w.answer = func() {
		_, _ = chromedp.Call(ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{})
	}
	tab.call(chromedp.Do(ctx))
	enable := func(_ cdp.Empty, err error) { tab.call(err) }
	enable(chromedp.Call(ctx, log.Enable, cdp.Empty{}))
	enable(chromedp.Call(ctx, audits.Enable, cdp.Empty{}))
	enable(chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}))
	axeJS, err := axe()
	tab.call(err)
	_, err = chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: findJS + axeJS})
	tab.call(err)
	tab.Look(Desktop, Light)
	return tab
}

// call fails the test unless err is nil.
func (tab *Tab) call(err error) {
	tab.t.Helper()
	if err != nil {
		tab.t.Fatalf("%s: %v", tab.Path(), err)
	}
}

// Go shows the page at a path, which must answer 200, and fails the test with what the browser complained of.
func (tab *Tab) Go(path string) { tab.t.Helper(); tab.GoFor(path, 200) }

// GoFor is Go of a page that answers status, such as one that says why something is refused.
func (tab *Tab) GoFor(path string, status int64) {
	tab.t.Helper()
	tab.land(status, chromedp.Navigate(tab.base+path))
}

// OrRefused is the status of a page that is shown, 200, or says that it is not for the visitor, 403.
const OrRefused = int64(-1)

// land does something after which another page is shown.
func (tab *Tab) land(status int64, steps ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	tab.watch.expect(status)
	ctx, end := context.WithTimeout(tab.ctx, patience)
	defer end()
	res, err := chromedp.RunResponse(ctx, steps...)
	if err != nil {
		tab.t.Fatalf("from %s: no page came: %v", tab.Path(), err)
	}
	if res.Status != status && !(status == OrRefused && (res.Status == 200 || res.Status == 403)) {
		tab.t.Fatalf("%s: got %d, want %d: %s", tab.Path(), res.Status, status, tab.Text("main"))
	}
	tab.complaints()
}

// Path is the address of the page that is shown, without the server's.
func (tab *Tab) Path() string {
	ctx, end := context.WithTimeout(tab.ctx, patience)
	defer end()
	at, _ := chromedp.Run(ctx, chromedp.Location())
	return strings.TrimPrefix(at, tab.base)
}

// Eval has the page evaluate an expression of JavaScript, a promise too.
func Eval[T any](tab *Tab, expression string) T {
	tab.t.Helper()
	ctx, end := context.WithTimeout(tab.ctx, patience)
	defer end()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		tab.t.Fatalf("%s: %.200s: %v", tab.Path(), expression, err)
	}
	return v
}

// Text is what can be read in the first element of a CSS selector; "" if there is none.
func (tab *Tab) Text(selector string) string {
	tab.t.Helper()
	return Eval[string](tab, fmt.Sprintf(`document.querySelector(%s)?.innerText ?? ""`, quote(selector)))
}

// Want fails the test unless the page says every one of these.
func (tab *Tab) Want(texts ...string) {
	tab.t.Helper()
	said := flat(tab.Text("body"))
	for _, text := range texts {
		if !strings.Contains(said, flat(text)) {
			tab.t.Fatalf("%s: does not say %q; it says:\n%s", tab.Path(), text, said)
		}
	}
}

// WantNot fails the test if the page says this.
func (tab *Tab) WantNot(text string) {
	tab.t.Helper()
	if strings.Contains(flat(tab.Text("body")), flat(text)) {
		tab.t.Errorf("%s: says %q", tab.Path(), text)
	}
}

// flat is text with every run of white space a single space, as a reader has it.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

// Fill types into the field with this label: over what is in it. Of a choice it takes the option with this text or value.
func (tab *Tab) Fill(label, value string) {
	tab.t.Helper()
	switch kind := tab.act("e2e.ready(%s, %s)", label, value); kind {
	case "done":
	case "type":
		_, err := chromedp.Call(tab.ctx, input.InsertText, input.InsertTextParams{Text: value})
		tab.call(err)
	default:
		tab.t.Fatalf("%s: %s", tab.Path(), kind)
	}
}

// HasTyped fails the test unless the field with this label has this text.
func (tab *Tab) HasTyped(label, want string) {
	tab.t.Helper()
	if got := tab.act("e2e.value(%s)", label); got != want {
		tab.t.Errorf("%s: %s: got %q, want %q", tab.Path(), label, got, want)
	}
}

// Locked fails the test unless the button with this text cannot be pressed now.
func (tab *Tab) Locked(text string) {
	tab.t.Helper()
	if got := tab.act("e2e.place(%s).error ?? ''", text); !strings.HasSuffix(got, "is disabled") {
		tab.t.Errorf("%s: %s can be pressed: %s", tab.Path(), text, got)
	}
}

// act calls one of the functions of find.js with texts.
func (tab *Tab) act(call string, texts ...any) string {
	tab.t.Helper()
	for i, text := range texts {
		texts[i] = quote(text)
	}
	return Eval[string](tab, fmt.Sprintf(call, texts...))
}

// Press presses the button, or opens the fold, with this text, of which no other page comes.
func (tab *Tab) Press(text string) {
	tab.t.Helper()
	tab.call(tab.click(text))
}

// Send presses the button, or follows the link, with this text, and waits for the page that comes, with 200.
func (tab *Tab) Send(text string) { tab.t.Helper(); tab.SendFor(text, 200) }

// SendFor is Send when the page is to come with another status.
func (tab *Tab) SendFor(text string, status int64) {
	tab.t.Helper()
	tab.land(status, chromedp.Func(func(context.Context, *chromedp.Target) error { return tab.click(text) }))
}

// click presses the mouse on what has this text. What something else covers cannot be clicked.
func (tab *Tab) click(text string) error {
	at := Eval[struct {
		X, Y  float64
		Error string
	}](tab, fmt.Sprintf("e2e.place(%s)", quote(text)))
	if at.Error != "" {
		return fmt.Errorf("%s", at.Error)
	}
	return chromedp.Do(tab.ctx, chromedp.MouseClickXY(at.X, at.Y))
}

// quote is a text as JavaScript has it.
func quote(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("browser: internal error: " + err.Error()) // of strings
	}
	return string(b)
}
