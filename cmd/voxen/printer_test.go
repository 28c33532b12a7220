package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"voxen/study"
)

// simulated is a printer on a clock that stands still until it is moved.
func simulated(out *bytes.Buffer) (p *printer, pass func(time.Duration)) {
	now := time.Unix(0, 0)
	p = newPrinter(out, out, false, false)
	p.now = func() time.Time { return now }
	p.start()
	return p, func(d time.Duration) { now = now.Add(d) }
}

// TestPrinterSoon: within a second something is said, of work that reports nothing too,
// and then every ten seconds.
func TestPrinterSoon(t *testing.T) {
	var out bytes.Buffer
	p, pass := simulated(&out)
	var at []int // tenths of a second
	p.Stage("checking inputs", 0)
	for i := range 250 {
		before := out.Len()
		p.beat()
		if out.Len() > before {
			at = append(at, i)
		}
		pass(100 * time.Millisecond)
	}
	if len(at) != 3 || at[0] > 9 || !strings.HasPrefix(out.String(), "checking inputs: 1s so far\n") {
		t.Errorf("said %q after %v tenths of a second", out.String(), at)
	}
	out.Reset()
	p.Stage("fitting", 100)
	pass(20 * time.Second)
	p.Progress(20)
	if got, want := out.String(), "fitting: 20 of 100, 1m20s left\n"; got != want {
		t.Errorf("said %q, want %q", got, want)
	}
}

// TestPrinterSteps: a study's steps are lines as their states change, and on a terminal a
// list below the one that runs.
func TestPrinterSteps(t *testing.T) {
	var out bytes.Buffer
	p, pass := simulated(&out)
	p.Steps([]study.StepState{{Step: "extract a", State: study.StateDone}, {Step: "encode 01"}, {Step: "encode 02"}, {Step: "report"}},
		func() (step, all time.Duration) { return 7 * time.Second, time.Minute })
	p.Step(0)
	p.StepDone(0, 3, true)
	p.Step(1)
	p.Stage("fitting", 10)
	pass(12 * time.Second)
	p.Progress(5)
	v := p.view()
	if got, want := strings.Join(v.waiting, ", "), "[3/4] encode 02, [4/4] report"; got != want {
		t.Errorf("waiting %q, want %q", got, want)
	}
	p.StepDone(1, 12, false)
	p.Step(2)
	p.StepFailed(2, 1)
	want := `4 steps, 1 of them done before; about 1m0s to go
[1/4] extract a: reused
[2/4] encode 01: fitting: 5 of 10, running, about 7s left; 1m0s left of the study
[2/4] encode 01: done in 12s
[3/4] encode 02: failed after 1s
`
	if out.String() != want {
		t.Errorf("said %q, want %q", out.String(), want)
	}
}
