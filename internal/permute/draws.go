package permute

import (
	"fmt"
	"math"
	"math/rand/v2"

	"voxen/engine/op"
)

// SignFlips lists rows of n signs, (1, 1, draws+1, n), the first all +1: every one of
// the 2^n if the draws cover them (exact), else random ones.
func SignFlips(n, draws int, seed uint64) (flips op.Tensor, exact bool) {
	exact = n < 31 && draws >= 1<<n-1
	if exact {
		draws = 1<<n - 1
	}
	flips = op.NewTensor(op.Dims{1, 1, draws + 1, n})
	r := rand.New(rand.NewPCG(seed, 1))
	for d := range draws + 1 {
		row := flips.Data[d*n : (d+1)*n]
		for i := range row {
			negative := d>>min(i, 62)&1 == 1
			if !exact {
				negative = d > 0 && r.IntN(2) == 1
			}
			row[i] = 1
			if negative {
				row[i] = -1
			}
		}
	}
	return flips, exact
}

// design is what the columns of a partial correlation are tested against.
type design struct {
	n     int
	basis op.Tensor   // (1, 1, n, 1+q): orthonormal, the constant first, then covariates
	x     []float64   // without the covariates, of length 1
	cols  [][]float64 // the covariates of the basis
}

// q is the number of independent covariates, without the constant.
func (d *design) q() int { return len(d.cols) }

// newDesign orthogonalises the covariates, and x to them. Covariates that
// depend on others are left out; an x that does is refused.
func newDesign(n int, x []float64, covariates op.Tensor) (*design, error) {
	q := 0
	if covariates.Data != nil {
		q = covariates.Dims[3]
	}
	if len(x) != n || q > 0 && covariates.Dims[2] != n {
		return nil, fmt.Errorf("permute: %d subjects, %d values of x and covariates of %v", n, len(x), covariates.Dims)
	}
	d := &design{n: n}
	one := make([]float64, n)
	for i := range one {
		one[i] = 1 / math.Sqrt(float64(n))
	}
	columns := [][]float64{one}
	column := make([]float64, n)
	for j := range q {
		for i := range column {
			column[i] = covariates.Data[i*q+j]
		}
		if rest, ok := orthogonal(column, columns); ok {
			columns = append(columns, rest)
		}
	}
	rest, ok := orthogonal(x, columns)
	if !ok {
		return nil, ErrNoVariation
	}
	d.x, d.cols = rest, columns[1:]
	d.basis = op.NewTensor(op.Dims{1, 1, n, len(columns)})
	for j, c := range columns {
		for i, v := range c {
			d.basis.Data[i*len(columns)+j] = v
		}
	}
	return d, nil
}

// ErrNoVariation says that the variable of interest is constant or a combination
// of the covariates.
var ErrNoVariation = fmt.Errorf("permute: nothing of the variable is left when the covariates are removed")

// orthogonal gives x without the columns, of length 1; false if less than 1e-8
// of x is left. A second round removes what rounding left.
func orthogonal(x []float64, columns [][]float64) ([]float64, bool) {
	y := append([]float64(nil), x...)
	whole := math.Sqrt(dot(y, y))
	for range 2 {
		for _, c := range columns {
			a := dot(y, c)
			for i := range y {
				y[i] -= a * c[i]
			}
		}
	}
	length := math.Sqrt(dot(y, y))
	if !(length > 1e-8*whole) {
		return nil, false
	}
	for i := range y {
		y[i] /= length
	}
	return y, true
}

func dot(x, y []float64) float64 {
	s := 0.0
	for i := range x {
		s += x[i] * y[i]
	}
	return s
}

// permuted holds x and the covariates in the order of every draw, (1, 1+q,
// draws, n), the first as they are: with residuals e, row d of group 0 times e
// is x'Pe of the permutation P.
func (d *design) permuted(draws int, seed uint64) (rows op.Tensor, exact bool) {
	orders, exact := permutations(d.n, draws, seed)
	rows = op.NewTensor(op.Dims{1, 1 + d.q(), len(orders), d.n})
	for g, c := range append([][]float64{d.x}, d.cols...) {
		for k, order := range orders {
			row := rows.Data[(g*len(orders)+k)*d.n:][:d.n]
			for i, from := range order {
				row[from] = c[i]
			}
		}
	}
	return rows, exact
}

// permutations lists orders of n, the identity first: all n! if the draws cover
// them, else random ones.
func permutations(n, draws int, seed uint64) (orders [][]int, exact bool) {
	identity := make([]int, n)
	for i := range identity {
		identity[i] = i
	}
	all := 1
	for i := 2; i <= n && all-1 <= draws; i++ {
		all *= i
	}
	if all-1 <= draws {
		return everyOrder(identity), true
	}
	orders = append(orders, identity)
	r := rand.New(rand.NewPCG(seed, 2))
	for range draws {
		orders = append(orders, r.Perm(n))
	}
	return orders, false
}

// everyOrder lists all orders in lexicographic sequence.
func everyOrder(order []int) [][]int {
	var all [][]int
	var extend func(head, rest []int)
	extend = func(head, rest []int) {
		if len(rest) == 0 {
			all = append(all, append([]int(nil), head...))
			return
		}
		for i, v := range rest {
			left := append(append([]int(nil), rest[:i]...), rest[i+1:]...)
			extend(append(head, v), left)
		}
	}
	extend(nil, order)
	return all
}
