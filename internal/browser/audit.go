//go:build browser

package browser

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Audit has axe-core, whose source is in a file, look at a page in light or dark
// colours, with everything in it open, and gives what it finds serious or critical.
func Audit(ctx context.Context, path, axe string, dark bool) (found []string, err error) {
	source, err := os.ReadFile(axe)
	if err != nil {
		return nil, err
	}
	ctx, stop, err := start(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	const run = `(async () => {
	document.querySelectorAll("details").forEach(d => d.open = true);
	const result = await axe.run(document, {resultTypes: ["violations"]});
	return result.violations.filter(v => v.impact === "serious" || v.impact === "critical")
		.map(v => v.id + ", " + v.impact + ": " + v.help + ", at " + v.nodes.slice(0, 3).map(n => n.target.join(" ") + " (" + n.html.slice(0, 120) + ")").join("; "));
})()`
	err = chromedp.Run(ctx, emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
		chromedp.Navigate((&url.URL{Scheme: "file", Path: path}).String()), chromedp.Evaluate(string(source)+";0", nil),
		chromedp.Evaluate(run, &found, awaited))
	if err != nil {
		return nil, fmt.Errorf("%s in Chromium: %w", path, err)
	}
	return found, nil
}
