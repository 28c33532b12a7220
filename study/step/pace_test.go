package step

import (
	"testing"
	"time"
)

// TestPace: after a tenth of the work the time left is right within a factor of two, by a
// simulated clock: for even work, for panels that end eight at a time, for work of which
// an earlier process did half, and for a start that takes nearly a tenth of the rest.
func TestPace(t *testing.T) {
	began := time.Unix(0, 0)
	at := func(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }
	for name, c := range map[string]struct {
		total, there, together int
		each, start            float64
	}{
		"even":          {1000, 0, 1, 0.5, 0},
		"few":           {10, 0, 1, 60, 0},
		"together":      {100, 0, 8, 2, 0},
		"gone on":       {1000, 500, 1, 0.5, 0},
		"a slow start":  {1000, 0, 1, 0.5, 40},
		"once a minute": {60, 0, 1, 60, 0},
	} {
		p := NewPace(c.total, began)
		if _, ok := p.Left(at(1)); ok {
			t.Errorf("%s: an estimate before anything is done", name)
		}
		end := c.start + c.each*float64(c.total-c.there)
		for done := c.there + c.together; done < c.total; done += c.together {
			now := c.start + c.each*float64(done-c.there)
			p.Done(done, at(now))
			now += c.each / 2 // asked between reports
			left, ok := p.Left(at(now))
			if truth := end - now; (now >= end/10 && float64(done-c.there) >= 0.1*float64(c.total-c.there)) && (!ok || left.Seconds() < truth/2 || left.Seconds() > truth*2) {
				t.Fatalf("%s: %d of %d, %.3g s left, said %v (%v)", name, done, c.total, truth, left, ok)
			}
		}
	}
}
