//go:build browser

package browser

import (
	"context"
	"fmt"
	"os"

	"github.com/chromedp/chromedp"
)

// Audit has axe-core, whose source is in a file, look at a page in light or dark
// colours, with everything in it open, and gives what it finds serious or critical.
func Audit(ctx context.Context, path, axe string, dark bool) (found []string, err error) {
	source, err := os.ReadFile(axe)
	if err != nil {
		return nil, err
	}
	ctx, address, stop, err := start(ctx, path)
	if err != nil {
		return nil, err
	}
	defer stop()
	const run = `(async () => {
	document.querySelectorAll("details").forEach(d => d.open = true);
	const result = await axe.run(document, {resultTypes: ["violations"]});
	return result.violations.filter(v => v.impact === "serious" || v.impact === "critical")
		.map(v => v.id + ", " + v.impact + ": " + v.help + ", at " + v.nodes.slice(0, 3).map(n => n.target.join(" ") + " (" + n.html.slice(0, 120) + ")").join("; "));
})()`
	err = chromedp.Run(ctx, colours(dark),
		chromedp.Navigate(address), chromedp.Evaluate(string(source)+";0", nil),
		chromedp.Evaluate(run, &found, awaited))
	if err != nil {
		return nil, fmt.Errorf("%s in Chromium: %w", path, err)
	}
	return found, nil
}
