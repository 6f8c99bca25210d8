package browser

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// A Screen is one that pages are looked at on.
type Screen struct {
	Name          string
	Width, Height int64
}

// A Scheme is what prefers-color-scheme says.
type Scheme string

// What pages are looked at with.
var (
	Desktop = Screen{"desktop", 1200, 900}
	Phone   = Screen{"phone", 390, 844}
)

// The schemes there are.
const (
	Light Scheme = "light"
	Dark  Scheme = "dark"
)

// Look has the page drawn for a screen, in a scheme, without movement.
func (tab *Tab) Look(s Screen, in Scheme) {
	tab.t.Helper()
	_, err := chromedp.Call(tab.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: s.Width, Height: s.Height, DeviceScaleFactor: 1})
	tab.call(err)
	_, err = chromedp.Call(tab.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: string(in)}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	tab.call(err)
}

// tallest is how much of a page is kept in a screenshot, in pixels: the end of a long list looks like its middle.
const tallest = 1800

// Keep writes a screenshot of the page, as a PNG named after what it is of, to $QKMS_SCREENSHOTS or the directory screenshots.
func (tab *Tab) Keep(name string, s Screen, in Scheme) {
	tab.t.Helper()
	m, err := chromedp.Call(tab.ctx, page.GetLayoutMetrics, cdp.Empty{})
	tab.call(err)
	beyond := true
	shot, err := chromedp.Call(tab.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
		Format: "png", CaptureBeyondViewport: &beyond,
		Clip: &page.Viewport{Width: float64(s.Width), Height: min(max(m.CSSContentSize.Height, float64(s.Height)), tallest), Scale: 1},
	})
	tab.call(err)
	dir := cmp.Or(os.Getenv("QKMS_SCREENSHOTS"), "screenshots")
	tab.call(os.MkdirAll(dir, 0o755))
	file := strings.Join([]string{name, s.Name, string(in)}, "-") + ".png"
	tab.call(os.WriteFile(filepath.Join(dir, file), shot.Data, 0o644))
}

// Fits fails the test if the page is wider than its screen: what is wide scrolls in a region of its own.
func (tab *Tab) Fits() {
	tab.t.Helper()
	wide := Eval[[]string](tab, `(() => {
		const room = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth <= room && document.body.scrollWidth <= room) return [];
		const scrolls = (e) => e && (["auto", "scroll", "hidden"].includes(getComputedStyle(e).overflowX) && e !== document.documentElement || scrolls(e.parentElement));
		return [...document.body.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > room + 1 && !scrolls(e.parentElement))
			.map((e) => Math.round(e.getBoundingClientRect().right) + " px: " + e.outerHTML.slice(0, 120)).concat("page").slice(0, 5);
	})()`)
	if len(wide) > 0 {
		tab.t.Errorf("%s: wider than the screen: %s", tab.Path(), strings.Join(wide, "\n\t"))
	}
}
