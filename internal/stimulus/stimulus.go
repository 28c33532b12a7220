// Package stimulus draws features of a stimulus that nobody heard, as much like the
// real ones as can be, for nulls that ask whether responses follow this stimulus.
//
//	d := stimulus.New(runs, least, 1500, seed)
//	d.Fill(draw, features, K, other) // features (T x K) of draw 0, 1, ...
//
// Where there are enough, features are shifted circularly within each run, which keeps
// all that they are but when it happens. Else, within each run, every frequency of
// all columns gets one new phase, which keeps auto- and cross-spectra (Prichard and
// Theiler 1994). Responses stay as they are, and with them all that makes chance
// correlations likely. The package knows no files.
package stimulus

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/dsp/fourier"

	"voxen/engine/op"
)

// Kind is how features are drawn.
type Kind string

// The kinds of draws.
const (
	Shift Kind = "shift"
	Phase Kind = "phase"
)

// FewestShifts is how many shifts there are at least where features are shifted: with
// fewer, draws would repeat or be few.
const FewestShifts = 2000

// LeastLag is the least lag of a shift in rows: the larger of 10 rows and 20 s, at a TR in
// seconds, of which 0 is unknown.
func LeastLag(tr float64) int {
	if tr > 0 {
		return max(10, int(math.Ceil(20/tr-1e-9)))
	}
	return 10
}

// Draws are a number of draws of features of some runs.
type Draws struct {
	Kind   Kind
	N      int // draws
	Shifts int // that there are, at most math.MaxInt32

	runs op.Borders
	lags [][]int // of each draw and run, for shifts
	seed uint64
}

// New prepares n draws of features with the given runs: shifts where there are at least
// FewestShifts, else phases.
func New(runs op.Borders, least, n int, seed uint64) *Draws {
	d := NewShifts(runs, least, n, seed)
	if d.Shifts < FewestShifts {
		shifts := d.Shifts
		d = NewPhases(runs, n, seed)
		d.Shifts = shifts
	}
	return d
}

// NewPhases prepares n draws of phases.
func NewPhases(runs op.Borders, n int, seed uint64) *Draws {
	return &Draws{Kind: Phase, N: n, runs: runs, seed: seed}
}

// NewShifts prepares n draws of shifts. A run of T rows is shifted by a lag of its own from
// least to T - least rows, if it has 4 least rows, else there are none; lags are drawn
// without replacement, and where all shifts are no more than n they are all taken.
func NewShifts(runs op.Borders, least, n int, seed uint64) *Draws {
	d := &Draws{Kind: Shift, Shifts: 1, runs: runs, seed: seed}
	for r := range runs.Folds() {
		lags := runs.Rows(r) - 2*least + 1
		if runs.Rows(r) < 4*least {
			lags = 0
		}
		d.Shifts = min(d.Shifts*lags, math.MaxInt32)
	}
	d.N = min(n, d.Shifts)
	random := rand.New(rand.NewPCG(seed, 0x73_6869_6674))
	seen := map[string]bool{}
	for len(d.lags) < d.N {
		lag := make([]int, runs.Folds())
		for r := range lag {
			lag[r] = least + random.IntN(runs.Rows(r)-2*least+1)
		}
		if key := fmt.Sprint(lag); !seen[key] {
			seen[key] = true
			d.lags = append(d.lags, lag)
		}
	}
	return d
}

// Lags are the rows by which a draw shifts each run; of shifts.
func (d *Draws) Lags(draw int) []int { return d.lags[draw] }

// Fill writes the features of a draw, made of those that were heard, both (T x K) and
// row-major.
func (d *Draws) Fill(draw int, heard []float64, K int, dst []float64) {
	if d.Kind == Phase {
		random := rand.New(rand.NewPCG(d.seed, uint64(draw)))
		for r := range d.runs.Folds() {
			lo, hi := d.runs[r]*K, d.runs[r+1]*K
			rephase(random, heard[lo:hi], K, dst[lo:hi])
		}
		return
	}
	for r, lag := range d.lags[draw] {
		lo, hi := d.runs[r]*K, d.runs[r+1]*K
		n := copy(dst[lo+lag*K:hi], heard[lo:hi])
		copy(dst[lo:lo+lag*K], heard[lo+n:hi])
	}
}

// rephase adds one random phase per frequency to all columns of a run. The mean stays;
// of an even number of rows the highest frequency has a random sign.
func rephase(random *rand.Rand, x []float64, K int, dst []float64) {
	T := len(x) / K
	turn := make([]complex128, T/2+1)
	for f := range turn {
		s, c := math.Sincos(2 * math.Pi * random.Float64())
		switch {
		case f == 0:
			s, c = 0, 1
		case 2*f == T:
			s, c = 0, math.Copysign(1, c)
		}
		turn[f] = complex(c, s)
	}
	fft := fourier.NewFFT(T)
	column := make([]float64, T)
	coefficients := make([]complex128, T/2+1)
	for k := range K {
		for t := range column {
			column[t] = x[t*K+k]
		}
		fft.Coefficients(coefficients, column)
		for f := range coefficients {
			coefficients[f] *= turn[f]
		}
		fft.Sequence(column, coefficients)
		for t, y := range column {
			dst[t*K+k] = y / float64(T)
		}
	}
}
