package coupling

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// MaxRows bounds the rows of a run, since the Fourier transform is a dense matrix here:
// at the bound it has 400 MB, and no recording is as long.
const MaxRows = 8192

// PanelWidth is the number of courses that are computed as one. It is fixed, so
// that the bits of a pair do not depend on the memory.
const PanelWidth = 2048

// Options of Fit.
type Options struct {
	Precision tensor.Dtype // op.Float32 (also the zero value) or op.Float64
	// Borders are those of the runs; nil: all rows are one.
	Borders op.Borders
	// Times are, of each row, the place in its run, ascending; nil: rows follow each other.
	// Rows between are in no sum, and lags are counted in places.
	Times []int
	// MaxLag is the last lag of the sum, 0 for a fifth of the run's rows, but at least 1.
	MaxLag int
	// Budget bounds the bytes of buffers; 0: no bound.
	Budget     int64
	Checkpoint tile.Checkpoint
	// Progress, if any, is called with courses done and in all.
	Progress func(done, total int)
}

// Outputs are where results go, (M, N) each: a row per course of y and a column
// per course of x. A pair with a course that is constant or not finite is NaN.
type Outputs struct {
	R    tile.Sink // correlations
	NEff tile.Sink // effective numbers of samples, at least runs + 2
}

// times are the places of the rows of run f.
func (o Options) times(f int) []int {
	lo, hi := o.Borders[f], o.Borders[f+1]
	if o.Times != nil {
		return o.Times[lo:hi]
	}
	all := make([]int, hi-lo)
	for t := range all {
		all[t] = t
	}
	return all
}

// Lags is the last lag for a run of N places.
func (o Options) Lags(N int) int {
	if o.MaxLag > 0 {
		return min(o.MaxLag, N-1)
	}
	return max(1, N/5)
}

// Fit correlates every column of x (N rows) with every column of y, an array
// (1, 1, N, M). The rows of a run are uninterrupted, or stand at Times. A course that is constant within
// a run counts there with a correlation of 0. When ctx ends, panels under way are finished
// and ctx's error is returned.
func Fit(ctx context.Context, be engine.Backend, x tile.Source, y op.Tensor, out Outputs, o Options) (engine.Stats, error) {
	N := x.Rows()
	if o.Borders == nil {
		o.Borders = op.Borders{0, N}
	}
	switch last := o.Borders.Folds(); {
	case N != y.Dims[2]:
		return engine.Stats{}, fmt.Errorf("coupling: %d rows and %d", N, y.Dims[2])
	case last < 1 || o.Borders[0] != 0 || o.Borders[last] != N:
		return engine.Stats{}, fmt.Errorf("coupling: runs %v of %d rows", o.Borders, N)
	case x.Cols() == 0 || y.Dims[3] == 0:
		return engine.Stats{}, fmt.Errorf("coupling: no courses: %d and %d", x.Cols(), y.Dims[3])
	}
	if o.Times != nil && len(o.Times) != N {
		return engine.Stats{}, fmt.Errorf("coupling: %d times of %d rows", len(o.Times), N)
	}
	for f := range o.Borders.Folds() {
		n := o.Borders[f+1] - o.Borders[f]
		if n < 4 || n > MaxRows {
			return engine.Stats{}, fmt.Errorf("coupling: run %d has %d rows, want 4 to %d", f, n, MaxRows)
		}
		times := o.times(f)
		for i, t := range times {
			if t < 0 || t >= MaxRows || i > 0 && t <= times[i-1] {
				return engine.Stats{}, fmt.Errorf("coupling: run %d has row %d at %d, want places below %d in increasing order", f, i, t, MaxRows)
			}
		}
	}
	if o.Precision.Type == nil {
		o.Precision = op.Float32
	}
	width := min(PanelWidth, (x.Cols()+63)/64*64)
	g := &graph{g: gorgonia.NewGraph(), feeds: engine.Feeds{}, dtype: o.Precision, transforms: map[string]transform{}}
	xs := g.input("x", engine.Columns(x), op.Dims{1, 1, N, width})
	ys := g.constant("y", y)
	r, excess := g.pairs(xs, ys, o)
	runs := o.Borders.Folds()
	results := engine.Results{
		r:      engine.ToSink(out.R),
		excess: engine.PerTile(func(t engine.Tile, v engine.Host) error { return writeNEff(ctx, out.NEff, t, v, N, runs, width) }),
	}
	return engine.NewMachine(be).Run(ctx, g.feeds, results,
		engine.Tiling{Cols: x.Cols(), Width: width, Budget: o.Budget, Checkpoint: o.Checkpoint, Progress: o.Progress})
}

