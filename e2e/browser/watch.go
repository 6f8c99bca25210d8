package browser

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
)

// A watch keeps what a browser complains of: in its console, in its list of issues, of requests that failed, and dialogs, which no page of
// ours opens.
type watch struct {
	mu       sync.Mutex
	said     []string
	expected int64  // status of the pages to come
	answer   func() // closes a dialog, which would keep the page for ever
}

func (w *watch) expect(status int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.expected = status
}

func (w *watch) complain(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, fmt.Sprintf(format, args...))
}

// event is called by the reader of the browser's messages, one at a time.
func (w *watch) event(ev any) {
	switch ev := ev.(type) {
	case *runtime.EventConsoleAPICalled:
		if slices.Contains([]runtime.ConsoleAPICalledType{"error", "warning", "assert"}, ev.Type) {
			w.complain("console: %s", arguments(ev.Args))
		}
	case *runtime.EventExceptionThrown:
		w.complain("script failed: %s %s:%d", ev.ExceptionDetails.Text, ev.ExceptionDetails.URL, ev.ExceptionDetails.LineNumber)
	case *log.EventEntryAdded:
		if ev.Entry.Level != "verbose" && !w.isExpected(ev.Entry) {
			w.complain("log: %s: %s %s", ev.Entry.Source, ev.Entry.Text, ev.Entry.URL)
		}
	case *audits.EventIssueAdded:
		if ev.Issue.Code != audits.InspectorIssueCodePerformanceIssue { // advice, on what tests ask a page as well
			w.complain("issue: %s %s", ev.Issue.Code, quote(ev.Issue.Details))
		}
	case *network.EventLoadingFailed:
		if !ev.Canceled {
			w.complain("request failed: %s: %s %s", ev.Type, ev.ErrorText, ev.BlockedReason)
		}
	case *page.EventJavascriptDialogOpening:
		w.complain("dialog: %q", ev.Message)
		go w.answer()
	}
}

// isExpected reports whether an entry is only about a page that is to say why something is refused.
func (w *watch) isExpected(e *log.Entry) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	status := w.expected
	if status == OrRefused {
		status = 403
	}
	return e.Source == "network" && status >= 400 && strings.Contains(e.Text, fmt.Sprintf("status of %d ", status))
}

func arguments(args []*runtime.RemoteObject) string {
	var b strings.Builder
	for _, a := range args {
		fmt.Fprintf(&b, "%s%s ", a.Value, a.Description)
	}
	return b.String()
}

// complaints fails the test with what was complained of since the last time.
func (tab *Tab) complaints() {
	tab.t.Helper()
	tab.watch.mu.Lock()
	defer tab.watch.mu.Unlock()
	for _, said := range tab.watch.said {
		tab.t.Errorf("%s: %s", tab.Path(), said)
	}
	tab.watch.said = nil
}
