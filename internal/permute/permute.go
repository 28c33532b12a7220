package permute

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sort"

	"gonum.org/v1/gonum/mathext"
	"gorgonia.org/gorgonia"

	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/tile"
)

// panelWidth is the number of variables that are tested as one: with 5,000 draws
// a panel has 20 MB.
const panelWidth = 512

// tie is by how much less a statistic may be and still count as equal: flips
// and permutations that are equal by symmetry differ by rounding.
const tie = 1e-10

// Options of a test.
type Options struct {
	Draws  int // flips or permutations besides what was observed; at least 1
	Seed   uint64
	Budget int64 // bytes of buffers; 0: no bound
	// Progress, if any, is called with variables done and in all.
	Progress func(done, total int)
	// Checkpoint, if any, keeps what is finished, so that a test with the same inputs
	// and options goes on with it, on any device.
	Checkpoint Checkpoint
}

// Result says what a test found, one value per variable; NaN for a variable
// that is constant over subjects or not finite in one.
type Result struct {
	Estimate []float64 // mean, or partial correlation
	T        []float64 // Student's t of the estimate
	DF       int       // its degrees of freedom
	PT       []float64 // two-sided p of t
	P        []float64 // by permutation, (1+b)/(1+Draws)
	PMax     []float64 // against the maximum over variables
	LeftOut  int       // variables without a result
	Draws    int       // taken besides what was observed
	Exact    bool      // these are all there are
}

// Bytes is what a test holds besides the engine's buffers, of V variables of n subjects:
// flips or permutations as they are made and as they are fed, and numbers of each variable.
func Bytes(n, V, draws int) int64 { return 8 * (int64(2*n+1)*int64(draws+1) + 8*int64(V)) }

// OneSample tests whether the mean over subjects (rows of y) is 0, under the
// hypothesis that each subject's values are symmetric about it.
func OneSample(ctx context.Context, be engine.Backend, y tile.Source, o Options) (*Result, error) {
	n := y.Rows()
	if err := o.check(n, 2); err != nil {
		return nil, err
	}
	flips, exact := SignFlips(n, o.Draws, o.Seed)
	t := newTest(y, flips.Dims[2], n-1, exact)
	yn := t.input("y", op.Dims{1, 1, n, t.width})
	t.feeds[yn] = engine.Columns(y)
	moments := op.Must(op.FoldMoments{Borders: op.Borders{0, n}}, yn)
	product := op.Must(op.MatMul{Alpha: 1 / math.Sqrt(float64(n))}, t.constant("flips", flips), yn)
	// u is the squared cosine of the flipped values and the ones: t^2 = df u / (1-u)
	u := op.Must(op.Zip{Kind: op.Div}, op.Must(op.Zip{Kind: op.Mul}, product, product), op.Must(op.Part{Axis: 2, Lo: 1}, moments))
	t.estimate = func(i int, sum, _ float64) { t.res.Estimate[i] = sum / float64(n) }
	return t.run(ctx, be, yn, u, op.Must(op.Part{Axis: 2, Hi: 1}, moments), o)
}

// Partial tests the correlation of each column of y with x (one value per
// subject), both without what the columns of covariates (1, 1, n, q) and a
// constant explain; covariates without columns give the ordinary correlation.
// Residuals of y are permuted and the covariates removed from them again.
func Partial(ctx context.Context, be engine.Backend, y tile.Source, x []float64, covariates op.Tensor, o Options) (*Result, error) {
	n := y.Rows()
	design, err := newDesign(n, x, covariates)
	if err != nil {
		return nil, err
	}
	if err := o.check(n, design.q()+3); err != nil {
		return nil, err
	}
	rows, exact := design.permuted(o.Draws, o.Seed)
	t := newTest(y, rows.Dims[2], n-2-design.q(), exact)
	yn := t.input("y", op.Dims{1, 1, n, t.width})
	t.feeds[yn] = engine.Columns(y)
	run := op.Borders{0, n}
	e := op.Must(op.Residualize{Borders: run}, yn, t.constant("basis", design.basis))
	square := op.Must(op.Part{Axis: 2, Lo: 1}, op.Must(op.FoldMoments{Borders: run}, e))
	product := op.Must(op.MatMul{}, t.constant("permuted", rows), e)
	squares := op.Must(op.Zip{Kind: op.Mul}, product, product)
	along := op.Must(op.Part{Axis: 1, Hi: 1}, product)
	if q := design.q(); q > 0 {
		// what the covariates explain of the permuted residuals
		explained := op.Must(op.MeanGroups{}, op.Must(op.Part{Axis: 1, Lo: 1}, squares))
		count := op.NewTensor(op.Dims{1, 1, 1, 1})
		count.Data[0] = float64(q)
		square = op.Must(op.Zip{Kind: op.Sub}, square, op.Must(op.Zip{Kind: op.Mul}, explained, t.constant("covariates", count)))
	}
	u := op.Must(op.Zip{Kind: op.Div}, op.Must(op.Part{Axis: 1, Hi: 1}, squares), square)
	t.estimate = func(i int, sum, u float64) { t.res.Estimate[i] = math.Copysign(math.Sqrt(u), sum) }
	return t.run(ctx, be, yn, u, op.Must(op.Part{Axis: 2, Hi: 1}, along), o)
}

