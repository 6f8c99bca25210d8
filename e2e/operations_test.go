package e2e_test

import (
	"testing"

	"qkms/e2e/browser"
)

// toOperations are the pages about one operation each that a page links to.
const toOperations = `[...new Set([...document.querySelectorAll("main a")].map((a) => a.getAttribute("href")))].filter((to) => /^\/(docs|console\/try)\/[A-Z]\w+$/.test(to))`

// Pages about operations are alike, and the crawl looks at a few of them from every side. Here all are looked at.
func TestEveryOperation(t *testing.T) {
	for name, list := range map[string]string{"reference": "/docs/", "try": "/console/try"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tab := signedIn(t, root())
			tab.Go(list)
			pages := browser.Eval[[]string](tab, toOperations)
			if len(pages) == 0 {
				t.Fatalf("%s leads to no operation", list)
			}
			for _, page := range pages {
				tab.Go(page)
				tab.Axe("desktop")
				tab.Look(browser.Phone, browser.Light)
				tab.Fits()
				tab.Look(browser.Desktop, browser.Light)
			}
			t.Logf("%d pages", len(pages))
		})
	}
}
