package browser

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// SendTo presses the button with this text, and waits for the page at path, to which the pages that come first lead on by themselves.
func (tab *Tab) SendTo(text, path string) {
	tab.t.Helper()
	ctx, end := context.WithTimeout(tab.ctx, patience)
	defer end()
	loads := chromedp.Events(ctx, page.LoadEventFired)
	tab.watch.expect(200)
	tab.call(tab.click(text))
	for _, err := range loads {
		if err != nil {
			tab.t.Fatalf("%s: %s does not lead to %s: %v", tab.Path(), text, path, err)
		}
		if tab.Path() == path {
			break
		}
	}
	tab.complaints()
}

// Stay keeps the browser from going on to path, so that the page which leads there by itself can be looked at. The func that it returns,
// to be called when that page has come, waits until the browser has tried; after that it may go anywhere again.
func (tab *Tab) Stay(path string) (tried func()) {
	tab.t.Helper()
	ctx, end := context.WithTimeout(tab.ctx, patience)
	tries := chromedp.Events(ctx, fetch.RequestPaused)
	_, err := chromedp.Call(tab.ctx, fetch.Enable, fetch.EnableParams{Patterns: []*fetch.RequestPattern{{URLPattern: tab.base + path}}})
	tab.call(err)
	return func() {
		tab.t.Helper()
		defer end()
		for try, err := range tries {
			tab.call(err)
			_, err = chromedp.Call(ctx, fetch.FailRequest, fetch.FailRequestParams{RequestID: try.RequestID, ErrorReason: network.ErrorReasonAborted})
			tab.call(err)
			break
		}
		_, err := chromedp.Call(ctx, fetch.Disable, cdp.Empty{})
		tab.call(err)
	}
}
