package permute_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"voxen/cpu"
	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/internal/permute"
)

// golden is a case of testdata/golden/statistics.py.
type golden struct {
	Name                        string
	N, Variables, Covariates    int
	X, Y, Z                     []float64
	Estimate, T, PT, P, PMax, Q []float64
}

func load(t *testing.T, name string) []golden {
	t.Helper()
	data, err := os.ReadFile("../../testdata/golden/statistics/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []golden }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) < 3 {
		t.Fatalf("%s: %d cases, want at least 3", name, len(file.Cases))
	}
	return file.Cases
}

// near compares with a tolerance for sums of a dozen terms in float64; p-values
// are counts over the same draws, so that any slip shows as a step of 1/n.
func (g golden) near(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(want) != len(got) || len(want) == 0 {
		t.Fatalf("%s: %s has %d values, want %d", g.Name, what, len(got), len(want))
	}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-9*(1+math.Abs(want[i])) {
			t.Errorf("%s: %s[%d] = %.12g, want %.12g", g.Name, what, i, got[i], want[i])
		}
	}
}

func (g golden) check(t *testing.T, res *permute.Result, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", g.Name, err)
	}
	if !res.Exact {
		t.Errorf("%s: not exact with %d draws", g.Name, res.Draws)
	}
	g.near(t, "estimate", res.Estimate, g.Estimate)
	g.near(t, "t", res.T, g.T)
	g.near(t, "p of t", res.PT, g.PT)
	g.near(t, "p", res.P, g.P)
	g.near(t, "p of the maximum", res.PMax, g.PMax)
}

func source(rows, cols int, data []float64) tile.Source {
	a, err := tile.Of(rows, cols, data)
	if err != nil {
		panic(err)
	}
	return a
}

func matrix(rows, cols int, data []float64) op.Tensor {
	return op.Tensor{Dims: op.Dims{1, 1, rows, cols}, Data: data}
}

func TestOneSampleGolden(t *testing.T) {
	for _, g := range load(t, "onesample") {
		res, err := permute.OneSample(context.Background(), cpu.New(2), source(g.N, g.Variables, g.Y), permute.Options{Draws: 5000})
		g.check(t, res, err)
		g.near(t, "q", permute.FDR(res.P), g.Q)
	}
}

func TestPartialGolden(t *testing.T) {
	for _, g := range load(t, "partial") {
		res, err := permute.Partial(context.Background(), cpu.New(2), source(g.N, g.Variables, g.Y), g.X, matrix(g.N, g.Covariates, g.Z), permute.Options{Draws: 5000})
		g.check(t, res, err)
	}
}

// normal gives n x V values of a normal distribution.
func normal(r *rand.Rand, n, V int) []float64 {
	y := make([]float64, n*V)
	for i := range y {
		y[i] = r.NormFloat64()
	}
	return y
}

// Under the null hypothesis p is uniform: of the 3,000 variables the share below
// 0.05 lies within four standard errors of 0.05, and the maximum over families
// of 30 variables rejects no more often than in 5% plus as much.
func TestTypeIError(t *testing.T) {
	const n, V, families = 14, 30, 100
	r := rand.New(rand.NewPCG(1, 2))
	one, partial, anyOne, anyPartial := 0, 0, 0, 0
	below := func(res *permute.Result, err error) (count int, any int) {
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range res.P {
			if p <= 0.05 {
				count++
			}
		}
		if slices.Min(res.PMax) <= 0.05 {
			any = 1
		}
		return count, any
	}
	be := cpu.New(2)
	for f := range families {
		o := permute.Options{Draws: 399, Seed: uint64(f)}
		z := normal(r, n, 2)
		x := make([]float64, n)
		y := normal(r, n, V)
		for i := range x {
			x[i] = r.NormFloat64() + z[2*i]
			for v := range V {
				y[i*V+v] += z[2*i] - 0.5*z[2*i+1] // explained by the covariates
			}
		}
		c, a := below(permute.Partial(context.Background(), be, source(n, V, y), x, matrix(n, 2, z), o))
		partial, anyPartial = partial+c, anyPartial+a
		c, a = below(permute.OneSample(context.Background(), be, source(n, V, normal(r, n, V)), o))
		one, anyOne = one+c, anyOne+a
	}
	for name, got := range map[string]float64{"one sample": float64(one), "partial": float64(partial)} {
		share, se := got/(families*V), math.Sqrt(0.05*0.95/(families*V))
		if math.Abs(share-0.05) > 4*se {
			t.Errorf("%s: share of p <= 0.05 is %.4f, want 0.05 within %.4f", name, share, 4*se)
		}
	}
	for name, got := range map[string]int{"one sample": anyOne, "partial": anyPartial} {
		if limit := families*0.05 + 4*math.Sqrt(families*0.05*0.95); float64(got) > limit {
			t.Errorf("%s: %d of %d families have a false rejection, want at most %.0f", name, got, families, limit)
		}
	}
}

