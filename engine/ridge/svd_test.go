package ridge

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	_ "voxen/cpu"
	"voxen/engine/tile"
)

// The decomposition gives the matrix back, column by column relative to the column,
// with orthonormal vectors and the right rank, for columns of sizes over 24 decades.
func TestDecompose(t *testing.T) {
	for _, c := range []struct{ n, k, rank, decades int }{{40, 7, 7, 0}, {40, 7, 7, 24}, {9, 20, 9, 12}, {30, 12, 8, 12}, {5, 1, 1, 0}, {6, 4, 0, 0}, {1, 3, 1, 3}} {
		rng := rand.New(rand.NewPCG(uint64(c.n), uint64(c.k)))
		x := make([]float64, c.n*c.k)
		for j := range c.k {
			size := math.Pow(10, float64(c.decades)*(rng.Float64()-0.5))
			for i := range c.n {
				switch {
				case c.rank == 0:
				case j < c.rank || c.rank == c.n:
					x[i*c.k+j] = size * rng.NormFloat64()
				default: // dependent on two others
					x[i*c.k+j] = 3*x[i*c.k+j-c.rank] - 0.5*x[i*c.k+1]
				}
			}
		}
		d := decompose(x, c.n, c.k)
		if d.rank != c.rank {
			t.Errorf("%+v: rank %d", c, d.rank)
			continue
		}
		for j := range c.k {
			norm, off := 0.0, 0.0
			for i := range c.n {
				y := 0.0
				for r := range d.rank {
					y += d.u[r*c.n+i] * d.s[r] * d.v[r*c.k+j]
				}
				norm, off = math.Hypot(norm, x[i*c.k+j]), math.Hypot(off, y-x[i*c.k+j])
			}
			if !(off <= 1e-13*norm) {
				t.Errorf("%+v: column %d is off by %g of %g", c, j, off, norm)
			}
		}
		if d.rank == 0 {
			continue
		}
		for name, q := range map[string]*mat.Dense{"u": mat.NewDense(d.rank, c.n, d.u), "v": mat.NewDense(d.rank, c.k, d.v)} {
			var one mat.Dense
			one.Mul(q, q.T())
			for i := range d.rank {
				one.Set(i, i, one.At(i, i)-1)
			}
			if e := mat.Norm(&one, 2); !(e <= 1e-13) {
				t.Errorf("%+v: %s is orthonormal up to %g", c, name, e)
			}
		}
	}
}

// A column is shifted by its mean; a constant one by its value, which leaves exactly 0
// where the mean of the values is not that value.
func TestShiftColumns(t *testing.T) {
	x := tile.Matrix{Rows: 6, Cols: 2, Data: []float64{0.1, 1, 0.1, 2, 0.1, 6, 0.1, 3, 0.1, 3, 0.1, 3}} // six times 0.1/6 is not 0.1
	shifted, offset := shiftColumns(matrixValue(x))
	if o := offset.Data().([]float64); o[0] != 0.1 || o[1] != 3 {
		t.Errorf("offsets %v, want 0.1 and 3", o)
	}
	for i, want := range []float64{0, -2, 0, -1, 0, 3, 0, 0, 0, 0, 0, 0} {
		if got := shifted.Data().([]float64)[i]; got != want {
			t.Errorf("value %d is %g, want %g", i, got, want)
		}
	}
}
