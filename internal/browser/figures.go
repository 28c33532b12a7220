//go:build browser

package browser

import (
	"context"
	"fmt"

	"github.com/chromedp/chromedp"
)

// words finds what cannot be read in the figures of a page: text outside its drawing,
// texts on each other, text on a picture, and text whose contrast with what is below
// it is less than 4.5 (WCAG 2.2, 1.4.3).
const words = `(() => {
	const complaints = [];
	const parse = c => (c.match(/[\d.]+/g) || []).map(Number);
	const linear = v => v <= 0.04045 * 255 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
	const luminance = c => 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
	const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
	const meet = (a, b, by) => a.left + by < b.right && b.left + by < a.right && a.top + by < b.bottom && b.top + by < a.bottom;
	const page = parse(getComputedStyle(document.body).backgroundColor);
	let texts = 0;
	const figures = [...document.querySelectorAll("svg.voxen-figure")];
	figures.forEach((svg, i) => {
		const name = (svg.dataset.name || svg.getAttribute("aria-label") || "figure " + i).slice(0, 60);
		const frame = svg.getBoundingClientRect();
		if (!frame.width) return; // within what is closed
		const below = [...svg.querySelectorAll("path, rect, image")].filter(e => e.tagName === "image" || getComputedStyle(e).fill !== "none")
			.map(e => ({e, box: e.getBoundingClientRect()}));
		const all = [...svg.querySelectorAll("text")].map(e => {
			const r = e.getBoundingClientRect(), up = r.height > r.width && e.textContent.length > 1;
			// the ink of a line is less high than its box
			const dx = up ? 0.15 * r.width : 0, dy = up ? 0 : 0.15 * r.height;
			return {e, text: e.textContent, box: {left: r.left + dx, right: r.right - dx, top: r.top + dy, bottom: r.bottom - dy}};
		});
		texts += all.length;
		all.forEach((t, k) => {
			if (t.box.left < frame.left - 0.5 || t.box.right > frame.right + 0.5 || t.box.top < frame.top - 0.5 || t.box.bottom > frame.bottom + 0.5)
				complaints.push(name + ": \"" + t.text + "\" is outside the drawing");
			for (const other of all.slice(k + 1)) if (meet(t.box, other.box, 0.5)) complaints.push(name + ": \"" + t.text + "\" lies on \"" + other.text + "\"");
			let ground = page;
			for (const b of below) {
				if (!meet(t.box, b.box, 0.5)) continue;
				if (b.e.tagName === "image") { complaints.push(name + ": \"" + t.text + "\" lies on a picture"); continue; }
				ground = parse(getComputedStyle(b.e).fill);
			}
			const c = contrast(parse(getComputedStyle(t.e).fill), ground);
			if (c < 4.5) complaints.push(name + ": \"" + t.text + "\" has a contrast of " + c.toFixed(2) + ", expected at least 4.5");
		});
	});
	return {Figures: figures.length, Texts: texts, Complaints: complaints};
})()`

// Try opens a page and evaluates a script in it, a promise or a value.
func Try(ctx context.Context, path, script string, result any) error {
	ctx, address, stop, err := start(ctx, path)
	if err != nil {
		return err
	}
	defer stop()
	if err := chromedp.Run(ctx, chromedp.Navigate(address), chromedp.Evaluate(script, result, awaited)); err != nil {
		return fmt.Errorf("%s in Chromium: %w", path, err)
	}
	return nil
}

// Read is what a browser found of the words in figures.
type Read struct {
	Figures, Texts int
	Complaints     []string
}

// ReadFigures opens a page in a window of a width, in light or dark colours, and looks
// at the words of its figures. With a screenshot path it stores the whole page there.
func ReadFigures(ctx context.Context, path string, width int, dark bool, screenshot string) (*Read, error) {
	ctx, address, stop, err := start(ctx, path)
	if err != nil {
		return nil, err
	}
	defer stop()
	read := &Read{}
	var whole []byte
	actions := []chromedp.Action{chromedp.EmulateViewport(int64(width), 900), colours(dark), chromedp.Navigate(address), chromedp.Evaluate(words, read)}
	if screenshot != "" {
		actions = append(actions, chromedp.FullScreenshot(&whole, 100))
	}
	if err := chromedp.Run(ctx, actions...); err != nil {
		return nil, fmt.Errorf("%s in Chromium: %w", path, err)
	}
	return read, store(screenshot, whole)
}
