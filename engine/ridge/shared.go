package ridge

import (
	"context"
	"fmt"
	"math"
	"runtime"

	"gonum.org/v1/gonum/dsp/fourier"
	"gonum.org/v1/gonum/floats"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/internal/team"
)

// FewestSubjects is how many subjects there are at least of whom Share says something: with
// fewer, the reliability of the others' mean is that of one pair.
const FewestSubjects = 4

// Shared is what every voxel (V) of one subject shares with those of others who were
// presented with the same. With x the responses of the subject after the per-run steps, y_i
// those of the n others and m their mean over i,
//
//	ISC     = r(x, m)                                  (Hasson 2004; leave one out, Nastase 2019)
//	rho     = mean over pairs i < j of r(y_i, y_j)
//	Ceiling = min(1, ISC / sqrt(n rho / (1 + (n-1) rho)))  (Spearman and Brown)
//	P       = (1 + shifts with an ISC at least as high) / (1 + shifts)
//
// A voxel that is constant or not finite in any subject is NaN in all, and Ceiling is where
// rho is at most LeastExplainable.
type Shared struct {
	ISC, Ceiling, P []float64
}

// Sharing are the options of Share.
type Sharing struct {
	Subjects int        // whose rows stand below each other in Y, equally many; the first is compared with the others
	Groups   op.Borders // cuts the rows of a subject (of the mean of its repeats): r and rho are means over groups; nil: one
	Lags     [][]int    // of each shift, by how many rows each of Segments of the others' mean is shifted circularly
}

// Segments are the rows that are shifted by one lag: runs, cut where groups end.
func Segments(runs, groups op.Borders) op.Borders { return mergeBorders(runs, groups) }

// Share compares the responses of a subject with those of others, Y (Subjects x T, V), whose
// runs are those of the options. With TestRepeats all are of the means over so many runs. Of
// the options Runs, Trends, PerRun, Censored, TestRepeats, ZScoreMean, Panels, Budget and
// Progress are read; groups and lags are of the rows that are not censored. All is computed in float64.
func Share(ctx context.Context, be engine.Backend, Y tile.Source, s Sharing, o Options) (*Shared, error) {
	c, t, results, tiling, err := shareGraph(Y, s, o)
	if err != nil {
		return nil, err
	}
	_, err = engine.NewMachine(be).Run(ctx, t.feeds, results, tiling)
	return c.out, err
}

// LeastShare is the least Options.Budget of Share.
func LeastShare(be engine.Backend, Y tile.Source, s Sharing, o Options) (int64, error) {
	_, t, results, tiling, err := shareGraph(Y, s, o)
	if err != nil {
		return 0, err
	}
	return engine.NewMachine(be).Need(t.feeds, results, tiling)
}

// shareGraph is the graph of Share.
func shareGraph(Y tile.Source, s Sharing, o Options) (*comparer, *tileGraph, engine.Results, engine.Tiling, error) {
	o.within(Y.Rows())
	Y, o, err := o.responses(Y)
	if err != nil {
		return nil, nil, nil, engine.Tiling{}, err
	}
	c, err := newComparer(Y, s, o)
	if err != nil {
		return nil, nil, nil, engine.Tiling{}, err
	}
	t := emptyTileGraph()
	tiling := o.over(Y.Cols())
	y := t.columns("Y", Y, tiling.Width, op.Float64)
	ranges := op.Must(op.ColumnRange{Borders: o.Runs}, y)
	z := steps{o: o, runs: o.Runs, tol: op.LeftOver(stored(Y)), to: op.Float64}.apply(y, ranges, o.Runs, t.matrix("trends", o.Trends, op.Float64))
	return c, t, engine.Results{z.z: engine.PerTile(c.tile)}, tiling, nil
}

// comparer compares the subjects of every tile.
type comparer struct {
	Sharing
	o        Options
	rows     int // of a subject, of the mean of its repeats
	segments op.Borders
	out      *Shared
}

// newComparer checks.
func newComparer(Y tile.Source, s Sharing, o Options) (*comparer, error) {
	n, T, V := s.Subjects, Y.Rows(), Y.Cols()
	switch {
	case n < FewestSubjects:
		return nil, fmt.Errorf("%d subjects, want at least %d", n, FewestSubjects)
	case T%n != 0 || V < 1:
		return nil, fmt.Errorf("responses of %d subjects are %d x %d, want equally many rows of each, and a voxel", n, T, V)
	case o.Trends.Cols > 0 && o.Trends.Rows != T:
		return nil, fmt.Errorf("trends have %d rows, responses %d", o.Trends.Rows, T)
	}
	if err := checkBorders("runs", o.Runs, T, n); err != nil {
		return nil, err
	}
	if err := checkTrends(o.Trends, o.Runs, o.PerRun, true); err != nil {
		return nil, err
	}
	rows := T / n
	runs, err := runsOfEach(o.Runs, n, rows)
	if err != nil {
		return nil, err
	}
	if r := o.TestRepeats; r > 0 {
		if err := equalRuns(r, runs, rows); err != nil {
			return nil, err
		}
		rows /= r
		runs = op.Borders{0, rows}
	}
	if s.Groups == nil {
		s.Groups = op.Borders{0, rows}
	}
	if err := checkBorders("groups", s.Groups, rows, 1); err != nil {
		return nil, err
	}
	c := &comparer{Sharing: s, o: o, rows: rows, segments: Segments(runs, s.Groups)}
	for _, lag := range s.Lags {
		if len(lag) != c.segments.Folds() {
			return nil, fmt.Errorf("a shift has %d lags, want one for each of %d segments", len(lag), c.segments.Folds())
		}
	}
	c.out = &Shared{ISC: make([]float64, V), Ceiling: make([]float64, V), P: make([]float64, V)}
	return c, nil
}