// Without the covariates the same data reject far too often: what the test above
// does not reject is there to be found.
func TestCovariatesMatter(t *testing.T) {
	const n, V = 40, 50
	r := rand.New(rand.NewPCG(3, 4))
	z, y := normal(r, n, 1), normal(r, n, V)
	x := make([]float64, n)
	for i := range x {
		x[i] = z[i] + 0.3*r.NormFloat64()
		for v := range V {
			y[i*V+v] += 2 * z[i]
		}
	}
	res, err := permute.Partial(context.Background(), cpu.New(2), source(n, V, y), x, op.Tensor{}, permute.Options{Draws: 199})
	if err != nil {
		t.Fatal(err)
	}
	if p := slices.Max(res.P); p > 0.05 {
		t.Errorf("the confounded correlation has p = %g, want all below 0.05", p)
	}
}

// Panels, budgets and threads do not change a bit; what varies over no subject
// and what is not finite is left out and does not touch the maximum.
func TestTilesAndLeftOut(t *testing.T) {
	const n, V = 12, 1300
	r := rand.New(rand.NewPCG(5, 6))
	y := normal(r, n, V)
	for i := range n {
		y[i*V+7] = 3
		y[i*V+600] = 0
	}
	y[5*V+900], y[2*V+1299] = math.NaN(), math.Inf(1)
	run := func(threads int, budget int64) *permute.Result {
		res, err := permute.OneSample(context.Background(), cpu.New(threads), source(n, V, y), permute.Options{Draws: 300, Seed: 9, Budget: budget})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	a, b := run(1, 0), run(2, 6<<20)
	if a.LeftOut != 4 || a.Exact || a.Draws != 300 {
		t.Errorf("left out %d, exact %v, draws %d; want 4, false, 300", a.LeftOut, a.Exact, a.Draws)
	}
	for i := range V {
		left := i == 7 || i == 600 || i == 900 || i == 1299
		if math.IsNaN(a.P[i]) != left || math.IsNaN(a.T[i]) != left {
			t.Errorf("variable %d: p = %g, t = %g", i, a.P[i], a.T[i])
		}
		if !left && (a.P[i] != b.P[i] || a.T[i] != b.T[i] || a.PMax[i] != b.PMax[i]) {
			t.Errorf("variable %d differs between bounds of memory", i)
		}
		if a.PMax[i] < a.P[i] {
			t.Errorf("variable %d: p of the maximum %g below p %g", i, a.PMax[i], a.P[i])
		}
	}
}

func TestRefusals(t *testing.T) {
	ctx, be := context.Background(), cpu.New(1)
	y := source(4, 1, []float64{1, 2, 3, 5})
	constant := []float64{2, 2, 2, 2}
	if _, err := permute.Partial(ctx, be, y, constant, op.Tensor{}, permute.Options{Draws: 10}); !errors.Is(err, permute.ErrNoVariation) {
		t.Errorf("constant x: %v", err)
	}
	x := []float64{1, 2, 4, 8}
	if _, err := permute.Partial(ctx, be, y, x, matrix(4, 1, []float64{2, 4, 8, 16}), permute.Options{Draws: 10}); !errors.Is(err, permute.ErrNoVariation) {
		t.Errorf("x among the covariates: %v", err)
	}
	if _, err := permute.Partial(ctx, be, y, x, matrix(4, 2, []float64{1, 0, 0, 1, 3, 1, 0, 4}), permute.Options{Draws: 10}); err == nil {
		t.Error("4 subjects with 2 covariates: no error")
	}
	if _, err := permute.OneSample(ctx, be, source(1, 1, []float64{1}), permute.Options{Draws: 10}); err == nil {
		t.Error("one subject: no error")
	}
}

func TestFDR(t *testing.T) {
	nan := math.NaN()
	// by hand: 5 values, sorted 0.005 0.01 0.03 0.04 1
	got := permute.FDR([]float64{0.01, 0.04, nan, 0.03, 0.005, 1})
	want := []float64{0.025, 0.05, nan, 0.05, 0.025, 1}
	for i := range want {
		if math.IsNaN(want[i]) != math.IsNaN(got[i]) || math.Abs(got[i]-want[i]) > 1e-15 {
			t.Errorf("q[%d] = %g, want %g", i, got[i], want[i])
		}
	}
	if len(permute.FDR(nil)) != 0 {
		t.Error("q of nothing")
	}
}

// memory is a checkpoint in memory.
type memory struct {
	state []byte
	done  []int
}

func (m *memory) Load() ([]byte, error) { return m.state, nil }

func (m *memory) Save(state []byte, done int) error {
	m.state, m.done = slices.Clone(state), append(m.done, done)
	return nil
}

// A test that is interrupted keeps whole tiles, goes on with the rest, and ends with
// the numbers of one that was not; of other data or draws it refuses what is kept.
func TestGoesOn(t *testing.T) {
	const n, V = 7, 6000
	rng := rand.New(rand.NewPCG(3, 1))
	y := tile.NewArray[float64](n, V)
	for i := range y.Data {
		y.Data[i] = rng.NormFloat64() + 0.5
	}
	for s := range n {
		y.Data[s*V+2500] = 2 // constant: left out
	}
	x := []float64{1, 4, 2, 7, 5, 3, 6}
	for name, run := range map[string]func(context.Context, permute.Options) (*permute.Result, error){
		"mean": func(ctx context.Context, o permute.Options) (*permute.Result, error) {
			return permute.OneSample(ctx, cpu.New(2), y, o)
		},
		"correlation": func(ctx context.Context, o permute.Options) (*permute.Result, error) {
			return permute.Partial(ctx, cpu.New(2), y, x, op.Tensor{}, o)
		},
	} {
		options := permute.Options{Draws: 40, Seed: 5}
		want, err := run(context.Background(), options)
		if err != nil {
			t.Fatal(err)
		}
		m := &memory{}
		options.Checkpoint = m
		ctx, cancel := context.WithCancel(context.Background())
		interrupted := options
		interrupted.Progress = func(int, int) { cancel() }
		if _, err := run(ctx, interrupted); !errors.Is(err, context.Canceled) {
			t.Fatalf("%s: error %v, want that of the context", name, err)
		}
		if len(m.done) != 1 || m.done[0] == 0 || m.done[0] >= V {
			t.Fatalf("%s: saved after %v of %d variables", name, m.done, V)
		}
		first := -1
		options.Progress = func(done, _ int) {
			if first < 0 {
				first = done
			}
		}
		got, err := run(context.Background(), options)
		if err != nil {
			t.Fatal(err)
		}
		if first <= m.done[0] || m.done[len(m.done)-1] != V {
			t.Errorf("%s: went on with tile to %d after %v", name, first, m.done)
		}
		for what, pair := range map[string][2][]float64{"estimate": {got.Estimate, want.Estimate}, "t": {got.T, want.T}, "p": {got.P, want.P}, "p_max": {got.PMax, want.PMax}} {
			for i := range pair[0] {
				if math.Float64bits(pair[0][i]) != math.Float64bits(pair[1][i]) {
					t.Fatalf("%s: %s[%d] is %g, of a test that was not interrupted %g", name, what, i, pair[0][i], pair[1][i])
				}
			}
		}
		if got.LeftOut != 1 {
			t.Errorf("%s: %d variables left out, want 1", name, got.LeftOut)
		}
		options.Draws = 41
		if _, err := run(context.Background(), options); err == nil {
			t.Errorf("%s: went on with the state of other draws", name)
		}
	}
}
