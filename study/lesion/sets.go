package lesion

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"voxen/lm"
	"voxen/study/step"
)

// alike is by what share of the units' mean |response| that of a random set may differ.
const alike = 0.1

// Tries of even draws, and of those that are led, before the next kind of draw, or none.
const evenTries, ledTries = 100, 200

// A p of at most 0.05 needs fewestOthers sets besides the lesion, and the lesion itself in at
// most one of selfIn draws. Where fewer others are drawn, as many as probes more are, to see
// whether there are no more or only few draws were asked for.
const fewestOthers, selfIn, probes = 19, 20, 200

// Sets are random sets like the units of a lesion. They are made when they are asked for, each
// of the state of the random numbers that made it: those of a wide model would take more memory
// than the model.
type Sets struct {
	Units    []lm.Column // of the lesion
	Size     []float64   // mean |response| of each set
	Shared   float64     // mean share of a set that is of the lesion too
	Distinct int         // different sets, the lesion itself not among them
	Untested string      // why no p goes with them; "" where one does

	sizes  *Sizes
	config *lm.Config
	from   []recipe
}

// recipe makes a set again.
type recipe struct {
	state [20]byte // of the random numbers
	led   bool
}

// Bytes that a set takes for its recipe, size and loss; while sets are drawn, for its hash; and
// that a unit of a lesion takes.
const setBytes, hashBytes, columnBytes = 40, 40, 32

// Draw draws n sets with as many units at every tap of every layer as those of a
// lesion, any of the model's there, whose mean |response| is within 10% of theirs: evenly,
// until one fits. Where evenTries of them do not, as of units that respond more than most,
// this set and those to come are led there. Units of which no random set comes so near are
// refused as input, by the path of their table. drawn hears how many sets there are.
func Draw(ctx context.Context, c *lm.Config, s *Sizes, units []lm.Column, path string, n int, seed uint64, drawn func(done int)) (*Sets, error) {
	d := newDrawer(c, s, units)
	d.state.Seed(seed, 0x1e5102)
	sets := &Sets{Units: units, sizes: s, config: c}
	own, ownHash := d.own()
	others := map[uint64]bool{}
	self, common := 0, 0
	for i := 0; i < n || i < n+probes && len(others) < fewestOthers; i++ {
		from, err := d.next(ctx)
		if err != nil {
			return nil, err
		}
		if from == nil && i >= n {
			break
		}
		if from == nil {
			return nil, step.BadInput(path, "has %d units with a mean |response| of %.4g, and no random set of as many units of their layers comes within 10%% of it: there are too few units like these", len(units), d.want)
		}
		hash, shared := d.hash(own)
		if hash != ownHash {
			others[hash] = true
		}
		if i >= n {
			continue
		}
		if hash == ownHash {
			self++
		}
		sets.from, sets.Size = append(sets.from, *from), append(sets.Size, d.mean())
		common += shared
		sets.Shared = float64(common) / float64(n*len(units))
		sets.Distinct = len(others)
		drawn(i + 1)
	}
	switch {
	case len(others) < fewestOthers:
		sets.Untested = fmt.Sprintf("%d sets besides itself are like it, expected at least %d: no p could be 0.05 or less", len(others), fewestOthers)
	case self*selfIn > n:
		sets.Untested = fmt.Sprintf("%d of %d random sets are the units themselves, expected at most 1 in %d: p could not be 0.05 or less", self, n, selfIn)
	}
	return sets, nil
}

