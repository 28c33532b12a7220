package brain

import (
	"math"
	"math/rand/v2"
	"testing"
)

func checkOrthonormal(t *testing.T, b *Basis) {
	t.Helper()
	for i := range b.Cols {
		for j := range b.Cols {
			var s float64
			for r := range b.Rows {
				s += b.Q[r*b.Cols+i] * b.Q[r*b.Cols+j]
			}
			want := 0.0
			if i == j {
				want = 1
			}
			if math.Abs(s-want) > 1e-13 {
				t.Fatalf("columns %d and %d have product %g", i, j, s)
			}
		}
	}
}

// What is left of white noise is what a QR of nilearn's drift leaves.
func TestCosineAsNilearn(t *testing.T) {
	for _, g := range loadHRF(t).Cosines {
		b, err := Trend{Kind: "cosine", Seconds: g.Seconds}.Basis(g.Rows, g.TR)
		if err != nil {
			t.Fatal(err)
		}
		if b.Cols != g.Columns {
			t.Errorf("%d rows of %g s, %g s: %d columns, want %d", g.Rows, g.TR, g.Seconds, b.Cols, g.Columns)
		}
		checkOrthonormal(t, b)
		b.Remove(g.Y, 1, 1)
		if d := maxAbs(g.Y, g.Residual); !(d <= 1e-13) {
			t.Errorf("%d rows of %g s, %g s: differs by %g", g.Rows, g.TR, g.Seconds, d)
		}
	}
}

func TestLinear(t *testing.T) {
	for _, rows := range []int{1, 2, 3, 121} {
		b, err := Trend{Kind: "linear"}.Basis(rows, 0)
		if err != nil {
			t.Fatal(err)
		}
		if b.Cols != min(rows, 2) {
			t.Errorf("%d rows: %d columns", rows, b.Cols)
		}
		checkOrthonormal(t, b)
		y := make([]float64, 2*rows)
		for r := range rows {
			y[2*r], y[2*r+1] = 1000+3*float64(r), -2
		}
		b.Remove(y, 2, 2)
		for i, x := range y {
			if math.Abs(x) > 1e-10 { // 1e-13 of the mean removed
				t.Fatalf("%d rows: value %d is %g", rows, i, x)
			}
		}
	}
	none, err := Trend{Kind: "none"}.Basis(7, 0)
	if err != nil || none.Cols != 0 {
		t.Errorf("no trend has %d columns (%v)", none.Cols, err)
	}
}

// Dependent, tiny, huge and zero columns: the rank is that of the span, and
// every column lies in it.
func TestOrthonormalRank(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const rows = 40
	column := func() []float64 {
		x := make([]float64, rows)
		for t := range x {
			x[t] = rng.NormFloat64()
		}
		return x
	}
	a, b, c := column(), column(), column()
	sum := make([]float64, rows)
	for t := range sum {
		sum[t] = 1e8*a[t] - b[t]
	}
	tiny := append([]float64(nil), c...)
	scale(tiny, 1e-200)
	columns := [][]float64{a, b, a, sum, make([]float64, rows), tiny}
	q, err := Orthonormal(rows, columns)
	if err != nil {
		t.Fatal(err)
	}
	if q.Cols != 3 {
		t.Fatalf("rank %d, want 3", q.Cols)
	}
	checkOrthonormal(t, q)
	for i, x := range columns {
		length := norm(x)
		y := append([]float64(nil), x...)
		q.Remove(y, 1, 1)
		if length > 0 && norm(y) > 1e-7*length {
			t.Errorf("column %d sticks out by %g of its length", i, norm(y)/length)
		}
	}
	many := make([][]float64, 60)
	for i := range many {
		many[i] = column()
	}
	if q, err = Orthonormal(rows, many); err != nil || q.Cols != rows {
		t.Errorf("60 columns of 40 rows have rank %d (%v)", q.Cols, err)
	}
	checkOrthonormal(t, q)
}

func TestTrendRefuses(t *testing.T) {
	for _, s := range []string{"", "linear:3", "cosine", "cosine:", "cosine:-1", "cosine:0", "cosine:NaN", "cosine:Inf", "quadratic"} {
		if _, err := ParseTrend(s); err == nil {
			t.Errorf("%q is accepted", s)
		}
	}
	for _, s := range []string{"none", "linear", "cosine:128"} {
		if _, err := ParseTrend(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	if _, err := (Trend{Kind: "cosine", Seconds: 128}).Basis(10, 0); err == nil {
		t.Error("cosines without a TR are accepted")
	}
	if _, err := Orthonormal(0, nil); err == nil {
		t.Error("a run without rows is accepted")
	}
	if _, err := Orthonormal(2, [][]float64{{1}}); err == nil {
		t.Error("a short column is accepted")
	}
	if _, err := Orthonormal(2, [][]float64{{1, math.Inf(1)}}); err == nil {
		t.Error("an infinite column is accepted")
	}
}
