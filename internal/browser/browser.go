//go:build browser

// Package browser looks at a report in a headless Chromium, for tests: they are
// built with the tag browser, since the other tests need Go alone. chromedp is
// the maintained way to drive Chromium from Go.
package browser

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Seen is what a browser saw of a page.
type Seen struct {
	Complaints []string // console errors, warnings and exceptions
	Requests   []string // for anything but the file and what it holds
	Title      string
	Sections   int
	Broken     int       // pictures that did not load
	Overflow   int       // pixels by which the page is wider than the window
	Volumes    []string  // that viewers showed when they were chosen
	Shown      []string  // by each viewer; "" where it shows nothing
	Lit        []float64 // share of each viewer's pixels that are not black
}

// Check fails the test for anything that should not be.
func (s *Seen) Check(t *testing.T, viewers int) {
	t.Helper()
	for _, c := range s.Complaints {
		t.Errorf("console: %s", c)
	}
	for _, r := range s.Requests {
		t.Errorf("request left the file: %s", r)
	}
	switch {
	case s.Title == "" || s.Sections == 0:
		t.Errorf("title %q, %d sections", s.Title, s.Sections)
	case s.Broken > 0:
		t.Errorf("%d pictures did not load", s.Broken)
	case s.Overflow > 0:
		t.Errorf("the page is %d pixels wider than the window", s.Overflow)
	case len(s.Shown) != viewers:
		t.Errorf("%d viewers, want %d", len(s.Shown), viewers)
	}
	for _, v := range s.Volumes {
		if strings.HasPrefix(v, "not shown") {
			t.Errorf("viewer: %s", v)
		}
	}
	for i, name := range s.Shown {
		if name == "" || s.Lit[i] < 0.02 {
			t.Errorf("viewer %d shows %q, %.1f%% of it is not black", i, name, 100*s.Lit[i])
		}
	}
}

// flags make Chromium quiet, alone, and able to draw WebGL 2 without a GPU.
var flags = []chromedp.ExecAllocatorOption{
	chromedp.NoSandbox, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless,
	chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
	chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true),
	chromedp.Flag("use-angle", "swiftshader"), chromedp.Flag("enable-unsafe-swiftshader", true), chromedp.Flag("hide-scrollbars", true),
	chromedp.WindowSize(1280, 900),
}

// inspect waits until the viewers have drawn, chooses each of their volumes in
// turn and the second of its maps, and reads the page.
const inspect = `(async () => {
	const viewers = [...document.querySelectorAll("figure.viewer")];
	const until = async f => { for (let i = 0; i < 240 && !f(); i++) await new Promise(r => setTimeout(r, 250)); };
	await until(() => viewers.every(v => v.dataset.shown));
	const volumes = [];
	for (const v of viewers) {
		const menu = v.querySelector(".volume");
		for (const i of [...Array(menu.options.length).keys(), 0]) {
			menu.selectedIndex = i;
			menu.dispatchEvent(new Event("change"));
			await until(() => v.dataset.shown === menu.value);
			volumes.push(v.dataset.shown === menu.value ? menu.value : "not shown: " + menu.value);
			const frames = v.querySelector(".frame");
			if (frames.options.length > 1) {
				frames.selectedIndex = 1;
				frames.dispatchEvent(new Event("change"));
			}
			v.querySelector(".low").dispatchEvent(new Event("input"));
		}
	}
	await new Promise(r => setTimeout(r, 500));
	return {Volumes: volumes,
		Title: document.title, Sections: document.querySelectorAll("section h2").length,
		Broken: [...document.images].filter(i => !i.complete || !i.naturalWidth).length,
		Overflow: Math.max(0, document.documentElement.scrollWidth - window.innerWidth),
		Shown: viewers.map(v => v.dataset.shown || ""),
	};
})()`

