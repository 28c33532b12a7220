//go:build browser

package report_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"voxen/internal/browser"
)

// The page opens in a browser without a complaint, asks for nothing outside its
// file, and the viewers show their volumes and surfaces.
func TestPageInBrowser(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(write(t, everything(t))), 0o666); err != nil {
		t.Fatal(err)
	}
	seen, err := browser.Look(context.Background(), path, os.Getenv("VOXEN_SCREENSHOT"))
	if err != nil {
		t.Fatal(err)
	}
	seen.Check(t, 2)
}
