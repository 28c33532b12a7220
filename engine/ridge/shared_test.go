package ridge_test

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"voxen/cpu"
	"voxen/engine"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/cuda/cudatest"
)

// together is a case of Share.
type together struct {
	subjects, V   int
	runs, groups  op.Borders // of a subject; of groups nil: one
	repeats       int
	again         bool
	perRun        ridge.PerRun
	least, shifts int
}

// responses are of subjects with a signal in common, which is weak in the first voxels, in
// units of their own.
func (c together) responses(seed uint64) *tile.Array[float64] {
	T := c.runs[c.runs.Folds()]
	rng := rand.New(rand.NewPCG(seed, 9))
	y := tile.NewArray[float64](c.subjects*T, c.V)
	for v := range c.V {
		common := make([]float64, T)
		for t := range common {
			common[t] = rng.NormFloat64()
		}
		for s := range c.subjects {
			for t := range T {
				y.Data[(s*T+t)*c.V+v] = float64(10*s) + float64(1+s)*(rng.NormFloat64()+float64(v)/float64(c.V)*common[t])
			}
		}
	}
	return y
}

// lags draws rows for every part.
func (c together) lags(parts op.Borders) (all [][]int) {
	rng := rand.New(rand.NewPCG(4, 4))
	for range c.shifts {
		var lag []int
		for p := range parts.Folds() {
			lag = append(lag, c.least+rng.IntN(parts.Rows(p)-2*c.least+1))
		}
		all = append(all, lag)
	}
	return all
}

// standard is x about its mean, over its SD where asked for.
func standard(x []float64, scale bool) []float64 {
	mean, square := 0.0, 0.0
	for _, a := range x {
		mean += a / float64(len(x))
	}
	out := make([]float64, len(x))
	for i, a := range x {
		out[i] = a - mean
		square += out[i] * out[i] / float64(len(x))
	}
	for i := range out {
		if scale {
			out[i] /= math.Sqrt(square)
		}
	}
	return out
}

func correlated(x, y []float64) float64 {
	x, y = standard(x, true), standard(y, true)
	r := 0.0
	for i := range x {
		r += x[i] * y[i] / float64(len(x))
	}
	return r
}

// means is the mean r over groups.
func means(x, y []float64, groups op.Borders) float64 {
	r := 0.0
	for g := range groups.Folds() {
		r += correlated(x[groups[g]:groups[g+1]], y[groups[g]:groups[g+1]]) / float64(groups.Folds())
	}
	return r
}

// plain compares one voxel by the definitions, with rows that are moved one by one.
func (c together) plain(y *tile.Array[float64], v int, groups, parts op.Borders, lags [][]int) (isc, ceiling, p float64) {
	T, rows := c.runs[c.runs.Folds()], parts[parts.Folds()]
	var x [][]float64
	for s := range c.subjects {
		var series []float64
		for r := range c.runs.Folds() {
			var run []float64
			for t := c.runs[r]; t < c.runs[r+1]; t++ {
				run = append(run, y.Data[(s*T+t)*c.V+v])
			}
			if c.perRun != ridge.None {
				run = standard(run, c.perRun == ridge.ZScore)
			}
			series = append(series, run...)
		}
		if c.repeats > 0 {
			mean := make([]float64, rows)
			for t, a := range series {
				mean[t%rows] += a / float64(c.repeats)
			}
			series = mean
		}
		if c.again {
			series = standard(series, true)
		}
		x = append(x, series)
	}
	n := float64(c.subjects - 1)
	m, rho := make([]float64, rows), 0.0
	for i, a := range x[1:] {
		for t := range a {
			m[t] += a[t] / n
		}
		for _, b := range x[1 : 1+i] {
			rho += means(a, b, groups) / (n * (n - 1) / 2)
		}
	}
	isc, ceiling = means(x[0], m, groups), math.NaN()
	if rho > ridge.LeastExplainable {
		ceiling = math.Min(1, isc/math.Sqrt(n*rho/(1+(n-1)*rho)))
	}
	reached := 1.0
	for _, lag := range lags {
		moved := make([]float64, rows)
		for s := range parts.Folds() {
			for t := range parts.Rows(s) {
				moved[parts[s]+(t+lag[s])%parts.Rows(s)] = m[parts[s]+t]
			}
		}
		if means(x[0], moved, groups) >= isc {
			reached++
		}
	}
	return isc, ceiling, reached / float64(1+len(lags))
}

