// Package browser drives Chromium as a person would who reads every page, and as one who cannot see it.
//
// Open starts the browser. A Tab is one visitor: it goes to pages, fills in forms by the labels people read, and keeps account
// of all that a browser complains about (watch.go). axe.go, keyboard.go and look.go judge the page that is shown.
package browser

import (
	"context"
	"errors"
	"os"
	"os/exec"

	"github.com/chromedp/chromedp"
)

// Chromium is a browser without a window. Its methods may be called concurrently.
type Chromium struct {
	ctx context.Context
}

// Open starts Chromium over a directory of its own. $QKMS_CHROMIUM names another program than `chromium`.
func Open() (*Chromium, error) {
	program := os.Getenv("QKMS_CHROMIUM")
	if program == "" {
		program = "chromium"
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, errors.New("no Chromium on the PATH: install the package chromium (Debian), or name the program in $QKMS_CHROMIUM")
	}
	alloc, _ := chromedp.NewExecAllocator(context.Background(), append(flags(), chromedp.ExecPath(path))...)
	ctx, _ := chromedp.NewContext(alloc)
	b := &Chromium{ctx}
	if err := chromedp.Do(ctx); err != nil { // starts it
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// flags are those of a browser that asks nobody but the server under test, and draws everywhere alike.
func flags() []chromedp.ExecAllocatorOption {
	opts := []chromedp.ExecAllocatorOption{chromedp.Headless, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.DisableGPU}
	for _, name := range []string{
		"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-extensions", "disable-breakpad",
		"disable-dev-shm-usage", "disable-background-timer-throttling", "disable-renderer-backgrounding", "hide-scrollbars",
	} {
		opts = append(opts, chromedp.Flag(name, true))
	}
	opts = append(opts, chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("lang", "en"))
	if os.Getuid() == 0 { // its sandbox refuses to run for root; what it is shown here is ours
		opts = append(opts, chromedp.NoSandbox)
	}
	return opts
}

// Close ends the browser, and removes its directory once all of its processes have ended. Its error says what is left.
func (b *Chromium) Close() error { return chromedp.Cancel(b.ctx) }
