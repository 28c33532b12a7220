package permute

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"voxen/engine/op"
)

// All flips or orders are taken when the draws asked for reach all there are but the one observed, each once; one draw
// less and they are random. What was observed is first in any case.
func TestEnumerationBegins(t *testing.T) {
	flips := func(n, draws int) (rows []string, exact bool) {
		f, exact := SignFlips(n, draws, 3)
		for d := range f.Dims[2] {
			rows = append(rows, fmt.Sprint(f.Data[d*n:(d+1)*n]))
		}
		return rows, exact
	}
	orders := func(n, draws int) (rows []string, exact bool) {
		list, exact := permutations(n, draws, 3)
		for _, order := range list {
			rows = append(rows, fmt.Sprint(order))
		}
		return rows, exact
	}
	for _, c := range []struct {
		name string
		f    func(n, draws int) ([]string, bool)
		n    int
		all  int
	}{{"flips of 2", flips, 2, 4}, {"flips of 3", flips, 3, 8}, {"flips of 6", flips, 6, 64}, {"orders of 2", orders, 2, 2}, {"orders of 3", orders, 3, 6}, {"orders of 5", orders, 5, 120}} {
		for _, draws := range []int{c.all - 2, c.all - 1, c.all, 3 * c.all} {
			if draws < 1 {
				continue
			}
			rows, exact := c.f(c.n, draws)
			if want := draws >= c.all-1; exact != want {
				t.Errorf("%s, %d draws: exact %t, want %t", c.name, draws, exact, want)
			}
			if want := min(draws+1, c.all); len(rows) != want {
				t.Errorf("%s, %d draws: %d rows, want %d", c.name, draws, len(rows), want)
			}
			distinct := map[string]bool{}
			for _, r := range rows {
				distinct[r] = true
			}
			if exact && len(distinct) != c.all {
				t.Errorf("%s, %d draws: %d of %d are there", c.name, draws, len(distinct), c.all)
			}
			if first, _ := c.f(c.n, 1); rows[0] != first[0] {
				t.Errorf("%s, %d draws: the first is %s", c.name, draws, rows[0])
			}
		}
	}
	for _, n := range []int{31, 63, 64, 65, 200} { // 2^n is not an int, or more than anyone draws
		if rows, exact := flips(n, 40); exact || len(rows) != 41 {
			t.Errorf("flips of %d: %d rows, exact %t", n, len(rows), exact)
		}
	}
	for _, n := range []int{21, 30, 170} {
		if rows, exact := orders(n, 40); exact || len(rows) != 41 {
			t.Errorf("orders of %d: %d rows, exact %t", n, len(rows), exact)
		}
	}
}

// Random flips begin with none, whatever the seed, and are fair: of 2000 draws of 40 signs the SD of a sign's mean is 0.022,
// so that 5 of them are passed once in 40,000 runs.
func TestRandomFlips(t *testing.T) {
	const n, draws = 40, 2000
	for seed := range uint64(6) {
		f, _ := SignFlips(n, draws, seed)
		mean := make([]float64, n)
		for d := range draws + 1 {
			for i, s := range f.Data[d*n : (d+1)*n] {
				if s != 1 && s != -1 || d == 0 && s != 1 {
					t.Fatalf("seed %d, draw %d: sign %v of subject %d", seed, d, s, i)
				}
				if d > 0 {
					mean[i] += s / draws
				}
			}
		}
		for i, m := range mean {
			if m > 0.11 || m < -0.11 {
				t.Errorf("seed %d: the signs of subject %d have mean %g", seed, i, m)
			}
		}
	}
}

// Residuals times row d are x times the permuted residuals: the order of a draw moves subjects, it does not repeat them.
func TestPermutedRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	n := 7
	x, z := make([]float64, n), op.NewTensor(op.Dims{1, 1, n, 1})
	for i := range x {
		x[i], z.Data[i] = rng.NormFloat64(), rng.NormFloat64()
	}
	d, err := newDesign(n, x, z)
	if err != nil {
		t.Fatal(err)
	}
	rows, exact := d.permuted(50, 4)
	if exact || rows.Dims != (op.Dims{1, 2, 51, n}) {
		t.Fatalf("rows %v, exact %t", rows.Dims, exact)
	}
	for g, c := range [][]float64{d.x, d.cols[0]} {
		for k := range 51 {
			row := rows.Data[(g*51+k)*n:][:n]
			for i, v := range row {
				if k == 0 && v != c[i] {
					t.Errorf("group %d: the first row is %v, want %v", g, row, c)
				}
			}
			if a, b := dot(row, row), dot(c, c); a-b > 1e-12 || b-a > 1e-12 {
				t.Errorf("group %d, row %d is no order of %v: %v", g, k, c, row)
			}
		}
	}
}

// What a checkpoint has finished is finished to its last variable, and nothing beyond.
func TestDone(t *testing.T) {
	k := test{keep: keeper{from: 512}}
	for hi, want := range map[int]bool{1: true, 511: true, 512: true, 513: false, 1024: false} {
		if k.Done(0, hi) != want {
			t.Errorf("variables up to %d of 512 finished: %t", hi, !want)
		}
	}
}
