package ridge_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/cuda/cudatest"
	"voxen/internal/race"
)

// permutedRows is the rows of a part with its blocks in the order of a draw.
func permutedRows(rows []int, length int, order []int) (out []int) {
	for _, i := range order {
		out = append(out, rows[i*length:min((i+1)*length, len(rows))]...)
	}
	return out
}

// judged scores predictions p of y by plain loops.
func judged(metric op.Score, y, p []float64) float64 {
	n := float64(len(y))
	var my, mp, syy, spp, spy, sse float64
	for i := range y {
		my, mp, sse = my+y[i]/n, mp+p[i]/n, sse+(y[i]-p[i])*(y[i]-p[i])
	}
	for i := range y {
		syy, spp, spy = syy+(y[i]-my)*(y[i]-my), spp+(p[i]-mp)*(p[i]-mp), spy+(y[i]-my)*(p[i]-mp)
	}
	switch {
	case metric == op.MSE:
		return -sse / n
	case syy == 0:
		return 0
	case metric == op.R2:
		return 1 - sse/syy
	case spp == 0:
		return 0
	}
	return spy / math.Sqrt(syy*spp)
}

// scaledWithin z-scores columns on some rows within each run, and gives them in that order.
func scaledWithin(x []float64, K int, rows []int, runs op.Borders, on bool) []float64 {
	out := make([]float64, len(rows)*K)
	for k := range K {
		for r := range runs.Folds() {
			var in []int
			for i, t := range rows {
				if t >= runs[r] && t < runs[r+1] {
					in = append(in, i)
				}
			}
			mean, sd := 0.0, 0.0
			for _, i := range in {
				mean += x[rows[i]*K+k] / float64(len(in))
			}
			for _, i := range in {
				sd += (x[rows[i]*K+k] - mean) * (x[rows[i]*K+k] - mean) / float64(len(in))
			}
			for _, i := range in {
				switch {
				case !on:
					out[i*K+k] = x[rows[i]*K+k]
				case sd > 1e-20:
					out[i*K+k] = (x[rows[i]*K+k] - mean) / math.Sqrt(sd)
				}
			}
		}
	}
	return out
}

// predictedFold gives predictions and responses of some rows by a model of others, at the
// alpha of the best mean score of folds of those.
func predictedFold(metric op.Score, alphas []float64, x, y []float64, K int, runs op.Borders, steps bool, inner [][]int, test []int) (p, held []float64) {
	at := func(train, test []int, alpha float64) (p, held []float64) {
		f := plainFit{K: K, x: scaledWithin(x, K, train, runs, steps), y: scaledWithin(y, 1, train, runs, steps)}
		w := f.solve(rowsOf(0, len(train)), alpha)
		z := scaledWithin(x, K, test, runs, steps)
		for i := range test {
			s := 0.0
			for k := range K {
				s += z[i*K+k] * w[k]
			}
			p = append(p, s)
		}
		return p, scaledWithin(y, 1, test, runs, steps)
	}
	best, top := 0.0, math.Inf(-1)
	var all []int
	for _, fold := range inner {
		all = append(all, fold...)
	}
	for _, alpha := range alphas {
		s := 0.0
		for f, fold := range inner {
			var train []int
			for g, other := range inner {
				if g != f {
					train = append(train, other...)
				}
			}
			p, held := at(train, fold, alpha)
			s += judged(metric, held, p) / float64(len(inner))
		}
		if s >= top {
			best, top = alpha, s
		}
	}
	return at(all, test, best)
}

// blockCases are nulls of blocks: of nested folds with and without steps in them, and of
// held-out runs; a short last block in each.
var blockCases = map[string]struct {
	metric op.Score
	steps  bool
	held   bool
	runs   op.Borders
}{
	"nested r2":                  {op.R2, false, false, op.Borders{0, 60}},
	"nested mse":                 {op.MSE, false, false, op.Borders{0, 60}},
	"nested r, steps":            {op.R, true, false, op.Borders{0, 60}},
	"nested mse, steps, runs":    {op.MSE, true, false, op.Borders{0, 27, 60}},
	"nested r, steps, whole":     {op.R, true, false, op.Borders{0, 20, 40, 60}},
	"held out r":                 {op.R, false, true, op.Borders{0, 60}},
	"held out r2, steps":         {op.R2, true, true, op.Borders{0, 60}},
	"held out mse, steps, whole": {op.MSE, true, true, op.Borders{0, 20, 40, 60}},
}

// blockProblem is the data and the options of a case, with two held-out runs.
func blockProblem(c struct {
	metric op.Score
	steps  bool
	held   bool
	runs   op.Borders
}, K, V int) (ridge.Data, ridge.Options) {
	d, _ := chanceProblem(60, 39, K, V)
	for i := range d.Y.(*tile.Array[float64]).Data { // without a mean, which nothing takes away here
		d.Y.(*tile.Array[float64]).Data[i] -= 20
	}
	for i := range d.TestY.(*tile.Array[float64]).Data {
		d.TestY.(*tile.Array[float64]).Data[i] -= 20
	}
	d.TestRuns = op.Borders{0, 20, 39}
	o := ridge.Options{Alphas: []float64{0.1, 30, 4000}, Folds: ridge.KFold(60, 3), Runs: c.runs, Score: c.metric, Precision: op.Float64, Nested: !c.held}
	if c.steps {
		o.PerRun = ridge.ZScore
	}
	if !c.held {
		d.TestX, d.TestY, d.TestRuns = tile.Matrix{}, nil, nil
	}
	return d, o
}

