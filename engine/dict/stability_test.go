package dict

import (
	"math"
	"math/rand/v2"
	"testing"

	"voxen/engine/tile"
)

// best is the largest sum over all ways to give each row a column of its own.
func best(like tile.Matrix, row int, taken []bool) float64 {
	if row == like.Rows {
		return 0
	}
	most := math.Inf(-1)
	for j, t := range taken {
		if !t {
			taken[j] = true
			most = max(most, like.Row(row)[j]+best(like, row+1, taken))
			taken[j] = false
		}
	}
	return most
}

// Assign finds the largest sum of all assignments, with ties and empty rows too.
func TestAssign(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 8 {
		for trial := range 20 {
			m := tile.Matrix{Rows: n, Cols: n, Data: make([]float64, n*n)}
			for i := range m.Data {
				m.Data[i] = r.Float64()
				if trial%2 == 1 { // few values: ties
					m.Data[i] = math.Floor(3 * m.Data[i])
				}
			}
			sum, taken := 0.0, make([]bool, n)
			for i, j := range Assign(m) {
				if taken[j] {
					t.Fatalf("n %d: column %d twice", n, j)
				}
				taken[j] = true
				sum += m.Row(i)[j]
			}
			if want := best(m, 0, make([]bool, n)); math.Abs(sum-want) > 1e-12 {
				t.Errorf("n %d: sum %g, the largest is %g", n, sum, want)
			}
		}
	}
}

// Cosines of atoms and of codes are those of dense vectors, without their sign.
func TestAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const T, K, L = 7, 3, 4
	random := func(cols int) tile.Matrix {
		m := tile.Matrix{Rows: T, Cols: cols, Data: make([]float64, T*cols)}
		for i := range m.Data {
			if m.Data[i] = r.NormFloat64(); i%3 == 0 || i%cols == 1 { // zeros, and an atom of zeros
				m.Data[i] = 0
			}
		}
		return m
	}
	coded := func(m tile.Matrix) *Codes { // rows of m are signals
		c := &Codes{Rows: m.Cols, Cols: m.Rows}
		add(c, m.Data)
		return c
	}
	a, b := random(K), random(L)
	atoms, sums := Alike(a, b), newAlikeness(K, L)
	sums.add(coded(a), coded(b))
	codes := cosines(sums.products, sums.left, sums.right)
	for k := range K {
		for l := range L {
			dot, aa, bb := 0.0, 0.0, 0.0
			for i := range T {
				x, y := a.Row(i)[k], b.Row(i)[l]
				dot, aa, bb = dot+x*y, aa+x*x, bb+y*y
			}
			want := 0.0
			if aa > 0 && bb > 0 {
				want = math.Abs(dot) / math.Sqrt(aa*bb)
			}
			for name, got := range map[string]float64{"atoms": atoms.Row(k)[l], "codes": codes.Row(k)[l]} {
				if math.Abs(got-want) > 1e-14 { // sums of 7 products
					t.Errorf("%s %d, %d: %g, want %g", name, k, l, got, want)
				}
			}
		}
	}
}