// zeros makes the lesions of the units themselves (0) and of the sets (from 1) from lo until hi.
func (s *Sets) zeros(ctx context.Context, lo, hi int) (list []*lm.Zero, err error) {
	var d *drawer
	var units []lm.Column
	for i := lo; i < hi; i++ {
		units = s.Units
		if i > 0 {
			if d == nil {
				d = newDrawer(s.config, s.sizes, s.Units)
			}
			if err := d.again(ctx, s.from[i-1]); err != nil {
				return nil, err
			}
			units = d.columns()
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		z, err := s.config.NewZero(units)
		if err != nil {
			return nil, err
		}
		list = append(list, z)
	}
	return list, nil
}

// Lesions are what a model is run under, one after the other: none, and of each of some Sets
// the units themselves and the random sets.
type Lesions []*Sets

// Len counts them.
func (l Lesions) Len() int {
	n := 1
	for _, s := range l {
		n += 1 + len(s.from)
	}
	return n
}

// Zeros makes those from lo until hi; nil is the model as it is.
func (l Lesions) Zeros(ctx context.Context, lo, hi int) (list []*lm.Zero, err error) {
	if lo == 0 && hi > 0 {
		list = append(list, nil)
	}
	at := 1
	for _, s := range l {
		n := 1 + len(s.from)
		some, err := s.zeros(ctx, max(lo-at, 0), min(hi-at, n))
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
		at += n
	}
	return list, nil
}

// drawer draws sets, one at a time.
type drawer struct {
	state  *rand.PCG
	random *rand.Rand
	s      *Sizes
	like   []lm.Column
	want   float64
	led    bool

	at    []int32   // the place, a tap in a layer, of each unit that is drawn
	begin []int     // where the units of each place begin in the sizes
	all   []int     // how many there are
	left  [][]int32 // those of each place that are not in the set
	in    []int32   // those that are
	sum   float64
}

// drawerBytes are what drawing a set of some units of so many takes: which are left and which
// are the lesion's own, the set, and its columns.
func drawerBytes(columns, units int) int64 { return int64(5*columns + 40*units) }

// newDrawer draws as many units of every tap in every layer as there are in like.
func newDrawer(c *lm.Config, s *Sizes, like []lm.Column) *drawer {
	d := &drawer{state: &rand.PCG{}, s: s, like: like, want: s.Mean(like), at: make([]int32, len(like)), in: make([]int32, len(like))}
	d.random = rand.New(d.state)
	places := map[lm.Column]int32{}
	for i, l := range like {
		first := lm.Column{Layer: l.Layer, Tap: l.Tap}
		place, known := places[first]
		if !known {
			place = int32(len(places))
			places[first] = place
			n := c.Units(l.Tap)
			d.begin, d.all, d.left = append(d.begin, s.at[first]), append(d.all, n), append(d.left, make([]int32, n))
		}
		d.at[i] = place
	}
	return d
}

// next draws a set that is like the lesion, and gives what makes it again; nil where none is found.
func (d *drawer) next(ctx context.Context) (*recipe, error) {
	tries := evenTries
	if d.led {
		tries = ledTries
	}
	for try := 0; ; try++ {
		switch {
		case try < tries:
		case d.led:
			return nil, nil
		default:
			d.led, tries = true, try+ledTries
		}
		from := &recipe{led: d.led}
		state, err := d.state.MarshalBinary()
		if err != nil {
			return nil, err
		}
		copy(from.state[:], state)
		if err := d.draw(ctx); err != nil {
			return nil, err
		}
		if math.Abs(d.mean()-d.want) <= alike*d.want {
			return from, nil
		}
	}
}

// again makes a set that was drawn.
func (d *drawer) again(ctx context.Context, from recipe) error {
	d.led = from.led
	if err := d.state.UnmarshalBinary(from.state[:]); err != nil {
		return err
	}
	return d.draw(ctx)
}

// draw draws a set, and leads it where sets are.
func (d *drawer) draw(ctx context.Context) error {
	d.sum = 0
	for p, n := range d.all {
		d.left[p] = d.left[p][:n]
		for u := range n {
			d.left[p][u] = int32(u)
		}
	}
	for i, p := range d.at {
		left := d.left[p]
		k := d.random.IntN(len(left))
		d.in[i] = left[k]
		d.sum += d.size(p, left[k])
		left[k] = left[len(left)-1]
		d.left[p] = left[:len(left)-1]
	}
	if !d.led {
		return ctx.Err()
	}
	return d.lead(ctx, d.want*(1+alike*(2*d.random.Float64()-1))*float64(len(d.in)))
}

// lead exchanges units with those that are left until the sum is within a hundredth of the
// goal, each to no further from it. The goal is drawn from the whole range that is alike, so
// that sets are not all at its near end.
func (d *drawer) lead(ctx context.Context, goal float64) error {
	for n := range 2000 + 200*len(d.in) {
		if math.Abs(d.sum-goal) <= goal/100 {
			break
		}
		if n%(1<<16) == 0 && ctx.Err() != nil {
			break
		}
		i := d.random.IntN(len(d.in))
		p := d.at[i]
		left := d.left[p]
		if len(left) == 0 {
			continue
		}
		k := d.random.IntN(len(left))
		sum := d.sum - d.size(p, d.in[i]) + d.size(p, left[k])
		if math.Abs(sum-goal) <= math.Abs(d.sum-goal) {
			d.in[i], left[k], d.sum = left[k], d.in[i], sum
		}
	}
	return ctx.Err()
}

// size is that of a unit of a place.
func (d *drawer) size(place, unit int32) float64 { return d.s.mean[d.begin[place]+int(unit)] }

// mean is that of the set, as Sizes.Mean has it.
func (d *drawer) mean() float64 {
	sum := 0.0
	for i, u := range d.in {
		sum += d.size(d.at[i], u)
	}
	return sum / float64(len(d.in))
}

// columns are the units of the set.
func (d *drawer) columns() []lm.Column {
	list := make([]lm.Column, len(d.in))
	for i, u := range d.in {
		list[i] = lm.Column{Layer: d.like[i].Layer, Tap: d.like[i].Tap, Unit: int(u)}
	}
	return list
}

// own are the units of the lesion among those of the sizes, and their hash.
func (d *drawer) own() (of []bool, hash uint64) {
	of = make([]bool, len(d.s.mean))
	for i, l := range d.like {
		unit := d.begin[d.at[i]] + l.Unit
		of[unit] = true
		hash += mix(unit)
	}
	return of, hash
}

// hash is that of the set, whatever the order of its units; shared counts those that are own.
func (d *drawer) hash(own []bool) (hash uint64, shared int) {
	for i, u := range d.in {
		unit := d.begin[d.at[i]] + int(u)
		hash += mix(unit)
		if own[unit] {
			shared++
		}
	}
	return hash, shared
}

// mix is SplitMix64 (Steele et al. 2014): sums of it tell sets apart.
func mix(i int) uint64 {
	z := uint64(i+1) * 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
