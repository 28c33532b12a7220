package ridge_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"voxen/brain"
	"voxen/cpu"
	"voxen/engine/op"
	"voxen/engine/ridge"
	"voxen/engine/tile"
	"voxen/internal/race"
)

// simulated is noise like BOLD under the defaults of a study, with a signal or without.
type simulated struct {
	runs      op.Borders
	ar        float64 // of the noise, autoregressive of order 1
	confounds int     // noise as slow as the responses'
	K, V      int
	r         float64 // the best correlation of a prediction with the responses; 0: no signal
	slow      float64 // of the features
}

// ar1 fills a column with stationary noise of SD 1.
func ar1(rng *rand.Rand, phi float64, set func(t int, x float64), T int) {
	x := rng.NormFloat64()
	for t := range T {
		set(t, x)
		x = phi*x + math.Sqrt(1-phi*phi)*rng.NormFloat64()
	}
}

// make draws features, responses and, of each voxel, the weights.
func (s simulated) make(rng *rand.Rand, w []float64) (tile.Matrix, *tile.Array[float64], [][]float64) {
	T := s.runs[s.runs.Folds()]
	X, Y := tile.Matrix{Rows: T, Cols: s.K, Data: make([]float64, T*s.K)}, tile.NewArray[float64](T, s.V)
	for r := range s.runs.Folds() {
		lo, n := s.runs[r], s.runs.Rows(r)
		for k := range s.K {
			ar1(rng, s.slow, func(t int, x float64) { X.Data[(lo+t)*s.K+k] = x }, n)
		}
		for v := range s.V {
			ar1(rng, s.ar, func(t int, x float64) { Y.Data[(lo+t)*s.V+v] = x }, n)
		}
	}
	if s.r > 0 {
		gain := s.r / math.Sqrt(1-s.r*s.r)
		for t := range T {
			for v := range s.V {
				for k := range s.K {
					Y.Data[t*s.V+v] += gain * X.Data[t*s.K+k] * w[k*s.V+v]
				}
			}
		}
	}
	confounds := make([][]float64, s.confounds)
	for j := range confounds {
		confounds[j] = make([]float64, T)
		for r := range s.runs.Folds() {
			ar1(rng, s.ar, func(t int, x float64) { confounds[j][s.runs[r]+t] = x }, s.runs.Rows(r))
		}
	}
	return X, Y, confounds
}

// options are those of voxen run: cosines of 128 s at a TR of 2 s and confounds regressed out,
// z-scores, r, a gap of 20 s.
func (s simulated) options(t *testing.T, confounds [][]float64) ridge.Options {
	t.Helper()
	T := s.runs[s.runs.Folds()]
	o := ridge.Options{Runs: s.runs, PerRun: ridge.ZScore, Score: op.R, Nested: true}
	trend, err := brain.ParseTrend("cosine:128")
	if err != nil {
		t.Fatal(err)
	}
	var bases []*brain.Basis
	for r := range s.runs.Folds() {
		columns := trend.Columns(s.runs.Rows(r), 2)
		for _, c := range confounds {
			columns = append(columns, c[s.runs[r]:s.runs[r+1]])
		}
		b, err := brain.Orthonormal(s.runs.Rows(r), columns)
		if err != nil {
			t.Fatal(err)
		}
		bases, o.Trends.Cols = append(bases, b), max(o.Trends.Cols, b.Cols)
	}
	o.Trends.Rows, o.Trends.Data = T, make([]float64, T*o.Trends.Cols)
	for r, b := range bases {
		for i := range b.Rows {
			copy(o.Trends.Data[(s.runs[r]+i)*o.Trends.Cols:], b.Q[i*b.Cols:(i+1)*b.Cols])
		}
	}
	for a := range 20 {
		o.Alphas = append(o.Alphas, math.Pow(10, -1+6*float64(a)/19))
	}
	switch s.runs.Folds() {
	case 1:
		o.Folds, o.Gap = ridge.KFold(T, 5), 10
	case 2:
		o.Gap = 10
		o.Folds = op.Borders{0}
		for r := range 2 {
			for _, b := range ridge.KFold(s.runs.Rows(r), 3)[1:] {
				o.Folds = append(o.Folds, s.runs[r]+b)
			}
		}
	default:
		o.Folds = s.runs
	}
	return o
}

