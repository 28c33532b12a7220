package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"voxen/study"
	"voxen/study/step"
)

// printer is the one place that prints: what goes on is drawn in place on a terminal,
// said in plain lines elsewhere, and in JSON objects with --json. It satisfies
// study.StudyReporter.
type printer struct {
	mu          sync.Mutex
	out, errOut io.Writer
	quiet, json bool
	terminal    bool
	now         func() time.Time

	steps     []study.StepState // of a study
	at        int               // of them, that runs
	studyLeft func() (step, study time.Duration)
	stage     string
	pace      step.Pace // of the stage
	last      time.Time // that something was said
	live      *live     // what is drawn in place
	stop      chan struct{}
}

// What goes on is said after quietFor, and then in plain lines at most every plainEvery.
const (
	quietFor   = 700 * time.Millisecond
	plainEvery = 10 * time.Second
)

func newPrinter(out, errOut io.Writer, quiet, asJSON bool) *printer {
	p := &printer{out: out, errOut: errOut, quiet: quiet, json: asJSON, now: time.Now, stage: "starting", at: -1}
	p.start()
	if f, ok := errOut.(*os.File); ok {
		p.terminal = term.IsTerminal(int(f.Fd()))
		p.stop = make(chan struct{})
		go p.beats(p.stop)
	}
	return p
}

// start is the beginning of what the printer tells of.
func (p *printer) start() {
	p.last = p.now().Add(quietFor - plainEvery)
	p.pace = step.NewPace(0, p.now())
}

// beats sees to it that something is said of work that reports nothing.
func (p *printer) beats(stop chan struct{}) {
	for t := time.NewTicker(100 * time.Millisecond); ; {
		select {
		case <-stop:
			t.Stop()
			return
		case <-t.C:
			p.beat()
		}
	}
}

// beat says what goes on where that is due.
func (p *printer) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell()
}

// tell says what goes on, in place or in a line, where that is due.
func (p *printer) tell() {
	now := p.now()
	switch {
	case p.quiet || p.json:
	case p.terminal && p.live != nil:
		p.live.view.Store(p.view())
	case p.terminal && (p.steps != nil || now.Sub(p.pace.Began()) >= quietFor):
		p.live = newLive(p.errOut, p.view(), p.now)
	case !p.terminal && now.Sub(p.last) >= plainEvery:
		p.line("%s: %s", p.label(), p.goes(now))
	}
}

// view is what a terminal shows now.
func (p *printer) view() *view {
	pace := p.pace
	v := &view{label: printableLine(p.label()), total: pace.Total, done: min(pace.Reached(), pace.Total), since: pace.Began(), studyLeft: p.studyLeft,
		stageLeft: func() (time.Duration, bool) { return pace.Left(p.now()) }}
	v.count = fmt.Sprintf("%d of %d", v.done, v.total)
	if p.steps != nil {
		for i, s := range p.steps[p.at+1:] {
			if s.State != study.StateDone {
				v.waiting = append(v.waiting, printableLine(p.name(p.at+1+i)))
			}
		}
	}
	return v
}

// goes says how far the stage is, and what is left.
func (p *printer) goes(now time.Time) string {
	v := p.view()
	if v.total > 0 {
		return v.count + ", " + v.time(now)
	}
	return v.time(now)
}

// Stage begins a part of the work.
func (p *printer) Stage(name string, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stage, p.pace = name, step.NewPace(total, p.now())
	if p.json && !p.quiet {
		p.object(map[string]any{"type": "stage", "stage": name, "total": total})
	}
}

// Progress says how much is done, with an estimate of what is left.
func (p *printer) Progress(done int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	p.pace.Done(done, now)
	if !p.json {
		p.tell()
		return
	}
	if p.quiet || p.pace.Total == 0 || now.Sub(p.pace.Began()) < quietFor || now.Sub(p.last) < quietFor && done != p.pace.Total {
		return
	}
	p.last = now
	left, _ := p.pace.Left(now)
	o := map[string]any{"type": "progress", "stage": p.stage, "done": done, "total": p.pace.Total, "seconds_left": math.Round(left.Seconds())}
	if p.studyLeft != nil {
		_, all := p.studyLeft()
		o["step"], o["study_seconds_left"] = p.steps[p.at].Step, math.Round(all.Seconds())
	}
	p.object(o)
}

// Warn prints one line.
func (p *printer) Warn(message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.json {
		p.object(map[string]any{"type": "warning", "message": message})
		return
	}
	p.line("warning: %s", message)
}

// Steps begins the list of a study's steps.
func (p *printer) Steps(states []study.StepState, left func() (step, study time.Duration)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps, p.studyLeft, p.at = states, left, -1
	if p.quiet || p.json {
		return
	}
	there := 0
	for _, s := range states {
		if s.State == study.StateDone {
			there++
		}
	}
	_, all := left()
	p.line("%d steps, %d of them done before; about %s to go", len(states), there, shortTime(all))
	p.tell()
}

// Step begins a step of a study.
func (p *printer) Step(i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.stage, p.pace = i, "starting", step.NewPace(0, p.now())
	if p.json && !p.quiet {
		_, all := p.studyLeft()
		p.object(map[string]any{"type": "step", "step": p.steps[i].Step, "index": i + 1, "steps": len(p.steps), "study_seconds_left": math.Round(all.Seconds())})
	}
	p.tell()
}

// StepDone ends it with a line.
func (p *printer) StepDone(i int, took float64, kept bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.quiet:
	case p.json:
		p.object(map[string]any{"type": "step_done", "step": p.steps[i].Step, "seconds": took, "kept": kept})
	case kept:
		p.line("%s: reused", p.name(i))
	default:
		p.line("%s: done in %s", p.name(i), seconds(took))
	}
}

// StepFailed ends it with a line, before the error that ends the study.
func (p *printer) StepFailed(i int, took float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.quiet:
	case p.json:
		p.object(map[string]any{"type": "step_failed", "step": p.steps[i].Step, "seconds": took})
	default:
		p.line("%s: failed after %s", p.name(i), seconds(took))
	}
}

// name is a step of the list for people, with its place.
func (p *printer) name(i int) string {
	return fmt.Sprintf("[%d/%d] %s", i+1, len(p.steps), p.steps[i].Step)
}

// label is the part of the work that is shown.
func (p *printer) label() string {
	if p.at < 0 || p.steps == nil {
		return p.stage
	}
	return p.name(p.at) + ": " + p.stage
}

// result prints what a command found: text for people, or v as JSON.
func (p *printer) result(kind string, v any, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	p.steps, p.studyLeft = nil, nil
	if p.json {
		p.object(map[string]any{"type": kind, kind: v})
		return
	}
	fmt.Fprintln(p.out, printable(text))
}

// line prints a line that is no result.
func (p *printer) line(format string, args ...any) {
	p.last = p.now()
	text := printableLine(fmt.Sprintf(format, args...))
	if p.live == nil || !p.live.line(text) {
		fmt.Fprintln(p.errOut, text)
	}
}

// end ends what is drawn and said besides results.
func (p *printer) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	if p.stop != nil {
		close(p.stop)
		p.stop = nil
	}
}

// clear takes away what is drawn in place.
func (p *printer) clear() {
	if p.live != nil {
		p.live.end()
		p.live = nil
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
