package coupling_test

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"gorgonia.org/tensor"

	"voxen/cpu"
	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/internal/coupling"
	"voxen/internal/permute"
)

// golden is a case of testdata/golden/statistics.py.
type golden struct {
	Name                      string
	N, Artificial, Biological int
	Runs                      []int // rows of each
	X, Y, R, NEff, P, Q       []float64
}

func load(t *testing.T) []golden {
	t.Helper()
	data, err := os.ReadFile("../../testdata/golden/statistics/coupling.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []golden }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) < 5 {
		t.Fatalf("%d cases, want at least 5", len(file.Cases))
	}
	return file.Cases
}

// fit couples columns of x with those of y.
func fit(t *testing.T, threads int, x, y op.Tensor, o coupling.Options) (r, nEff []float64) {
	t.Helper()
	src, err := tile.Of(x.Dims[2], x.Dims[3], x.Data)
	if err != nil {
		t.Fatal(err)
	}
	R, n := tile.NewArray[float64](y.Dims[3], x.Dims[3]), tile.NewArray[float64](y.Dims[3], x.Dims[3])
	if _, err := coupling.Fit(context.Background(), cpu.New(threads), src, y, coupling.Outputs{R: R, NEff: n}, o); err != nil {
		t.Fatal(err)
	}
	return R.Data, n.Data
}

func matrix(rows, cols int, data []float64) op.Tensor {
	return op.Tensor{Dims: op.Dims{1, 1, rows, cols}, Data: data}
}

func TestGolden(t *testing.T) {
	for _, g := range load(t) {
		for _, c := range []struct {
			dtype tensor.Dtype
			limit float64
			// the data have means 100 times their SDs: float32 keeps 5 digits of what varies
		}{{op.Float64, 1e-10}, {op.Float32, 3e-5}} {
			r, nEff := fit(t, 2, matrix(g.N, g.Artificial, g.X), matrix(g.N, g.Biological, g.Y), coupling.Options{Precision: c.dtype, Borders: borders(g.Runs)})
			p := make([]float64, len(r))
			for i := range r {
				p[i] = coupling.P(r[i], nEff[i], len(g.Runs))
				near(t, g.Name, "r", i, r[i], g.R[i], c.limit)
				// where the denominator is near 0 N_eff has none of its digits
				near(t, g.Name, "n_eff", i, nEff[i]/float64(g.N), g.NEff[i]/float64(g.N), c.limit*max(1, g.NEff[i]/float64(g.N)))
				near(t, g.Name, "p", i, p[i], g.P[i], 50*c.limit)
			}
			for i, q := range permute.FDR(p) {
				near(t, g.Name, "q", i, q, g.Q[i], 50*c.limit)
			}
		}
	}
}

// borders are those of runs of so many rows.
func borders(rows []int) op.Borders {
	b := op.Borders{0}
	for _, n := range rows {
		b = append(b, b[len(b)-1]+n)
	}
	return b
}

func near(t *testing.T, name, what string, i int, got, want, limit float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > limit*(1+math.Abs(want)) {
		t.Errorf("%s: %s[%d] = %.10g, want %.10g within %g", name, what, i, got, want, limit)
	}
}

// ar1 gives n x cols values of AR(1) noise.
func ar1(r *rand.Rand, n, cols int, phi float64) op.Tensor {
	x := matrix(n, cols, make([]float64, n*cols))
	for t := range n {
		for c := range cols {
			x.Data[t*cols+c] = r.NormFloat64()
			if t > 0 {
				x.Data[t*cols+c] = phi*x.Data[(t-1)*cols+c] + math.Sqrt(1-phi*phi)*x.Data[t*cols+c]
			}
		}
	}
	return x
}

// Unrelated slow courses correlate by accident. With N_eff the share of p below
// 0.05 stays near 0.05; with the number of volumes it is several times that. Runs are
// short pieces that begin anew.
func TestTypeIError(t *testing.T) {
	const n, N, M = 372, 100, 30
	rng := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		phi  float64
		runs []int
		gone float64 // of the rows, at random
	}{{0, []int{n}, 0}, {0.5, []int{n}, 0}, {0.9, []int{n}, 0}, {0.9, []int{150, 122, 100}, 0}, {0.5, []int{72, 300}, 0}, {0.9, []int{n}, 0.3}} {
		x, y := matrix(n, N, nil), matrix(n, M, nil)
		for _, rows := range c.runs {
			x.Data = append(x.Data, ar1(rng, rows, N, c.phi).Data...)
			y.Data = append(y.Data, ar1(rng, rows, M, c.phi).Data...)
		}
		o := coupling.Options{Precision: op.Float64, Borders: borders(c.runs)}
		if c.gone > 0 {
			for row := range n {
				if rng.Float64() >= c.gone {
					at := len(o.Times)
					copy(x.Data[at*N:(at+1)*N], x.Data[row*N:])
					copy(y.Data[at*M:(at+1)*M], y.Data[row*M:])
					o.Times = append(o.Times, row)
				}
			}
			x, y, o.Borders = matrix(len(o.Times), N, x.Data[:len(o.Times)*N]), matrix(len(o.Times), M, y.Data[:len(o.Times)*M]), nil
		}
		r, nEff := fit(t, 2, x, y, o)
		below, naive := 0, 0
		for i := range r {
			if coupling.P(r[i], nEff[i], len(c.runs)) < 0.05 {
				below++
			}
			if coupling.P(r[i], n, len(c.runs)) < 0.05 {
				naive++
			}
		}
		share := float64(below) / float64(len(r))
		t.Logf("phi %g, runs %v: share of p < 0.05 is %.3f, %.3f without N_eff", c.phi, c.runs, share, float64(naive)/float64(len(r)))
		// 3,000 pairs of 130 courses depend on each other: the standard error is
		// about that of 130 tests, and autocorrelations are estimated
		if share > 0.09 || share < 0.02 {
			t.Errorf("phi %g, runs %v: share of p < 0.05 is %.3f, want 0.02 to 0.09", c.phi, c.runs, share)
		}
		if c.phi == 0.9 && float64(naive)/float64(len(r)) < 0.3 {
			t.Errorf("phi %g: without N_eff the share is %.3f, expected the error that N_eff mends", c.phi, float64(naive)/float64(len(r)))
		}
	}
}