// Least gives the bytes of buffers that Fit needs at the least with M courses: those of its
// smallest tile. Nothing of x is read.
func Least(ctx context.Context, be engine.Backend, x tile.Source, M int, o Options) (int64, error) {
	o.Budget, o.Checkpoint, o.Progress = 1, nil, nil // less than any tile needs
	out := nowhere{M, x.Cols()}
	_, err := Fit(ctx, be, x, op.NewTensor(op.Dims{1, 1, x.Rows(), M}), Outputs{R: out, NEff: out}, o)
	return engine.Needed(err)
}

// nowhere is a sink to which nothing is written.
type nowhere struct{ rows, cols int }

// Rows is the number of rows.
func (n nowhere) Rows() int { return n.rows }

// Cols is the number of columns.
func (n nowhere) Cols() int { return n.cols }

// WriteFloat32 drops what it is given.
func (nowhere) WriteFloat32(context.Context, int, int, []float32, int) error { return nil }

// WriteFloat64 drops what it is given.
func (nowhere) WriteFloat64(context.Context, int, int, []float64, int) error { return nil }

// graph builds the operations of one panel.
type graph struct {
	g          *gorgonia.ExprGraph
	feeds      engine.Feeds
	dtype      tensor.Dtype
	transforms map[string]transform // by the places of the rows of a run
}

type node = *gorgonia.Node

// input adds an input with where it comes from.
func (g *graph) input(name string, f engine.Feed, d op.Dims) node {
	n := op.Input(g.g, name, op.Type{Dtype: g.dtype, Dims: d})
	g.feeds[n] = f
	return n
}

// constant adds a matrix.
func (g *graph) constant(name string, m op.Tensor) node {
	return g.input(name, engine.Value(op.ToValue(m, g.dtype)), m.Dims)
}

// pairs gives the correlations of all pairs, (M, W), and what the lags add to 1
// in the denominator of N_eff: the mean over runs, weighted by their rows.
func (g *graph) pairs(x, y node, o Options) (r, excess node) {
	N := float64(x.Shape()[2])
	runs := make(op.Borders, o.Borders.Folds()+1) // of one part each
	for i := range runs {
		runs[i] = i
	}
	status := op.Must(op.ColumnStatus{Borders: runs}, op.Must(op.ColumnRange{Borders: o.Borders}, x))
	scale := op.RunScale{Borders: o.Borders, Unit: true, Tol: op.LeftOver(g.dtype)}
	x, y = op.Must(scale, x), op.Must(scale, y)
	r = op.Must(op.MatMul{TransA: true, Alpha: 1 / N}, y, x)
	for f := range o.Borders.Folds() {
		lo, hi := o.Borders[f], o.Borders[f+1]
		xs, ys := x, y
		if o.Borders.Folds() > 1 {
			rows := op.Part{Axis: 2, Lo: lo, Hi: hi}
			xs, ys = op.Must(rows, x), op.Must(rows, y)
		}
		times := o.times(f)
		t := g.transform(times, o.Lags(times[len(times)-1]+1))
		ofLags := []node{op.Must(op.Zip{Kind: op.Mul}, t.autocorrelation(ys), t.weights), t.autocorrelation(xs)}
		if excess != nil {
			ofLags = append(ofLags, excess)
		}
		excess = op.Must(op.MatMul{TransA: true, Alpha: float64(hi-lo) / N}, ofLags...)
	}
	return op.Must(op.MaskColumns{}, r, status), op.Must(op.MaskColumns{}, excess, status)
}

// lagPairs counts the pairs of rows that are k places apart, k = 1 .. lags.
func lagPairs(times []int, lags int) []float64 {
	there := make([]bool, times[len(times)-1]+1)
	for _, t := range times {
		there[t] = true
	}
	pairs := make([]float64, lags)
	for k := range pairs {
		for _, t := range times {
			if next := t + k + 1; next < len(there) && there[next] {
				pairs[k]++
			}
		}
	}
	return pairs
}

// transform holds the matrices of the Fourier transform of a run and of its way back,
// and the weights of the lags, 2 c_k/n: c_k of its n rows have another one k places on.
type transform struct{ forth, back, weights node }