// ISC, ceiling and p are those of plain loops, with runs, folds across them, repeats and
// steps, of even and odd lengths and more voxels than a panel.
func TestShare(t *testing.T) {
	cases := map[string]together{
		"one run":   {subjects: 4, V: 3, runs: op.Borders{0, 41}, perRun: ridge.None, least: 5, shifts: 30},
		"runs":      {subjects: 5, V: 300, runs: op.Borders{0, 40, 73}, perRun: ridge.ZScore, least: 6, shifts: 40},
		"folds":     {subjects: 4, V: 7, runs: op.Borders{0, 30, 61}, groups: op.Borders{0, 20, 40, 61}, perRun: ridge.Center, least: 2, shifts: 50},
		"repeats":   {subjects: 6, V: 5, runs: op.Borders{0, 24, 48, 72}, repeats: 3, perRun: ridge.ZScore, least: 3, shifts: 25},
		"again":     {subjects: 4, V: 5, runs: op.Borders{0, 25, 50}, repeats: 2, again: true, perRun: ridge.Center, least: 3, shifts: 25},
		"no shifts": {subjects: 4, V: 2, runs: op.Borders{0, 9}, perRun: ridge.Center},
	}
	cudatest.Each(t, cpu.New(2), func(t *testing.T, be engine.Backend) {
		for name, c := range cases {
			y := c.responses(3)
			T := c.runs[c.runs.Folds()]
			o := ridge.Options{PerRun: c.perRun, TestRepeats: c.repeats, ZScoreMean: c.again}
			for s := range c.subjects {
				for _, b := range c.runs[:c.runs.Folds()] {
					o.Runs = append(o.Runs, s*T+b)
				}
			}
			o.Runs = append(o.Runs, c.subjects*T)
			rows, runs := T, c.runs
			if c.repeats > 0 {
				rows = T / c.repeats
				runs = op.Borders{0, rows}
			}
			groups := c.groups
			if groups == nil {
				groups = op.Borders{0, rows}
			}
			parts := ridge.Segments(runs, groups)
			lags := c.lags(parts)
			got, err := ridge.Share(context.Background(), be, y, ridge.Sharing{Subjects: c.subjects, Groups: c.groups, Lags: lags}, o)
			if err != nil {
				t.Fatal(name, err)
			}
			without := 0
			for v := range c.V {
				isc, ceiling, p := c.plain(y, v, groups, parts, lags)
				if math.Abs(got.ISC[v]-isc) > 1e-9 || !(math.Abs(got.Ceiling[v]-ceiling) <= 1e-7) && !(math.IsNaN(ceiling) && math.IsNaN(got.Ceiling[v])) || got.P[v] != p {
					t.Fatalf("%s: voxel %d has %g, %g, p %g, want %g, %g, p %g", name, v, got.ISC[v], got.Ceiling[v], got.P[v], isc, ceiling, p)
				}
				if math.IsNaN(ceiling) {
					without++
				}
			}
			if name == "runs" && (without == 0 || without == c.V) {
				t.Errorf("%s: %d voxels without a ceiling, want some", name, without)
			}
		}
	})
}

// A voxel that is constant or not finite in one subject, or constant in a fold of one, is
// not compared; what cannot be compared is refused.
func TestShareOdd(t *testing.T) {
	c := together{subjects: 4, V: 6, runs: op.Borders{0, 20, 40}, perRun: ridge.ZScore}
	y := c.responses(5)
	for row := range 40 {
		y.Data[(1*40+row)*6+1] = 1e5 + 0.1
		if row >= 20 {
			y.Data[(3*40+row)*6+3] = 0.3
		}
	}
	y.Data[(2*40+7)*6+2] = math.NaN()
	y.Data[3*6+4] = math.Inf(1)
	o := ridge.Options{Runs: op.Borders{0, 20, 40, 60, 80, 100, 120, 140, 160}, PerRun: ridge.ZScore}
	for _, o.PerRun = range []ridge.PerRun{ridge.ZScore, ridge.Center, ridge.None} {
		got, err := ridge.Share(context.Background(), cpu.New(1), y, ridge.Sharing{Subjects: 4, Groups: op.Borders{0, 20, 40}, Lags: [][]int{{5, 6}}}, o)
		if err != nil {
			t.Fatal(err)
		}
		for v, isc := range got.ISC {
			odd := v >= 1 && v <= 4
			if math.IsNaN(isc) != odd || math.IsNaN(got.P[v]) != odd || odd && !math.IsNaN(got.Ceiling[v]) {
				t.Errorf("%s: voxel %d has %g, %g, p %g", o.PerRun, v, isc, got.Ceiling[v], got.P[v])
			}
		}
	}
	for want, s := range map[string]ridge.Sharing{
		"3 subjects, want at least 4": {Subjects: 3},
		"equally many rows of each":   {Subjects: 7},
		"run 2 of all subjects":       {Subjects: 8},
		"groups":                      {Subjects: 4, Groups: op.Borders{0, 30}},
		"a shift has 1 lags":          {Subjects: 4, Lags: [][]int{{3}}},
	} {
		runs := o
		if strings.HasPrefix(want, "run 2") {
			runs.Runs = op.Borders{0, 20, 41, 60, 80, 100, 120, 140, 160}
		}
		if _, err := ridge.Share(context.Background(), cpu.New(1), y, s, runs); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
