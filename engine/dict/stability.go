package dict

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"

	"voxen/engine/tile"
)

// Alike gives the cosines of the atoms of two dictionaries, a (T x K) and b (T x L), without their
// signs, which are arbitrary:
//
//	c_kl = |a_k · b_l| / (|a_k| |b_l|), 0 where either is 0
//
// a K x L matrix.
func Alike(a, b tile.Matrix) tile.Matrix {
	out := tile.Matrix{Rows: a.Cols, Cols: b.Cols, Data: make([]float64, a.Cols*b.Cols)}
	general := func(m tile.Matrix) blas64.General {
		return blas64.General{Rows: m.Rows, Cols: m.Cols, Stride: max(1, m.Cols), Data: m.Data}
	}
	blas64.Gemm(blas.Trans, blas.NoTrans, 1, general(a), general(b), 0, general(out))
	squares := func(m tile.Matrix) []float64 {
		sq := make([]float64, m.Cols)
		for t := range m.Rows {
			for k, x := range m.Row(t) {
				sq[k] += x * x
			}
		}
		return sq
	}
	return cosines(out, squares(a), squares(b))
}

// Alike gives the cosines of the atoms of two dictionaries by their codes of the same signals, c (K x N)
// and o (L x N): of rows k and l, without their signs, 0 where either is 0. It compares
// dictionaries of different time points.
func (c *Codes) Alike(o *Codes) tile.Matrix {
	out := tile.Matrix{Rows: c.Rows, Cols: o.Rows, Data: make([]float64, c.Rows*o.Rows)}
	for n := range c.Cols {
		atoms, values := c.Column(n)
		others, theirs := o.Column(n)
		for i, k := range atoms {
			row := out.Row(int(k))
			for j, l := range others {
				row[l] += values[i] * theirs[j]
			}
		}
	}
	return cosines(out, c.squares(), o.squares())
}

// squares gives the sum of squares of each atom's codes.
func (c *Codes) squares() []float64 {
	sq := make([]float64, c.Rows)
	for i, k := range c.Indices {
		sq[k] += c.Values[i] * c.Values[i]
	}
	return sq
}

// cosines makes cosines of products, in place.
func cosines(products tile.Matrix, left, right []float64) tile.Matrix {
	for k := range products.Rows {
		for l, p := range products.Row(k) {
			c := 0.0
			if left[k] > 0 && right[l] > 0 {
				c = min(1, math.Abs(p)/(math.Sqrt(left[k])*math.Sqrt(right[l])))
			}
			products.Row(k)[l] = c
		}
	}
	return products
}

// Assign gives every row of a K x K matrix a column of its own, such that the sum of the elements
// chosen is the largest: the Hungarian method by shortest augmenting paths (Jonker and Volgenant 1987,
// Computing 38:325), K³ steps.
func Assign(like tile.Matrix) []int {
	n := like.Rows
	u, v := make([]float64, n+1), make([]float64, n+1) // potentials of rows and columns
	row := make([]int, n+1)                            // of a column, from 1; 0: none yet
	from := make([]int, n+1)                           // column before, on the path to a column
	for i := 1; i <= n; i++ {
		row[0] = i
		at := 0
		least, done := make([]float64, n+1), make([]bool, n+1)
		for j := range least {
			least[j] = math.Inf(1)
		}
		for row[at] != 0 {
			done[at] = true
			r, delta, next := row[at], math.Inf(1), 0
			for j := 1; j <= n; j++ {
				if done[j] {
					continue
				}
				if d := -like.Row(r - 1)[j-1] - u[r] - v[j]; d < least[j] {
					least[j], from[j] = d, at
				}
				if least[j] < delta {
					delta, next = least[j], j
				}
			}
			for j := range least {
				if done[j] {
					u[row[j]] += delta
					v[j] -= delta
				} else {
					least[j] -= delta
				}
			}
			at = next
		}
		for at != 0 {
			row[at] = row[from[at]]
			at = from[at]
		}
	}
	columns := make([]int, n)
	for j := 1; j <= n; j++ {
		columns[row[j]-1] = j - 1
	}
	return columns
}