// check wants enough subjects and draws.
func (o Options) check(n, least int) error {
	if n < least {
		return fmt.Errorf("permute: %d subjects, want at least %d", n, least)
	}
	if o.Draws < 1 {
		return fmt.Errorf("permute: %d draws, want at least 1", o.Draws)
	}
	return nil
}

// test runs one graph over all variables and counts.
type test struct {
	g      *gorgonia.ExprGraph
	feeds  engine.Feeds
	width  int
	res    *Result
	u      []float64 // per variable, the squared statistic as observed, 0 to 1
	signed []float64 // per variable, the statistic with its sign
	count  []int     // per variable, draws at least as extreme, what was observed among them
	max    []float64 // per draw, the largest u of any variable
	keep   keeper
	// estimate stores the estimate of variable i from its signed statistic and u
	estimate func(i int, signed, u float64)
}

func newTest(y tile.Source, draws, df int, exact bool) *test {
	V := y.Cols()
	column := func() []float64 { return make([]float64, V) }
	return &test{g: gorgonia.NewGraph(), feeds: engine.Feeds{}, width: min(panelWidth, (V+63)/64*64),
		res: &Result{Estimate: column(), T: column(), DF: df, PT: column(), P: column(), PMax: column(), Draws: draws - 1, Exact: exact},
		u:   column(), signed: column(), count: make([]int, V), max: make([]float64, draws)}
}

func (t *test) input(name string, d op.Dims) *gorgonia.Node {
	return op.Input(t.g, name, op.Type{Dtype: op.Float64, Dims: d})
}

func (t *test) constant(name string, v op.Tensor) *gorgonia.Node {
	n := t.input(name, v.Dims)
	t.feeds[n] = engine.Value(op.ToValue(v, op.Float64))
	return n
}

// run computes u, (draws, W) with what was observed in row 0, and the signed
// statistic, (1, W), of all variables.
func (t *test) run(ctx context.Context, be engine.Backend, y, u, signed *gorgonia.Node, o Options) (*Result, error) {
	if err := t.restore(o.Checkpoint); err != nil {
		return nil, err
	}
	all := op.ColumnRange{Borders: op.Borders{0, op.TypeOf(y).Dims[2]}}
	status := op.Must(op.ColumnStatus{Borders: op.Borders{0, 1}}, op.Must(all, y))
	u = op.Must(op.MaskColumns{}, u, status)
	_, err := engine.NewMachine(be).Run(ctx, t.feeds, engine.Results{
		u:      t.perPanel(t.tally),
		signed: t.perPanel(func(lo, n int, v []float64) { copy(t.signed[lo:lo+n], v) }),
	}, engine.Tiling{Cols: len(t.u), Width: t.width, Panels: 4, Budget: o.Budget, Checkpoint: t, Progress: o.Progress})
	if err != nil {
		return nil, errors.Join(err, t.save())
	}
	if err := t.save(); err != nil {
		return nil, err
	}
	t.finish()
	return t.res, nil
}

// perPanel calls f with the values of each panel: those of variables lo to lo+n
// in its first n columns.
func (t *test) perPanel(f func(lo, n int, v []float64)) engine.Result {
	return engine.PerTile(func(tl engine.Tile, v engine.Host) error {
		size := v.Dims[1] * v.Dims[2] * t.width
		for p := range tl.Panels {
			lo := (tl.Panel + p) * t.width
			f(lo, min(t.width, tl.Hi-lo), v.Float64()[p*size:(p+1)*size])
		}
		return nil
	})
}

// tally counts the draws of a panel.
func (t *test) tally(lo, n int, u []float64) {
	observed := t.u[lo : lo+n]
	copy(observed, u)
	clear(t.count[lo : lo+n])
	for d := range t.max {
		for i, x := range u[d*t.width:][:n] {
			if x >= observed[i]-tie {
				t.count[lo+i]++
			}
			if x > t.max[d] {
				t.max[d] = x
			}
		}
	}
}

// finish turns counts into the result.
func (t *test) finish() {
	sort.Float64s(t.max)
	draws := float64(len(t.max))
	for i, u := range t.u {
		r := t.res
		if math.IsNaN(u) {
			r.LeftOut++
			for _, column := range [][]float64{r.Estimate, r.T, r.PT, r.P, r.PMax} {
				column[i] = math.NaN()
			}
			continue
		}
		u = min(1, u)
		t.estimate(i, t.signed[i], u)
		df := float64(r.DF)
		r.T[i] = math.Copysign(math.Sqrt(df*u/(1-u)), t.signed[i])
		r.PT[i] = mathext.RegIncBeta(df/2, 0.5, 1-u)
		r.P[i] = float64(t.count[i]) / draws
		r.PMax[i] = (draws - float64(sort.SearchFloat64s(t.max, u-tie))) / draws
	}
}
