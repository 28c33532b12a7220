package lesion

import (
	"math"
	"math/rand/v2"

	"voxen/lm"
	"voxen/study/step"
)

// alike is by what share of the units' mean |response| that of a random set may differ.
const alike = 0.1

// Tries of even draws, and of those that are led, before the next kind of draw, or none.
const evenTries, ledTries = 100, 200

// RandomSets draws n sets with as many units at every tap of every layer as those of a
// lesion, any of the model's there, whose mean |response| is within 10% of theirs: evenly,
// until one fits. Where evenTries of them do not, as of units that respond more than most,
// this set and those to come are led there. Units of which no random set comes so near are
// refused as input, by the path of their table.
func RandomSets(c *lm.Config, s *Sizes, units []lm.Column, path string, n int, seed uint64) ([][]lm.Column, error) {
	random := rand.New(rand.NewPCG(seed, 0x1e5102))
	want := s.Mean(units)
	led := false
	sets := make([][]lm.Column, n)
	for i := range sets {
		tries := evenTries
		if led {
			tries = ledTries
		}
		for try := 0; sets[i] == nil; try++ {
			switch {
			case try < tries:
			case led:
				return nil, step.BadInput(path, "has %d units with a mean |response| of %.4g, and no random set of as many units of their layers comes within 10%% of it: there are too few units like these", len(units), want)
			default:
				led, tries = true, try+ledTries
			}
			d := newDraw(random, c, s, units)
			if led {
				d.lead(random, want*(1+alike*(2*random.Float64()-1))*float64(len(d.in)))
			}
			if math.Abs(s.Mean(d.in)-want) <= alike*want {
				sets[i] = d.in
			}
		}
	}
	return sets, nil
}

// draw is a random set on its way.
type draw struct {
	s   *Sizes
	in  []lm.Column
	out map[lm.Column][]lm.Column // the units of a tap in a layer that are not in it, by its first
	sum float64
}

// newDraw draws as many units of every tap in every layer as there are in like.
func newDraw(random *rand.Rand, c *lm.Config, s *Sizes, like []lm.Column) *draw {
	d := &draw{s: s, out: map[lm.Column][]lm.Column{}}
	for _, l := range like {
		first := lm.Column{Layer: l.Layer, Tap: l.Tap}
		left, begun := d.out[first]
		if !begun {
			for u := range c.Units(l.Tap) {
				left = append(left, lm.Column{Layer: l.Layer, Tap: l.Tap, Unit: u})
			}
		}
		k := random.IntN(len(left))
		d.in, d.sum = append(d.in, left[k]), d.sum+s.of(left[k])
		left[k] = left[len(left)-1]
		d.out[first] = left[:len(left)-1]
	}
	return d
}

// lead exchanges units with those that are left until the sum is within a hundredth of the
// goal, each to no further from it. The goal is drawn from the whole range that is alike, so
// that sets are not all at its near end.
func (d *draw) lead(random *rand.Rand, goal float64) {
	for range 2000 + 200*len(d.in) {
		if math.Abs(d.sum-goal) <= goal/100 {
			return
		}
		i := random.IntN(len(d.in))
		left := d.out[lm.Column{Layer: d.in[i].Layer, Tap: d.in[i].Tap}]
		if len(left) == 0 {
			continue
		}
		k := random.IntN(len(left))
		sum := d.sum - d.s.of(d.in[i]) + d.s.of(left[k])
		if math.Abs(sum-goal) <= math.Abs(d.sum-goal) {
			d.in[i], left[k], d.sum = left[k], d.in[i], sum
		}
	}
}