const blockLength, blockSeed = 3, 7

// Scores of permuted blocks are those of plain loops that fit, predict, permute and score
// by themselves.
func TestScoreBlocksAgainstPlainLoops(t *testing.T) {
	race.Skip(t, "many small fits, which differ in arithmetic alone")
	const K, V, draws = 2, 9, 20
	for name, c := range blockCases {
		t.Run(name, func(t *testing.T) {
			d, o := blockProblem(c, K, V)
			observed := scored(t, cpu.New(1), d, o)
			got, err := ridge.ScoreBlocks(context.Background(), cpu.New(1), d, observed, draws, blockLength, blockSeed, o, nil)
			if err != nil {
				t.Fatal(err)
			}
			Y, top := d.Y.(*tile.Array[float64]), make([]float64, draws)
			for v := range V {
				if observed[v] != observed[v] {
					continue
				}
				y := make([]float64, 60)
				for row := range y {
					y[row] = Y.Data[row*V+v]
				}
				var scores []float64
				if c.held {
					scores = heldOutDraws(t, d, o, c.steps, y, v, draws)
				} else {
					scores = nestedDraws(d, o, c.steps, y, draws)
				}
				b, sum := 0, 0.0
				for draw, s := range scores {
					sum += s
					if s >= observed[v] {
						b++
					}
					if v == 0 || s > top[draw] {
						top[draw] = s
					}
				}
				if int(got.Reached[v]) != b || !(math.Abs(got.Sum[v]-sum) < 1e-9*(1+math.Abs(sum))) {
					t.Errorf("voxel %d: %d draws reach, sum %.12g, expected %d and %.12g", v, got.Reached[v], got.Sum[v], b, sum)
				}
			}
			for draw, x := range top {
				if !(math.Abs(got.Highest[draw]-x) < 1e-9*(1+math.Abs(x))) {
					t.Errorf("draw %d: maximum %g, expected %g", draw, got.Highest[draw], x)
				}
			}
		})
	}
}

// nestedDraws are the scores of a voxel in each draw: of fits to features that are permuted after
// their steps in whole runs.
func nestedDraws(d ridge.Data, o ridge.Options, steps bool, y []float64, draws int) []float64 {
	scores, K := make([]float64, draws), d.X.Cols
	folds := thirds(rowsOf(0, 60))
	clean := scaledWithin(d.X.Data, K, rowsOf(0, 60), o.Runs, steps)
	for draw := range draws {
		var x []float64
		for f, fold := range folds {
			for _, t := range permutedRows(fold, blockLength, ridge.BlockOrder(blockSeed, draw, f, ridge.Blocks(len(fold), blockLength))) {
				x = append(x, clean[t*K:(t+1)*K]...)
			}
		}
		for f, outer := range folds {
			var inner [][]int
			for g, fold := range folds {
				if g != f {
					inner = append(inner, fold)
				}
			}
			p, held := predictedFold(o.Score, o.Alphas, x, y, K, o.Runs, steps, inner, outer)
			scores[draw] += judged(o.Score, held, p) / float64(len(folds))
		}
	}
	return scores
}

// heldOutDraws are the same of held-out runs.
func heldOutDraws(t *testing.T, d ridge.Data, o ridge.Options, steps bool, y []float64, v, draws int) (scores []float64) {
	V := d.Y.Cols()
	x := append(append([]float64(nil), d.X.Data...), d.TestX.Data...)
	all := append([]float64(nil), y...)
	for row := range d.TestX.Rows {
		all = append(all, d.TestY.(*tile.Array[float64]).Data[row*V+v])
	}
	runs := append(op.Borders(nil), o.Runs...)
	for _, b := range d.TestRuns[1:] {
		runs = append(runs, 60+b)
	}
	inner := thirds(rowsOf(0, 60))
	// the cross-validation that chooses alphas does the steps in whole runs
	clean := scaledWithin(x, d.X.Cols, rowsOf(0, len(all)), runs, steps)
	cleanY := scaledWithin(all, 1, rowsOf(0, len(all)), runs, steps)
	p, held := predictedFold(o.Score, o.Alphas, clean, cleanY, d.X.Cols, runs, false, inner, rowsOf(60, len(all)))
	for draw := range draws {
		var moved []float64
		for r := range d.TestRuns.Folds() {
			rows := rowsOf(d.TestRuns[r], d.TestRuns[r+1])
			for _, i := range permutedRows(rows, blockLength, ridge.BlockOrder(blockSeed, draw, r, ridge.Blocks(len(rows), blockLength))) {
				moved = append(moved, p[i])
			}
		}
		scores = append(scores, judged(o.Score, held, moved))
	}
	return scores
}

