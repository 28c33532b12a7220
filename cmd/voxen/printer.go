package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// printer is the one place that prints: a progress bar on a terminal, plain
// lines elsewhere, JSON objects with --json. It satisfies step.Reporter.
type printer struct {
	mu          sync.Mutex
	out, errOut io.Writer
	quiet, json bool
	terminal    bool

	step  string // of a study: "[3/12] encode bert sub-01"
	left  func() time.Duration
	stage string
	total int
	start time.Time
	last  time.Time // of a plain line
	bar   *progressbar.ProgressBar
}

// Plain lines come at most this often, and the first only after it: a part of
// the work shorter than that says nothing.
const (
	quietFor   = time.Second
	plainEvery = 10 * time.Second
)

func newPrinter(out, errOut io.Writer, quiet, asJSON bool) *printer {
	p := &printer{out: out, errOut: errOut, quiet: quiet, json: asJSON}
	if f, ok := errOut.(*os.File); ok {
		p.terminal = term.IsTerminal(int(f.Fd()))
	}
	return p
}

// Stage begins a part of the work.
func (p *printer) Stage(name string, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endBar()
	p.stage, p.total, p.start, p.last = name, total, time.Now(), time.Now()
	if p.json && !p.quiet {
		p.object(map[string]any{"type": "stage", "stage": name, "total": total})
	}
}

// Progress says how much is done, with an estimate of what is left.
func (p *printer) Progress(done int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	elapsed := time.Since(p.start)
	if p.quiet || p.total == 0 || elapsed < quietFor {
		return
	}
	left := time.Duration(float64(elapsed) / float64(max(done, 1)) * float64(p.total-done)).Round(time.Second)
	switch {
	case p.json:
		if time.Since(p.last) >= quietFor || done == p.total {
			p.last = time.Now()
			o := map[string]any{"type": "progress", "stage": p.stage, "done": done, "total": p.total, "seconds_left": left.Seconds()}
			if p.left != nil {
				o["step"], o["study_seconds_left"] = p.step, math.Round(p.left().Seconds())
			}
			p.object(o)
		}
	case p.terminal:
		if p.bar == nil {
			p.bar = progressbar.NewOptions(p.total, progressbar.OptionSetWriter(p.errOut), progressbar.OptionSetDescription(printableLine(p.label())),
				progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish(),
				progressbar.OptionThrottle(100*time.Millisecond))
		}
		if p.left != nil {
			p.bar.Describe(printableLine(p.label()) + p.studyLeft())
		}
		p.bar.Set(done)
	case time.Since(p.last) >= plainEvery:
		p.last = time.Now()
		p.line("%s: %d of %d, %s left%s", p.label(), done, p.total, left, p.studyLeft())
	}
}

// Warn prints one line.
func (p *printer) Warn(message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endBar()
	if p.json {
		p.object(map[string]any{"type": "warning", "message": message})
		return
	}
	p.line("warning: %s", message)
}

// Step begins a step of a study.
func (p *printer) Step(name string, i, n int, left func() time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endBar()
	p.step, p.left = fmt.Sprintf("[%d/%d] %s", i, n, name), left
	if p.json && !p.quiet {
		p.object(map[string]any{"type": "step", "step": name, "index": i, "steps": n, "study_seconds_left": math.Round(left().Seconds())})
	}
}

// StepDone ends it with a line.
func (p *printer) StepDone(name string, took float64, kept bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endBar()
	switch {
	case p.quiet:
	case p.json:
		p.object(map[string]any{"type": "step_done", "step": name, "seconds": took, "kept": kept})
	case kept:
		p.line("%s: kept from before", p.step)
	default:
		p.line("%s: %s", p.step, seconds(took))
	}
	p.step, p.left = "", nil
}

// studyLeft is the time left of a study, for the end of a line.
func (p *printer) studyLeft() string {
	if p.left == nil {
		return ""
	}
	return fmt.Sprintf("; %s left of the study", p.left().Round(time.Second))
}

// label is the part of the work that is shown.
func (p *printer) label() string {
	if p.step == "" {
		return p.stage
	}
	return p.step + ": " + p.stage
}

// result prints what a command found: text for people, or v as JSON.
func (p *printer) result(kind string, v any, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endBar()
	if p.json {
		p.object(map[string]any{"type": kind, kind: v})
		return
	}
	fmt.Fprintln(p.out, printable(text))
}

// line prints a line that is no result.
func (p *printer) line(format string, args ...any) {
	fmt.Fprintln(p.errOut, printableLine(fmt.Sprintf(format, args...)))
}

// end clears the progress bar.
func (p *printer) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endBar()
}

func (p *printer) endBar() {
	if p.bar != nil {
		p.bar.Finish()
		p.bar = nil
	}
}

func (p *printer) object(v any) { writeObject(p.out, v) }

// writeObject prints v as JSON. One that cannot be encoded, as an infinite number, is
// said to be so: a reader that waits for it must not wait for ever.
func writeObject(w io.Writer, v any) {
	b, err := printableJSON(v)
	if err != nil {
		b, _ = printableJSON(map[string]any{"type": "error", "message": err.Error(), "status": statusFailed})
	}
	w.Write(b)
}
