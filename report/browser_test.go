//go:build browser

package report_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"voxen/internal/browser"
	"voxen/report"
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

// What is not significant is hidden, and shown again at wish.
func TestPageHidesInBrowser(t *testing.T) {
	p := everything(t)
	for _, b := range p.Sections[0].Blocks {
		switch v := b.(type) {
		case report.Viewer:
			g := blob().Grid
			v.Volumes[0].SetSolid(g, make([]bool, g.Voxels()), "q < 0.05")
		case report.SurfaceViewer:
			points, _ := ball(30)
			v.Maps[0].SetSolid([2][]bool{make([]bool, len(points)), make([]bool, len(points))}, "q < 0.05")
		}
	}
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(write(t, p)), 0o666); err != nil {
		t.Fatal(err)
	}
	const script = `(async () => {
	const seen = [];
	for (const v of document.querySelectorAll("figure.viewer")) {
		for (let i = 0; i < 240 && !v.dataset.shown; i++) await new Promise(r => setTimeout(r, 250));
		const canvas = v.querySelector("canvas"), box = v.querySelector(".solid");
		const colours = async () => {
			await new Promise(r => setTimeout(r, 500));
			const flat = document.createElement("canvas"), pen = flat.getContext("2d");
			flat.width = canvas.width; flat.height = canvas.height;
			await new Promise(r => { requestAnimationFrame(() => { box.dispatchEvent(new Event("change")); pen.drawImage(canvas, 0, 0); r(); }); });
			const p = pen.getImageData(0, 0, flat.width, flat.height * 0.9).data; // without the colour bar
			let n = 0;
			for (let i = 0; i < p.length; i += 4) if (Math.max(p[i], p[i + 1], p[i + 2]) - Math.min(p[i], p[i + 1], p[i + 2]) > 60) n++;
			return n;
		};
		const hidden = await colours();
		box.checked = false;
		const all = await colours();
		seen.push(v.querySelector(".solids").hidden ? "no box" : hidden * 2 < all ? "hides" : hidden + " of " + all);
	}
	return seen;
})()`
	var seen []string
	if err := browser.Try(context.Background(), path, script, &seen); err != nil {
		t.Fatal(err)
	}
	if want := []string{"hides", "hides"}; !slices.Equal(seen, want) {
		t.Errorf("coloured pixels: %q, expected %q", seen, want)
	}
}

// Tables sort by a column, numbers as numbers, and the other way round; a search hides
// rows; the contents list marks a section.
func TestPageRespondsInBrowser(t *testing.T) {
	path, p := filepath.Join(t.TempDir(), "page.html"), everything(t)
	p.Section("more", "More", "A page of one section has no contents list.")
	if err := os.WriteFile(path, []byte(write(t, p)), 0o666); err != nil {
		t.Fatal(err)
	}
	const script = `(() => {
	const table = [...document.querySelectorAll("table")].find(t => t.rows.length > 20);
	const first = () => [...table.tBodies[0].rows].slice(0, 2).map(r => r.cells[1].textContent).join(" ");
	const button = table.querySelectorAll("th button")[1], seen = [first()];
	button.click(); seen.push(first());
	button.click(); seen.push(first());
	const search = table.parentElement.querySelector("input");
	search.value = "ROW 7"; search.dispatchEvent(new Event("input"));
	seen.push([...table.tBodies[0].rows].filter(r => !r.hidden).length);
	scrollTo({top: 1e6, behavior: "instant"});
	return new Promise(r => setTimeout(() => r(seen.concat([document.querySelectorAll("nav a[aria-current]").length]).map(String)), 300));
})()`
	var seen []string
	if err := browser.Try(context.Background(), path, script, &seen); err != nil {
		t.Fatal(err)
	}
	if want := []string{"100 93", "-33 -26", "100 93", "1", "1"}; !slices.Equal(seen, want) {
		t.Errorf("as it is, sorted, turned round, rows that a search leaves, sections marked: %q, expected %q", seen, want)
	}
}

// axe finds nothing serious in a page, and does find what is broken on purpose. The
// variable VOXEN_AXE names the file axe.min.js of axe-core.
func TestPageIsAccessibleInBrowser(t *testing.T) {
	axe := os.Getenv("VOXEN_AXE")
	if axe == "" {
		t.Skip("VOXEN_AXE names no axe.min.js")
	}
	path := filepath.Join(t.TempDir(), "page.html")
	for _, c := range []struct {
		page   string
		dark   bool
		broken bool
	}{{write(t, everything(t)), false, false}, {write(t, everything(t)), true, false},
		{`<!doctype html><html lang="en"><title>t</title><body><main><h1 style="color:#ccc;background:#fff">pale</h1><img src="data:,"></main></body></html>`, false, true}} {
		if err := os.WriteFile(path, []byte(c.page), 0o666); err != nil {
			t.Fatal(err)
		}
		found, err := browser.Audit(context.Background(), path, axe, c.dark)
		if err != nil {
			t.Fatal(err)
		}
		if c.broken != (len(found) >= 2) || !c.broken && len(found) > 0 {
			t.Errorf("dark %t, broken %t: %q", c.dark, c.broken, found)
		}
	}
}
