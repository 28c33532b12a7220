package dict

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"

	"voxen/engine"
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

// codedAtOnce is how many signals AlikeByCodes codes at once.
const codedAtOnce = 16 * panelSignals

// AlikeByCodes gives the cosines of the atoms of two dictionaries, a (T x K) and b (U x L), by their
// codes of the same N signals, of which s has the rows that belong to a and u those of b: of rows k
// and l of the codes, without their signs, 0 where either is 0. It compares dictionaries of different
// time points. Options are those of Encode; Progress counts the signals of both. Codes of some
// thousand signals are held at a time.
func AlikeByCodes(ctx context.Context, be engine.Backend, a tile.Matrix, s tile.Source, b tile.Matrix, u tile.Source, o Options) (tile.Matrix, error) {
	n := s.Cols()
	if u.Cols() != n {
		return tile.Matrix{}, fmt.Errorf("%d signals and %d, want the same", n, u.Cols())
	}
	sums, progress := newAlikeness(a.Cols, b.Cols), o.Progress
	code := func(atoms tile.Matrix, src tile.Source, lo, hi, before int) (*Codes, error) {
		if progress != nil {
			o.Progress = func(done, _ int) { progress(before+done, 2*n) }
		}
		e, err := Encode(ctx, be, atoms, someColumns{src, lo, hi}, o)
		if err != nil {
			return nil, err
		}
		return &e.Codes, nil
	}
	for lo := 0; lo < n; lo += codedAtOnce {
		hi := min(lo+codedAtOnce, n)
		left, err := code(a, s, lo, hi, 2*lo)
		if err != nil {
			return tile.Matrix{}, err
		}
		right, err := code(b, u, lo, hi, lo+hi)
		if err != nil {
			return tile.Matrix{}, err
		}
		sums.add(left, right)
	}
	return cosines(sums.products, sums.left, sums.right), nil
}

// someColumns are the columns [lo, hi) of a source.
type someColumns struct {
	tile.Source
	lo, hi int
}

// Cols is the number of columns.
func (c someColumns) Cols() int { return c.hi - c.lo }

// Wide reports whether the source is.
func (c someColumns) Wide() bool { return tile.IsWide(c.Source) }

// ReadFloat32 reads columns [lo, hi) of these.
func (c someColumns) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return c.Source.ReadFloat32(ctx, c.lo+lo, c.lo+hi, dst, stride)
}

// ReadFloat64 reads columns [lo, hi) of these.
func (c someColumns) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	return c.Source.ReadFloat64(ctx, c.lo+lo, c.lo+hi, dst, stride)
}

// alikeness are sums over signals of the codes of two dictionaries.
type alikeness struct {
	products    tile.Matrix // K x L
	left, right []float64   // squares
}

func newAlikeness(K, L int) *alikeness {
	return &alikeness{tile.Matrix{Rows: K, Cols: L, Data: make([]float64, K*L)}, make([]float64, K), make([]float64, L)}
}

// add adds the codes of the same signals.
func (s *alikeness) add(c, o *Codes) {
	for n := range c.Cols {
		atoms, values := c.Column(n)
		others, theirs := o.Column(n)
		for j, l := range others {
			s.right[l] += theirs[j] * theirs[j]
		}
		for i, k := range atoms {
			s.left[k] += values[i] * values[i]
			row := s.products.Row(int(k))
			for j, l := range others {
				row[l] += values[i] * theirs[j]
			}
		}
	}
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
