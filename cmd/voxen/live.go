package main

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// listed is the number of steps that wait which a terminal shows below the one that runs.
const listed = 8

// view is what a terminal shows in place. It is drawn in goroutines of the library, while
// the printer may wait for them: a view is not changed once it is shown.
type view struct {
	label, count string
	done, total  int // of the bar; total 0: none
	since        time.Time
	stageLeft    func() (time.Duration, bool)
	studyLeft    func() (step, study time.Duration) // nil outside of a study
	waiting      []string
}

// live is the part of a terminal that is drawn again in place, below the lines that stay.
type live struct {
	bars *mpb.Progress
	bar  *mpb.Bar
	now  func() time.Time
	view atomic.Pointer[view]
}

// newLive begins to draw.
func newLive(w io.Writer, v *view, now func() time.Time) *live {
	l := &live{now: now}
	l.view.Store(v)
	l.bars = mpb.New(mpb.WithOutput(w))
	bar, spinner := mpb.BarStyle().Lbound("|").Filler("█").Tip("█").Padding(" ").Rbound("|").Build(), mpb.SpinnerStyle().PositionLeft().Build()
	filler := mpb.BarFillerFunc(func(w io.Writer, s decor.Statistics) error {
		v := l.view.Load()
		if v.total == 0 {
			return spinner.Fill(w, s)
		}
		s.Total, s.Current, s.RequestedWidth = int64(v.total), int64(v.done), 30
		return bar.Fill(w, s)
	})
	l.bar, _ = l.bars.Add(0, filler, mpb.BarExtender(mpb.BarFillerFunc(l.rows), false), // which fails after Wait alone
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return l.view.Load().before() })),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return l.view.Load().after(l.now()) })))
	return l
}

// before is what stands before the bar.
func (v *view) before() string {
	if v.total == 0 {
		return v.label
	}
	return fmt.Sprintf("%s %3.0f%%", v.label, 100*float64(v.done)/float64(v.total))
}

// after is what stands behind it.
func (v *view) after(now time.Time) string {
	if v.total == 0 {
		return v.time(now)
	}
	return v.count + ", " + v.time(now)
}

// time says how long the stage has taken, or what is left of it; in a study what is left
// of the step and of the study.
func (v *view) time(now time.Time) string {
	if v.studyLeft != nil {
		step, all := v.studyLeft()
		return fmt.Sprintf("running, about %s left; %s left of the study", shortTime(step), shortTime(all))
	}
	if left, ok := v.stageLeft(); ok {
		return shortTime(left) + " left"
	}
	return shortTime(now.Sub(v.since)) + " so far"
}

// rows writes the lines below the bar: steps that wait, and how many more do.
func (l *live) rows(w io.Writer, s decor.Statistics) error {
	v := l.view.Load()
	for i, name := range v.waiting {
		text := name + ": waiting"
		if i == listed {
			text = fmt.Sprintf("and %d more", len(v.waiting)-listed)
		}
		if _, err := io.WriteString(w, runewidth.Truncate(text, s.AvailableWidth, "…")+"\n"); err != nil || i == listed {
			return err
		}
	}
	return nil
}

// line writes a line that stays; false if nothing is drawn any more.
func (l *live) line(text string) bool {
	_, err := io.WriteString(l.bars, strings.TrimSuffix(text, "\n")+"\n")
	return err == nil
}

// end clears what is drawn in place.
func (l *live) end() {
	l.bar.Abort(true)
	l.bars.Wait()
}

// shortTime writes a time as people do, to the second.
func shortTime(d time.Duration) string { return d.Round(time.Second).String() }