// fit gives nested scores and weights.
func (s simulated) fit(t *testing.T, X tile.Matrix, Y tile.Source, o ridge.Options, test func(d *ridge.Data, o *ridge.Options, out *ridge.Outputs)) []float64 {
	t.Helper()
	nested := make([]float64, s.V)
	d, out := ridge.Data{X: X, Y: Y}, ridge.Outputs{Nested: row(nested)}
	if test != nil {
		test(&d, &o, &out)
	}
	if _, err := ridge.Fit(context.Background(), cpu.New(2), d, out, o); err != nil {
		t.Fatal(err)
	}
	return nested
}

func meanOf(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v / float64(len(x))
	}
	return s
}

// designs are runs of a study of T volumes.
func designs(T int) []op.Borders {
	return []op.Borders{{0, T}, {0, T / 2, T}, {0, T / 3, 2 * T / 3, T}}
}

// TestNestedOfNoise: on noise the mean nested score lies within (-0.02, 0.01) at AR(1) of
// 0, 0.3 and 0.6, and is at most 0.02 at 0.9, with and without 29 confounds, in one run and in
// several. Features of a story are as slow as what a haemodynamic response leaves. Each
// draw of features counts once, however many voxels: with draws features a case, the SD of
// their mean is what the bounds leave room for.
func TestNestedOfNoise(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute of statistics under the race detector, which learns nothing from them")
	}
	draws := noiseDraws
	for _, confounds := range []int{0, 29} {
		for _, runs := range designs(300 + 300*min(1, confounds)) { // folds have room for as many regressors
			for _, ar := range []float64{0, 0.3, 0.6, 0.9} {
				s := simulated{runs: runs, ar: ar, confounds: confounds, K: 16, V: 192, slow: 0.7}
				t.Run(fmt.Sprintf("%d runs, %d confounds, AR %g", runs.Folds(), confounds, ar), func(t *testing.T) {
					var means []float64
					for seed := range draws {
						X, Y, c := s.make(rand.New(rand.NewPCG(uint64(seed), 77)), nil)
						means = append(means, meanOf(s.fit(t, X, Y, s.options(t, c), nil)))
					}
					mean, sd := meanOf(means), 0.0
					for _, m := range means {
						sd += (m - mean) * (m - mean) / float64(len(means))
					}
					t.Logf("mean %.4f, SE %.4f", mean, math.Sqrt(sd/float64(draws)))
					low, high := -0.02, 0.01
					if ar == 0.9 {
						low, high = -1, 0.02
					}
					if !(mean > low && mean < high) {
						t.Errorf("mean nested score of noise is %.4f, want it within (%g, %g)", mean, low, high)
					}
				})
			}
		}
	}
}

// TestNestedOfSignal: with a planted signal the mean nested score is within 0.02 of that of
// the model on 10,000 fresh rows. Features are as slow as the noise: what is taken away of
// the fewer rows of a fold leaves more or less of one than of the other else.
func TestNestedOfSignal(t *testing.T) {
	race.Skip(t, "many small fits, which differ in arithmetic alone")
	for _, runs := range designs(900) {
		for _, r := range []float64{0.1, 0.2, 0.4} {
			s := simulated{runs: runs, ar: 0.3, K: 8, V: 64, slow: 0.3, r: r}
			t.Run(fmt.Sprintf("%d runs, r %g", runs.Folds(), r), func(t *testing.T) {
				var nested, fresh []float64
				for seed := range min(3, noiseDraws) {
					rng := rand.New(rand.NewPCG(uint64(seed), 78))
					w := make([]float64, s.K*s.V)
					for v := range s.V {
						norm := 0.0
						for k := range s.K {
							w[k*s.V+v] = rng.NormFloat64()
							norm = math.Hypot(norm, w[k*s.V+v])
						}
						for k := range s.K {
							w[k*s.V+v] /= norm
						}
					}
					X, Y, c := s.make(rng, w)
					new, score := s, make([]float64, s.V)
					new.runs = ridge.KFold(10000, 10)
					newX, newY, _ := new.make(rng, w)
					got := s.fit(t, X, Y, s.options(t, c), func(d *ridge.Data, o *ridge.Options, out *ridge.Outputs) {
						d.TestX, d.TestY, out.TestScore = newX, newY, row(score)
						d.TestRuns = new.runs
						o.TestTrends = new.options(t, nil).Trends
					})
					nested, fresh = append(nested, got...), append(fresh, score...)
				}
				a, b := meanOf(nested), meanOf(fresh)
				t.Logf("nested %.4f, fresh rows %.4f", a, b)
				if !(math.Abs(a-b) <= 0.02) {
					t.Errorf("mean nested score %.4f, of fresh rows %.4f", a, b)
				}
			})
		}
	}
}
