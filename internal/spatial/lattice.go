package spatial

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/gorgonia"

	"voxen/engine/op"
)

// Lattice is where the voxels of a map lie on a regular grid.
type Lattice struct {
	dims   [3]int     // of the smallest box around the voxels, the longest axis last
	size   [3]float64 // millimetres between neighbours along each axis
	row    int        // places along the last axis, some of them for alignment
	places []int      // of the voxels within the box
}

// NewLattice takes the grid indices of n voxels and the distances, in mm, between
// neighbours along the axes, which are taken to be at right angles.
func NewLattice(n int, voxel func(v int) (i, j, k int), size [3]float64) (*Lattice, error) {
	if n == 0 {
		return nil, fmt.Errorf("no voxels, want at least one")
	}
	at := func(v int) [3]int { i, j, k := voxel(v); return [3]int{i, j, k} }
	lo, hi := at(0), at(0)
	for v := range n {
		for axis, x := range at(v) {
			lo[axis], hi[axis] = min(lo[axis], x), max(hi[axis], x)
		}
	}
	order := [3]int{0, 1, 2}
	slices.SortStableFunc(order[:], func(a, b int) int { return hi[a] - lo[a] - hi[b] + lo[b] })
	l := &Lattice{places: make([]int, n)}
	for i, axis := range order {
		l.dims[i], l.size[i] = hi[axis]-lo[axis]+1, size[axis]
		if !(size[axis] > 0) || math.IsInf(size[axis], 0) {
			return nil, fmt.Errorf("voxels of %v mm, want positive lengths", size)
		}
	}
	l.row = aligned(l.dims[2])
	for i := range n {
		v, place := at(i), 0
		for j, axis := range order {
			place = place*[3]int{0, l.dims[1], l.row}[j] + v[axis] - lo[axis]
		}
		l.places[i] = place
	}
	return l, nil
}

// aligned is n, or the next multiple of 64 if that is at most an eighth more: products by
// matrices of so many columns read their other factor where it lies.
func aligned(n int) int {
	const columns = 64
	if up := (n + columns - 1) / columns * columns; 8*up <= 9*n {
		return up
	}
	return n
}

// Len is the number of voxels.
func (l *Lattice) Len() int { return len(l.places) }

// box is the number of places of the box.
func (l *Lattice) box() int { return l.dims[0] * l.dims[1] * l.row }

// spread puts a value per voxel into the box, 0 elsewhere.
func spread[F float32 | float64](l *Lattice, dst []F, values []float64) {
	clear(dst)
	for i, at := range l.places {
		dst[at] = F(values[i])
	}
}

// Widths are the widths s, in mm, of the kernels K(h) = exp(-h^2 / 2s^2) of which
// variograms are composed: 0 (noise of single voxels), then from the voxel size
// by equal factors to 30 mm, where a kernel still ties voxels 60 mm apart (as
// 70 mm of FWHM do). Wider structure is indistinguishable from that within one
// brain. At most 8, for voxels under 2 mm further apart than by a factor of 1.6.
func (l *Lattice) Widths() []float64 {
	const widest, factor, most = 30, 1.6, 7
	narrow := min(l.size[0], l.size[1], l.size[2])
	if narrow >= widest {
		return []float64{0, narrow}
	}
	n := min(most, 1+int(math.Ceil(math.Log(widest/narrow)/math.Log(factor))))
	widths := []float64{0}
	for i := range n {
		widths = append(widths, narrow*math.Pow(widest/narrow, float64(i)/float64(n-1)))
	}
	return widths
}

// basis is a factor of the kernel of a width on the box, K = (B_0 x B_1 x B_2) (...)'
// (Kronecker), with the B of an axis in columns, (1, 1, n, r).
type basis [3]op.Tensor

// rank is the number of columns along an axis.
func (b *basis) rank(axis int) int { return b[axis].Dims[3] }

// coefficients are the dims of what belongs to the columns of the product.
func (b *basis) coefficients() op.Dims {
	return op.Dims{1, 1, b.rank(1), b.rank(2) * b.rank(0)}
}

// basis factors the kernel of a width by its eigenvectors along each axis, times the
// roots of their eigenvalues; rows that are there for alignment are 0. The smallest are
// left out as long as all that are have a share of at most loss in the variance: fields
// much wider than a voxel need few.
func (l *Lattice) basis(width, loss float64) (*basis, error) {
	var b basis
	for axis, n := range l.dims {
		var e mat.EigenSym
		if !e.Factorize(kernel(n, l.size[axis], width), true) {
			return nil, fmt.Errorf("eigenproblem of a %d x %d kernel did not converge", n, n)
		}
		var q mat.Dense
		e.VectorsTo(&q)
		values := e.Values(nil) // ascending, of sum n
		out, lost := 0, 0.0
		for out < n-1 && lost+max(values[out], 0) <= loss*float64(n) {
			lost += max(values[out], 0)
			out++
		}
		b[axis] = op.NewTensor(op.Dims{1, 1, [3]int{n, n, l.row}[axis], n - out})
		for i := range n {
			for j, x := range values[out:] {
				b[axis].Data[i*(n-out)+j] = q.At(i, out+j) * math.Sqrt(max(x, 0))
			}
		}
	}
	return &b, nil
}

// kernel is exp(-d^2 / 2s^2) for n places step mm apart.
func kernel(n int, step, s float64) *mat.SymDense {
	k := mat.NewSymDense(n, make([]float64, n*n))
	for i := range n {
		for j := range i + 1 {
			v := 0.0
			if s > 0 {
				d := float64(i-j) * step / s
				v = math.Exp(-d * d / 2)
			} else if i == j {
				v = 1
			}
			k.RawSymmetric().Data[i*n+j], k.RawSymmetric().Data[j*n+i] = v, v
		}
	}
	return k
}

// axes are the factors of a basis as nodes of a graph.
type axes [3]*gorgonia.Node

// expand is (B_0 x B_1 x B_2) x for every batch, from coefficients (B, 1, r_1, r_2 r_0) to
// the box (B, 1, 1, box). Each step contracts an axis and leaves the next one where the
// step after it wants it, so that nothing is transposed.
func (l *Lattice) expand(x *gorgonia.Node, b *basis, axes axes) *gorgonia.Node {
	x = op.Must(op.Reshape{Groups: 1, Rows: l.dims[1] * b.rank(2), Cols: b.rank(0)}, op.Must(op.MatMul{}, axes[1], x))
	x = op.Must(op.Reshape{Groups: 1, Rows: l.dims[0] * l.dims[1], Cols: b.rank(2)}, op.Must(op.MatMul{TransB: true}, axes[0], x))
	return op.Must(op.Reshape{Groups: 1, Rows: 1, Cols: l.box()}, op.Must(op.MatMul{TransB: true}, x, axes[2]))
}

// project is (B_0 x B_1 x B_2)' x for every batch, from (B, 1, n_0 n_1, n_2) to the
// coefficients that expand takes.
func (l *Lattice) project(x *gorgonia.Node, b *basis, axes axes) *gorgonia.Node {
	x = op.Must(op.Reshape{Groups: 1, Rows: l.dims[0], Cols: l.dims[1] * b.rank(2)}, op.Must(op.MatMul{}, x, axes[2]))
	x = op.Must(op.Reshape{Groups: 1, Rows: l.dims[1], Cols: b.rank(2) * b.rank(0)}, op.Must(op.MatMul{TransA: true}, x, axes[0]))
	return op.Must(op.MatMul{TransA: true}, axes[1], x)
}
