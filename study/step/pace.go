package step

import "time"

// Pace is how fast a part of the work goes, by the clock of who asks.
type Pace struct {
	Total int // in the units of Progress, 0 if unknown

	began, firstAt, at time.Time
	first, done        int
}

// NewPace begins a part of the work.
func NewPace(total int, now time.Time) Pace { return Pace{Total: total, began: now} }

// Done takes note of how much is done.
func (p *Pace) Done(done int, now time.Time) {
	if p.at.IsZero() {
		p.first, p.firstAt = done, now
	}
	p.done, p.at = done, now
}

// Began is when the part began.
func (p *Pace) Began() time.Time { return p.began }

// Reached is how much is done, in the units of Progress.
func (p *Pace) Reached() int { return p.done }

// Share is the share that is done, 0 if unknown.
func (p *Pace) Share() float64 {
	if p.Total == 0 {
		return 0
	}
	return float64(p.done) / float64(p.Total)
}

// Left estimates the time to the end of the part; ok is false where nothing is known.
// Of two means the slower one counts: all that was done since the beginning, and what
// was done since the first report. What was there from an earlier process makes the
// first too fast, panels that end together the second.
func (p *Pace) Left(now time.Time) (left time.Duration, ok bool) {
	if p.Total == 0 || p.done <= 0 {
		return 0, false
	}
	each := p.at.Sub(p.began).Seconds() / float64(p.done)
	if p.done > p.first {
		each = max(each, p.at.Sub(p.firstAt).Seconds()/float64(p.done-p.first))
	}
	seconds := each*float64(p.Total-p.done) - now.Sub(p.at).Seconds()
	return time.Duration(max(0, seconds) * float64(time.Second)), true
}