// transform makes the transform of n rows at places t_i, the last of them P' - 1, to P =
// P' + lags points, so that no lag of the sum wraps around. With frequencies f = 0 .. H-1,
//
//	forth: cos(2 pi f t_i / P) in row f, sin(2 pi f t_i / P) in row H + f     (2H, n)
//	back:  c_f (1 - k/P')/c_k cos(2 pi f k / P) / P for both halves, k = 1 .. lags   (lags, 2H)
//
// where c_f counts f and P - f; (1 - k/P')/c_k, which is 1/n where no row is missing, is 0
// for lags without a pair. Runs with rows at the same places share it.
func (g *graph) transform(times []int, lags int) transform {
	key := fmt.Sprint(times)
	if t, ok := g.transforms[key]; ok {
		return t
	}
	n, places := len(times), times[len(times)-1]+1
	P := places + lags
	H := P/2 + 1
	forth := op.NewTensor(op.Dims{1, 1, 2 * H, n})
	back := op.NewTensor(op.Dims{1, 1, lags, 2 * H})
	weights := op.NewTensor(op.Dims{1, 1, lags, 1})
	pairs := lagPairs(times, lags)
	for i, c := range pairs {
		weights.Data[i] = 2 * c / float64(n)
	}
	// the angle depends on the product modulo the period: exact for any size
	turn := func(f, t int) float64 { return 2 * math.Pi * float64(f*t%P) / float64(P) }
	for f := range H {
		for i, t := range times {
			s, c := math.Sincos(turn(f, t))
			forth.Data[f*n+i], forth.Data[(H+f)*n+i] = c, s
		}
		count := 2.0
		if f == 0 || 2*f == P {
			count = 1
		}
		for i, pairs := range pairs {
			if pairs > 0 {
				c := count * math.Cos(turn(f, i+1)) * (1 - float64(i+1)/float64(places)) / (pairs * float64(P))
				back.Data[i*2*H+f], back.Data[i*2*H+H+f] = c, c
			}
		}
	}
	of := fmt.Sprintf(" of run %d", len(g.transforms))
	t := transform{g.constant("forth"+of, forth), g.constant("back"+of, back), g.constant("weights"+of, weights)}
	g.transforms[key] = t
	return t
}

// autocorrelation gives rho(k) = (1 - k/P')/c_k sum_t z_t z_{t+k} of standardised courses,
// over the pairs of rows that are there, (n, W) to (lags, W), by the power spectrum.
func (t transform) autocorrelation(z node) node {
	s := op.Must(op.MatMul{}, t.forth, z)
	return op.Must(op.MatMul{}, t.back, op.Must(op.Zip{Kind: op.Mul}, s, s))
}

// writeNEff turns what the lags add into effective numbers of samples.
func writeNEff(ctx context.Context, sink tile.Sink, t engine.Tile, v engine.Host, n, runs, width int) error {
	size := v.Dims[2] * width
	for p := range t.Panels {
		lo := (t.Panel + p) * width
		hi := min(lo+width, t.Hi)
		var err error
		if v.Dtype == op.Float32 {
			panel := v.Float32()[p*size : (p+1)*size]
			for i, e := range panel {
				panel[i] = float32(NEff(n, runs, float64(e)))
			}
			err = sink.WriteFloat32(ctx, lo, hi, panel, width)
		} else {
			panel := v.Float64()[p*size : (p+1)*size]
			for i, e := range panel {
				panel[i] = NEff(n, runs, e)
			}
			err = sink.WriteFloat64(ctx, lo, hi, panel, width)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// NEff is N / (1 + excess), at least runs + 2, with which a test has a degree of
// freedom. Autocorrelations of short recordings can make the denominator 0 or negative,
// where the formula has no meaning: N then.
func NEff(n, runs int, excess float64) float64 {
	d := 1 + excess
	if d <= 0 {
		return float64(n)
	}
	if math.IsNaN(d) {
		return math.NaN()
	}
	return max(float64(runs+2), float64(n)/d)
}

// P is the two-sided p of a correlation under the hypothesis of none, by
// Student's t with nEff - runs - 1 degrees of freedom, since every run has a mean of
// its own; NaN where r or nEff is.
func P(r, nEff float64, runs int) float64 {
	if math.IsNaN(r) || math.IsNaN(nEff) {
		return math.NaN()
	}
	// P(|T| > t) = I_{df/(df+t^2)}(df/2, 1/2), and df/(df+t^2) = 1 - r^2
	return mathext.RegIncBeta((nEff-float64(runs)-1)/2, 0.5, min(1, max(0, 1-r*r)))
}