// A null of blocks on a device is that of the CPU, in float64.
func TestScoreBlocksOnDevice(t *testing.T) {
	be := cudatest.Open(t)
	for _, name := range []string{"nested mse, steps, runs", "held out r"} {
		c := blockCases[name]
		t.Run(name, func(t *testing.T) {
			d, o := blockProblem(c, 2, 9)
			observed := scored(t, cpu.New(1), d, o)
			var all [2]*ridge.NullScores
			for i, be := range []engine.Backend{be, cpu.New(1)} {
				var err error
				if all[i], err = ridge.ScoreBlocks(context.Background(), be, d, observed, 20, blockLength, blockSeed, o, nil); err != nil {
					t.Fatal(err)
				}
			}
			for v, x := range observed {
				if x == x && !(math.Abs(all[0].Sum[v]-all[1].Sum[v]) < 1e-9) {
					t.Errorf("voxel %d: %g, with the CPU %g", v, all[0].Sum[v], all[1].Sum[v])
				}
			}
		})
	}
}

// One alpha for all, gaps, kernels, delays and float32 give the scores of float64 and of
// other forms, and threads and tiles the same bits; a null goes on where it stopped.
func TestScoreBlocksBits(t *testing.T) {
	const K, V = 3, ridge.PanelWidth + 50
	rng := rand.New(rand.NewPCG(3, 3))
	d := ridge.Data{X: tile.Matrix{Rows: 120, Cols: K, Data: make([]float64, 120*K)}, Y: tile.NewArray[float32](120, V)}
	for i := range d.X.Data {
		d.X.Data[i] = rng.NormFloat64()
	}
	Y := d.Y.(*tile.Array[float32])
	for i := range Y.Data {
		Y.Data[i] = float32(100 + rng.NormFloat64() + 0.3*d.X.Data[i/V*K])
	}
	o := ridge.Options{Alphas: []float64{1, 100}, Folds: ridge.KFold(120, 3), PerRun: ridge.ZScore, Score: op.R, Nested: true, OneAlpha: true, Gap: 2, Delays: []int{0, 1}}
	observed := scored(t, cpu.New(1), d, o)
	null := func(be engine.Backend, draws int, change func(o *ridge.Options), saved ridge.Saved) *ridge.NullScores {
		o := o
		change(&o)
		s, err := ridge.ScoreBlocks(context.Background(), be, d, observed, draws, 5, 1, o, saved)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	const few = 12
	want := null(cpu.New(1), few, func(*ridge.Options) {}, nil)
	if got := null(cpu.New(3), few, func(o *ridge.Options) { o.Panels = 1 }, nil); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Error("threads and tiles: other bits")
	}
	if race.Enabled {
		return // what follows is a thousand draws of one thread
	}
	for name, change := range map[string]func(o *ridge.Options){
		"float64": func(o *ridge.Options) { o.Precision = op.Float64 },
		"kernel":  func(o *ridge.Options) { o.Form = ridge.Kernel },
	} {
		for v, s := range null(cpu.New(1), few, change, nil).Sum {
			if !(math.Abs(s-want.Sum[v]) < few*2e-5) { // float32
				t.Fatalf("%s: voxel %d: sum %g, expected %g", name, v, s, want.Sum[v])
			}
		}
	}
	// of held-out rows, here those trained on, a pass has many draws
	o.Nested, d.TestX, d.TestY = false, d.X, d.Y
	observed = scored(t, cpu.New(1), d, o)
	const many = 1100 // more than a pass
	whole := null(cpu.New(1), many, func(*ridge.Options) {}, nil)
	var kept keptState
	stop, cancel := context.WithCancel(context.Background())
	stopped := o
	stopped.Progress = func(done, _ int) {
		if done > 1024 {
			cancel()
		}
	}
	if _, err := ridge.ScoreBlocks(stop, cpu.New(1), d, observed, many, 5, 1, stopped, &kept); !errors.Is(err, context.Canceled) || kept.done != 1024 {
		t.Fatalf("not interrupted: %v, %d draws are kept", err, kept.done)
	}
	if got := null(cpu.New(1), many, func(*ridge.Options) {}, &kept); fmt.Sprint(got) != fmt.Sprint(whole) {
		t.Error("interrupted: other bits")
	}
}

func TestScoreBlocksRefusals(t *testing.T) {
	d, _ := chanceProblem(60, 20, 2, 6)
	plain := d
	plain.TestX, plain.TestY = tile.Matrix{}, nil
	for name, c := range map[string]struct {
		d      ridge.Data
		length int
		nested bool
	}{
		"nothing held out":   {plain, 3, false},
		"few blocks":         {d, 4, false},
		"few blocks a fold":  {plain, 4, true},
		"blocks of no rows":  {d, 0, false},
		"blocks of a fold":   {plain, 20, true},
		"blocks of negative": {plain, -3, true},
	} {
		o := ridge.Options{Alphas: []float64{1}, Folds: ridge.KFold(60, 3), Nested: c.nested}
		if _, err := ridge.ScoreBlocks(context.Background(), cpu.New(1), c.d, make([]float64, 6), 10, c.length, 0, o, nil); err == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}