// start runs a Chromium with a profile of its own, for two minutes at most, and gives the
// address of a file in it.
func start(ctx context.Context, path string) (_ context.Context, address string, stop func(), err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, "", nil, err
	}
	profile, err := os.MkdirTemp("", "voxen-browser-")
	if err != nil {
		return nil, "", nil, err
	}
	ctx, late := context.WithTimeout(ctx, 2*time.Minute)
	ctx, allocator := chromedp.NewExecAllocator(ctx, append(flags, chromedp.UserDataDir(profile))...)
	ctx, tab := chromedp.NewContext(ctx)
	return ctx, (&url.URL{Scheme: "file", Path: path}).String(), func() {
		tab()
		allocator()
		late()
		os.RemoveAll(profile)
	}, nil
}

// colours has pages take light or dark ones.
func colours(dark bool) chromedp.Action {
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	return emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}})
}

// awaited waits for a promise.
func awaited(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// store keeps a picture, if a path is given.
func store(path string, picture []byte) error {
	if path == "" {
		return nil
	}
	return os.WriteFile(path, picture, 0o666)
}

// Look opens a file. With a screenshot path it stores the whole page there.
func Look(ctx context.Context, path, screenshot string) (*Seen, error) {
	ctx, address, stop, err := start(ctx, path)
	if err != nil {
		return nil, err
	}
	defer stop()
	seen := &Seen{}
	var mu sync.Mutex
	chromedp.ListenTarget(ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		seen.hear(event, address)
	})
	actions := []chromedp.Action{network.Enable(), runtime.Enable(), log.Enable(), chromedp.Navigate(address), chromedp.Evaluate(inspect, seen, awaited)}
	if err := chromedp.Run(ctx, actions...); err != nil {
		return nil, fmt.Errorf("%s in Chromium: %w", path, err)
	}
	if len(seen.Shown) > 0 {
		var nodes []*cdp.Node
		if err := chromedp.Run(ctx, chromedp.Nodes("figure.viewer .canvas", &nodes, chromedp.ByQueryAll)); err != nil {
			return nil, err
		}
		for _, n := range nodes {
			var picture []byte
			if err := chromedp.Run(ctx, chromedp.Screenshot([]cdp.NodeID{n.NodeID}, &picture, chromedp.ByNodeID)); err != nil {
				return nil, err
			}
			share, err := lit(picture)
			if err != nil {
				return nil, err
			}
			seen.Lit = append(seen.Lit, share)
		}
	}
	if screenshot == "" {
		return seen, nil
	}
	var whole []byte
	if err := chromedp.Run(ctx, chromedp.FullScreenshot(&whole, 100)); err != nil {
		return nil, err
	}
	return seen, store(screenshot, whole)
}

// lit is the share of the pixels of a PNG that are not black.
func lit(picture []byte) (float64, error) {
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return 0, err
	}
	b, n := img.Bounds(), 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if r, g, bl, _ := img.At(x, y).RGBA(); r+g+bl > 3*0x1400 {
				n++
			}
		}
	}
	return float64(n) / float64(b.Dx()*b.Dy()), nil
}

// hear keeps what should not happen.
func (s *Seen) hear(event any, address string) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		u := e.Request.URL
		if u != address && !strings.HasPrefix(u, address+"#") && !strings.HasPrefix(u, "data:") && !strings.HasPrefix(u, "blob:") {
			s.Requests = append(s.Requests, u[:min(len(u), 200)])
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			text := string(e.Type)
			for _, a := range e.Args {
				text += " " + string(a.Value) + a.Description
			}
			s.Complaints = append(s.Complaints, text)
		}
	case *runtime.EventExceptionThrown:
		s.Complaints = append(s.Complaints, "exception: "+e.ExceptionDetails.Error())
	case *log.EventEntryAdded:
		// of the driver that stands in for a GPU, not of the page
		if e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning && !strings.Contains(e.Entry.Text, "GPU stall") {
			s.Complaints = append(s.Complaints, "log: "+e.Entry.Text)
		}
	}
}