// runsOfEach are the runs of the first of n subjects, which all others must have.
func runsOfEach(all op.Borders, n, rows int) (op.Borders, error) {
	R := all.Folds() / n
	if all.Folds() != n*R {
		return nil, fmt.Errorf("%d runs of %d subjects, want the same of each", all.Folds(), n)
	}
	for i, b := range all {
		if want := i/R*rows + all[i%R]; b != want {
			return nil, fmt.Errorf("run %d of all subjects begins at row %d, want %d as in the first subject", i, b, want)
		}
	}
	return all[:R+1], nil
}

// tile takes the responses of a tile after their steps, (P, 1, Subjects T, W).
func (c *comparer) tile(tl engine.Tile, z engine.Host) error {
	T, W := z.Dims[2], z.Dims[3]
	all := z.Float64()
	threads := runtime.GOMAXPROCS(0)
	voxels := make([]*comparison, threads)
	for i := range voxels {
		voxels[i] = newComparison(c)
	}
	team.Each(threads, tl.Hi-tl.Lo, func(thread, v int) {
		at := v/W*T*W + v%W
		k := voxels[thread]
		k.take(all[at:], W)
		v += tl.Lo
		c.out.ISC[v], c.out.Ceiling[v], c.out.P[v] = k.compare()
	})
	return nil
}

// comparison is that of one voxel, with its buffers.
type comparison struct {
	*comparer
	x     [][]float64 // of each subject: rows
	mean  []float64   // of the others
	cross [][]float64 // of each segment: sum over its rows of x and the mean shifted by 0, 1, ... rows
	group []int       // of each segment
	fft   map[int]*fourier.FFT
}

func newComparison(c *comparer) *comparison {
	k := &comparison{comparer: c, mean: make([]float64, c.rows), fft: map[int]*fourier.FFT{}}
	for range c.Subjects {
		k.x = append(k.x, make([]float64, c.rows))
	}
	g := 0
	for s := range c.segments.Folds() {
		n := c.segments.Rows(s)
		k.cross = append(k.cross, make([]float64, n))
		if k.fft[n] == nil {
			k.fft[n] = fourier.NewFFT(n)
		}
		for c.segments[s] >= c.Groups[g+1] {
			g++
		}
		k.group = append(k.group, g)
	}
	return k
}

// take reads the voxel: every stride-th value, of repeats their mean.
func (k *comparison) take(z []float64, stride int) {
	repeats := max(1, k.o.TestRepeats)
	for s, x := range k.x {
		clear(x)
		for r := range repeats {
			for t := range x {
				x[t] += z[((s*repeats+r)*k.rows+t)*stride] / float64(repeats)
			}
		}
		if k.o.ZScoreMean {
			centre(x)
			floats.Scale(1/math.Sqrt(floats.Dot(x, x)/float64(len(x))), x)
		}
	}
}

// centre takes the mean away and gives the norm of what is left: 0 of a constant.
func centre(x []float64) float64 {
	size := floats.Norm(x, 2)
	floats.AddConst(-floats.Sum(x)/float64(len(x)), x)
	norm := floats.Norm(x, 2)
	if norm <= 1e-14*size { // what the mean's rounding leaves
		return 0
	}
	return norm
}

// compare gives ISC, ceiling and p.
func (k *comparison) compare() (isc, ceiling, p float64) {
	n, G := float64(k.Subjects-1), k.Groups.Folds()
	clear(k.mean)
	for _, y := range k.x[1:] {
		floats.AddScaled(k.mean, 1/n, y)
	}
	rho := 0.0
	scale := make([]float64, G) // from sums of products to the mean r
	for g := range G {
		lo, hi := k.Groups[g], k.Groups[g+1]
		x, m := k.x[0][lo:hi], k.mean[lo:hi]
		size := centre(x) * centre(m)
		sum := make([]float64, hi-lo) // of the others in units of their norm
		for _, y := range k.x[1:] {
			norm := centre(y[lo:hi])
			size *= norm / norm // not a number if one is constant
			floats.AddScaled(sum, 1/norm, y[lo:hi])
		}
		scale[g] = 1 / (size * float64(G))
		isc += floats.Dot(x, m) * scale[g]
		rho += (floats.Dot(sum, sum) - n) / (n * (n - 1)) / float64(G)
	}
	if isc-isc != 0 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	ceiling = math.NaN()
	if rho > LeastExplainable {
		ceiling = min(1, isc/math.Sqrt(n*rho/(1+(n-1)*rho)))
	}
	return isc, ceiling, k.chance(isc, scale)
}

// chance is p of an ISC among those of the shifts; values that differ by the rounding of
// the transforms are equal.
func (k *comparison) chance(isc float64, scale []float64) float64 {
	for s, cross := range k.cross {
		lo, hi := k.segments[s], k.segments[s+1]
		f := k.fft[hi-lo]
		a, b := f.Coefficients(nil, k.x[0][lo:hi]), f.Coefficients(nil, k.mean[lo:hi])
		for i := range a {
			a[i] *= complex(real(b[i]), -imag(b[i])) / complex(float64(hi-lo), 0)
		}
		f.Sequence(cross, a)
	}
	reached := 1
	for _, lags := range k.Lags {
		r := 0.0
		for s, lag := range lags {
			r += k.cross[s][lag%len(k.cross[s])] * scale[k.group[s]]
		}
		if r >= isc-1e-10 {
			reached++
		}
	}
	return float64(reached) / float64(1+len(k.Lags))
}