// Panels and threads do not change a bit, and a course that is constant or not
// finite is NaN without touching its neighbours.
func TestPanelsAndLeftOut(t *testing.T) {
	const n, N, M = 60, 4200, 3
	rng := rand.New(rand.NewPCG(2, 2))
	x, y := ar1(rng, n, N, 0.6), ar1(rng, n, M, 0.6)
	for i := range n {
		x.Data[i*N+5] = 41
	}
	x.Data[10*N+4000] = math.NaN()
	r, nEff := fit(t, 1, x, y, coupling.Options{})
	r2, nEff2 := fit(t, 2, x, y, coupling.Options{Budget: 24 << 20})
	for i := range r {
		left := i%N == 5 || i%N == 4000
		switch {
		case math.IsNaN(r[i]) != left || math.IsNaN(nEff[i]) != left:
			t.Fatalf("pair %d: r = %g, n_eff = %g", i, r[i], nEff[i])
		case !left && (r[i] != r2[i] || nEff[i] != nEff2[i]):
			t.Fatalf("pair %d differs between bounds of memory", i)
		}
	}
}

func TestNEff(t *testing.T) {
	for _, c := range []struct {
		runs         int
		excess, want float64
	}{{1, 0, 100}, {1, 1, 50}, {1, 99, 3}, {3, 99, 5}, {1, -0.5, 200}, {1, -1, 100}, {2, -3, 100}} {
		if got := coupling.NEff(100, c.runs, c.excess); got != c.want {
			t.Errorf("NEff(100, %d, %g) = %g, want %g", c.runs, c.excess, got, c.want)
		}
	}
	if p := coupling.P(1, 3, 1); p != 0 {
		t.Errorf("p of a correlation of 1 is %g", p)
	}
	if p := coupling.P(0, 50, 4); p != 1 {
		t.Errorf("p of a correlation of 0 is %g", p)
	}
}

func TestRefusesRuns(t *testing.T) {
	x := ar1(rand.New(rand.NewPCG(3, 3)), 20, 2, 0)
	src, err := tile.Of(20, 2, x.Data)
	if err != nil {
		t.Fatal(err)
	}
	out := tile.NewArray[float64](2, 2)
	for _, b := range []op.Borders{{0, 17, 20}, {0, 10}, {1, 20}, {0}} {
		if _, err := coupling.Fit(context.Background(), cpu.New(1), src, x, coupling.Outputs{R: out, NEff: out}, coupling.Options{Borders: b}); err == nil {
			t.Errorf("runs %v of 20 rows are not refused", b)
		}
	}
}

// Rows that are missing are in no sum, and lags are counted in places: the definition,
// by loops over pairs of rows. Rows that follow each other may say so.
func TestTimes(t *testing.T) {
	const N, M = 3, 2
	rng := rand.New(rand.NewPCG(7, 1))
	times := []int{0, 1, 2, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 22, 23, 24, 25, 0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12}
	b := op.Borders{0, 20, 31}
	x, y := ar1(rng, len(times), N, 0.7), ar1(rng, len(times), M, 0.7)
	r, nEff := fit(t, 2, x, y, coupling.Options{Precision: op.Float64, Borders: b, Times: times})
	for m := range M {
		for n := range N {
			wantR, excess := 0.0, 0.0
			for f := range b.Folds() {
				rows := b.Rows(f)
				zx, zy, at := make([]float64, rows), make([]float64, rows), times[b[f]:b[f+1]]
				for i := range rows {
					zx[i], zy[i] = x.Data[(b[f]+i)*N+n], y.Data[(b[f]+i)*M+m]
				}
				standard(zx)
				standard(zy)
				span := at[rows-1] + 1
				for i := range rows {
					wantR += zx[i] * zy[i] / float64(len(times))
				}
				for k := 1; k <= span/5; k++ {
					pairs, ax, ay := 0.0, 0.0, 0.0
					for i := range rows {
						for j := range rows {
							if at[j]-at[i] == k {
								pairs, ax, ay = pairs+1, ax+zx[i]*zx[j], ay+zy[i]*zy[j]
							}
						}
					}
					taper := (1 - float64(k)/float64(span)) / pairs
					excess += 2 * pairs / float64(rows) * (taper * ax) * (taper * ay) * float64(rows) / float64(len(times))
				}
			}
			near(t, "gaps", "r", m*N+n, r[m*N+n], wantR, 1e-12)
			near(t, "gaps", "n_eff", m*N+n, nEff[m*N+n], coupling.NEff(len(times), 2, excess), 1e-10)
		}
	}
	all := make([]int, len(times))
	for i := range all {
		all[i] = i
	}
	whole := coupling.Options{Precision: op.Float64}
	_, plain := fit(t, 2, x, y, whole)
	whole.Times = all
	if _, given := fit(t, 2, x, y, whole); !slices.Equal(plain, given) {
		t.Error("rows that follow each other give other numbers where that is said")
	}
}

func standard(z []float64) {
	mean, sq := 0.0, 0.0
	for _, v := range z {
		mean += v / float64(len(z))
	}
	for i := range z {
		z[i] -= mean
		sq += z[i] * z[i] / float64(len(z))
	}
	for i := range z {
		z[i] /= math.Sqrt(sq)
	}
}
