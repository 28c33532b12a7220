//go:build browser

package report_test

import (
	"context"
	"os"
	"testing"

	"voxen/internal/browser"
	"voxen/internal/steptest"
	"voxen/study/report"
	"voxen/study/step"
)

// The report of a whole study opens in a browser without a complaint, asks for
// nothing outside its file, and its viewer shows the maps.
func TestReportInBrowser(t *testing.T) {
	o := planted(t, t.TempDir())
	if _, err := step.Do[*report.Summary](context.Background(), &step.Env{Version: "test"}, &o); err != nil {
		t.Fatal(err)
	}
	seen, err := browser.Look(context.Background(), o.Out, os.Getenv("VOXEN_SCREENSHOT"))
	if err != nil {
		t.Fatal(err)
	}
	seen.Check(t, 1)
	axe := os.Getenv("VOXEN_AXE")
	if axe == "" {
		return
	}
	found, err := browser.Audit(context.Background(), o.Out, axe, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Errorf("axe: %s", f)
	}
}

// The same of a study on surfaces.
func TestSurfaceReportInBrowser(t *testing.T) {
	o := steptest.With(report.New(), onSurfaces(t, ".gii"))
	if _, err := step.Do[*report.Summary](context.Background(), steptest.Env(), o); err != nil {
		t.Fatal(err)
	}
	seen, err := browser.Look(context.Background(), o.Out, os.Getenv("VOXEN_SCREENSHOT"))
	if err != nil {
		t.Fatal(err)
	}
	seen.Check(t, 1)
}
