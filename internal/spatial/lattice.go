package spatial

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
	"gorgonia.org/gorgonia"

	"voxen/engine/op"
)

// Lattice is where the voxels of a map lie on a regular grid.
type Lattice struct {
	dims   [3]int     // of the smallest box around the voxels
	size   [3]float64 // millimetres between neighbours along each axis
	voxels [][3]int   // within the box
}

// NewLattice takes the grid indices of voxels and the distances, in mm, between
// neighbours along the axes, which are taken to be at right angles.
func NewLattice(voxels [][3]int, size [3]float64) (*Lattice, error) {
	if len(voxels) == 0 {
		return nil, fmt.Errorf("no voxels, want at least one")
	}
	lo, hi := voxels[0], voxels[0]
	for _, v := range voxels {
		for axis := range 3 {
			lo[axis], hi[axis] = min(lo[axis], v[axis]), max(hi[axis], v[axis])
		}
	}
	l := &Lattice{size: size, voxels: make([][3]int, len(voxels))}
	for axis := range 3 {
		l.dims[axis] = hi[axis] - lo[axis] + 1
		if !(size[axis] > 0) || math.IsInf(size[axis], 0) {
			return nil, fmt.Errorf("voxels of %v mm, want positive lengths", size)
		}
	}
	for i, v := range voxels {
		for axis := range 3 {
			l.voxels[i][axis] = v[axis] - lo[axis]
		}
	}
	return l, nil
}

// Len is the number of voxels.
func (l *Lattice) Len() int { return len(l.voxels) }

// box is the number of places of the box.
func (l *Lattice) box() int { return l.dims[0] * l.dims[1] * l.dims[2] }

// spread puts a value per voxel into the box, 0 elsewhere. smooth reads axes in
// the order 0, 1, 2 and leaves them in the order 1, 2, 0, the last one fastest.
func spread[F float32 | float64](l *Lattice, dst []F, values []float64, smoothed bool) {
	clear(dst)
	d := l.dims
	for i, v := range l.voxels {
		at := (v[0]*d[1]+v[1])*d[2] + v[2]
		if smoothed {
			at = (v[1]*d[2]+v[2])*d[0] + v[0]
		}
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

// kernels gives the kernel matrices of the widths along each axis, (1, M, n, n);
// with root their symmetric square roots. The Kronecker product of the three is
// the kernel on the box.
func (l *Lattice) kernels(widths []float64, root bool) ([3]op.Tensor, error) {
	var out [3]op.Tensor
	for axis, n := range l.dims {
		t := op.NewTensor(op.Dims{1, len(widths), n, n})
		for m, s := range widths {
			k := kernel(n, l.size[axis], s)
			if root {
				var err error
				if k, err = squareRoot(k); err != nil {
					return out, err
				}
			}
			copy(t.Data[m*n*n:], k.RawSymmetric().Data)
		}
		out[axis] = t
	}
	return out, nil
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

// squareRoot is Q sqrt(S) Q' of a positive semidefinite matrix, rounding below 0
// taken as 0.
func squareRoot(k *mat.SymDense) (*mat.SymDense, error) {
	n := k.SymmetricDim()
	var e mat.EigenSym
	if !e.Factorize(k, true) {
		return nil, fmt.Errorf("eigenproblem of a %d x %d kernel did not converge", n, n)
	}
	var q mat.Dense
	e.VectorsTo(&q)
	half := mat.DenseCopyOf(&q)
	for j, s := range e.Values(nil) {
		f := math.Sqrt(max(s, 0))
		for i := range n {
			half.Set(i, j, half.At(i, j)*f)
		}
	}
	var r mat.Dense
	r.Mul(half, q.T())
	sym := mat.NewSymDense(n, make([]float64, n*n))
	for i := range n {
		for j := range n {
			sym.RawSymmetric().Data[i*n+j] = (r.At(i, j) + r.At(j, i)) / 2
		}
	}
	return sym, nil
}

// smooth multiplies every batch by A_0 x A_1 x A_2 (Kronecker), symmetric
// matrices (1 or B, M, n, n) of the three axes: the array (B, 1 or M, n0 n1, n2) to
// (B, 1, M, box) with the axes in the order 1, 2, 0.
func (l *Lattice) smooth(x *gorgonia.Node, a [3]*gorgonia.Node, M int) *gorgonia.Node {
	n0, n1 := l.dims[0], l.dims[1]
	turn := func(x *gorgonia.Node, cols int) *gorgonia.Node {
		return op.Must(op.Reshape{Groups: M, Rows: l.box() / cols, Cols: cols}, op.Must(op.Transpose{}, x))
	}
	y := op.Must(op.MatMul{}, x, a[2])          // (n0 n1, n2)
	y = op.Must(op.MatMul{}, turn(y, n1), a[1]) // (n2 n0, n1)
	y = op.Must(op.MatMul{}, turn(y, n0), a[0]) // (n1 n2, n0)
	return op.Must(op.Reshape{Groups: 1, Rows: M, Cols: l.box()}, y)
}
