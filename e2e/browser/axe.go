package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// axe is axe-core, which `npm ci` has brought.
var axe = sync.OnceValues(func() (string, error) {
	text, err := os.ReadFile(filepath.Join("node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		return "", fmt.Errorf("no axe-core: run `npm ci` in e2e, as `make e2e` does: %w", err)
	}
	return string(text), nil
})

// judged is what pages are held to: WCAG 2.2 at level AA, and what axe-core calls best practice.
const judged = `axe.run(document, {
	runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] },
	rules: { "target-size": { enabled: true } },
	resultTypes: ["violations"],
}).then((r) => r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.failureSummary.replace(/\s+/g, " ") + " " + n.html.slice(0, 200))))`

// Axe fails the test with every violation that axe-core finds in the page as it is drawn now. Like find.js it is there before the page's own
// scripts, put by the debugger, which the page's Content-Security-Policy does not bind.
func (tab *Tab) Axe(where string) {
	tab.t.Helper()
	found := Eval[[]string](tab, judged)
	if len(found) > 0 {
		tab.t.Errorf("%s (%s): axe:\n\t%s", tab.Path(), where, strings.Join(found[:min(len(found), 12)], "\n\t"))
	}
}
