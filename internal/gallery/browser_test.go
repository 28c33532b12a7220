//go:build browser

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"voxen/internal/browser"
)

// All words of all figures can be read, in light and in dark, at both widths.
func TestFiguresReadInBrowser(t *testing.T) {
	figures, err := draw(context.Background(), "../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "index.html")
	if err := os.WriteFile(path, []byte(page(figures)), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		width int
		dark  bool
	}{{1280, false}, {1280, true}, {400, false}} {
		seen, err := browser.ReadFigures(context.Background(), path, c.width, c.dark, os.Getenv("VOXEN_SCREENSHOT"))
		if err != nil {
			t.Fatal(err)
		}
		if seen.Figures < 20 || seen.Texts < 10*seen.Figures {
			t.Errorf("%d figures with %d texts", seen.Figures, seen.Texts)
		}
		for _, complaint := range seen.Complaints {
			t.Errorf("%d pixels, dark %v: %s", c.width, c.dark, complaint)
		}
	}
}

// The test finds what cannot be read: this figure is broken on purpose.
func TestBrokenFigureInBrowser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "broken.html")
	const broken = `<!doctype html><html><body style="background:#fff"><svg class="voxen-figure" data-name="broken" width="400" height="100" viewBox="0 0 400 100">
<image x="300" y="0" width="80" height="40" href="data:image/gif;base64,R0lGODlhAQABAAAAACw="/>
<text x="10" y="40" font-size="13">first</text><text x="20" y="42" font-size="13">second</text>
<text x="380" y="80" font-size="13">too far to the right</text><text x="100" y="80" font-size="13" fill="#cccccc">pale</text><text x="310" y="20" font-size="13">over</text></svg></body></html>`
	if err := os.WriteFile(path, []byte(broken), 0o666); err != nil {
		t.Fatal(err)
	}
	seen, err := browser.ReadFigures(context.Background(), path, 1280, false, "")
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(seen.Complaints, "\n")
	for _, want := range []string{`"first" lies on "second"`, `"too far to the right" is outside`, `"pale" has a contrast of`, `"over" lies on a picture`} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing says that %s; what is said:\n%s", want, all)
		}
	}
	if len(seen.Complaints) != 4 {
		t.Errorf("%d complaints, expected 4:\n%s", len(seen.Complaints), all)
	}
}
